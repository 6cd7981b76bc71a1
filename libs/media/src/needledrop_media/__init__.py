"""Probing and decoding of media files with PyAV, in a child process that has limits.

with open_audio(path) as reader:
    for chunk in reader: ...
"""

from needledrop_media.limits import Limits
from needledrop_media.reader import MediaReader, open_audio, open_frames
from needledrop_media.ready import prepare

__all__ = ["Limits", "MediaReader", "open_audio", "open_frames", "prepare"]
