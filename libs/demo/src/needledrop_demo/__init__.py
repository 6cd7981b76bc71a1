"""Music and pictures generated from shared hidden factors, for the demo, the demo bundle and the tests."""

from needledrop_demo.library import DemoClip, DemoTrack, demo_clips, demo_library, write_clips, write_library
from needledrop_demo.music import render_music
from needledrop_demo.pictures import render_frames
from needledrop_demo.scene import TRAINING_PAIRS, Scene, training_pairs

__all__ = [
    "TRAINING_PAIRS",
    "DemoClip",
    "DemoTrack",
    "Scene",
    "demo_clips",
    "demo_library",
    "render_frames",
    "render_music",
    "training_pairs",
    "write_clips",
    "write_library",
]
