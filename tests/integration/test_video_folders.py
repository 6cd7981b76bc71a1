"""Pairs from a folder of videos, through the real extractors' commands and the demo bundle."""

from pathlib import Path

import av
import numpy as np
import pytest

from matcher_training.data import read_pairs
from matcher_training.data.videos import VideoSource, videos_layout
from needledrop.bundle import Bundle
from needledrop.features import Modality
from tests.stack import RunningStack


def mux(picture: Path, sound: Path, out: Path) -> None:
    """The picture of one file with the sound of another, neither encoded again."""
    with av.open(picture) as seen, av.open(sound) as heard, av.open(out, "w") as film:
        streams = [(seen, seen.streams.video[0]), (heard, heard.streams.audio[0])]
        # Both before the first packet, with which the file's head is written.
        made = [film.add_stream_from_template(stream) for _, stream in streams]
        for (container, stream), target in zip(streams, made, strict=True):
            for packet in container.demux(stream):
                if packet.dts is not None:
                    packet.stream = target
                    film.mux(packet)


def test_videos_with_sound_become_pairs_and_a_silent_one_is_left_out(
    stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos, said = tmp_path / "videos", list[str]()
    videos.mkdir()
    for number in range(3):
        mux(stack.clips[number].path, stack.tracks[number].path, videos / f"{number}.mkv")
    silent = videos / stack.clips[0].path.name
    silent.write_bytes(stack.clips[0].path.read_bytes())
    source = VideoSource(stack.stack.bundle, tmp_path / "cache", report=said.append)

    pairs = read_pairs([videos], videos=lambda folder: videos_layout(folder, source))

    assert pairs.ids is not None
    assert pairs.ids.tolist() == ["0", "1", "2"]
    assert f"{silent.name}: left out, no_audio: the file has no sound" in said
    bundle = Bundle.load(stack.stack.bundle)
    for side, modality in ((pairs.video, Modality.VIDEO), (pairs.audio, Modality.AUDIO)):
        assert (side.dim, side.hop_s) == (bundle.side(modality).dim, bundle.side(modality).hop_s)
        assert side.space == bundle.space(modality).id
        assert side.codes.std() > 0

    monkeypatch.setattr("matcher_training.data.extracted.subprocess.run", None)
    again = read_pairs([videos], videos=lambda folder: videos_layout(folder, source))
    np.testing.assert_array_equal(again.video.codes, pairs.video.codes)
    np.testing.assert_array_equal(again.audio.codes, pairs.audio.codes)
