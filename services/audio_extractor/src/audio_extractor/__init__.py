"""The audio extractor: 16 kHz sound in, VGGish features out."""

import os

# Read when NumPy is loaded. The log-mel matrix is small, and beside TensorFlow's threads those of BLAS spin in vain.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
