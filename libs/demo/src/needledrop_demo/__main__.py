"""`python -m needledrop_demo --out DIR`: write the demo library to DIR/library and its clips to DIR/clips."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from needledrop_demo.library import write_clips, write_library


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, or `arguments`; write, and print a line a file."""
    parser = argparse.ArgumentParser(prog="needledrop-demo", description="Write the demo library and its clips.")
    parser.add_argument("--out", type=Path, required=True, help="folder for library/ and clips/")
    folder: Path = parser.parse_args(arguments).out
    tracks = write_library(folder / "library")
    clips = write_clips(folder / "clips", tracks)
    for track in tracks:
        print(f"{track.path}\t{track.title}\t{track.artist}")
    for clip in clips:
        print(f"{clip.path}\t{clip.title}\tbelongs to {clip.track.title}")


if __name__ == "__main__":
    main()
