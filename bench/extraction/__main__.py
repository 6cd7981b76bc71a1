"""`python -m bench`, with threads that wait as the extractors' do."""

import sys

from bench.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
