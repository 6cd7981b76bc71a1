from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from needledrop_demo import (
    DemoClip,
    DemoTrack,
    demo_clips,
    demo_library,
    render_frames,
    render_music,
    write_clips,
    write_library,
)
from needledrop_demo.__main__ import main
from needledrop_demo.encode import FORMATS
from needledrop_demo.library import write_clip, write_track

SHORT_S = 2.0


@pytest.fixture(scope="module", params=range(len(FORMATS)), ids=lambda index: FORMATS[index].suffix)
def track(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DemoTrack:
    """A short track of each format, written."""
    folder = tmp_path_factory.mktemp("library")
    which: int = request.param
    short = replace(demo_library(folder)[which], seconds=SHORT_S)
    write_track(short)
    return short


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> DemoClip:
    short = replace(demo_clips(tmp_path_factory.mktemp("clips"))[0], seconds=SHORT_S)
    write_clip(short)
    return short


def decoded(path: Path) -> Iterator[npt.NDArray[np.float32]]:
    with av.open(path) as container:
        resampler = av.AudioResampler(format="flt", layout="mono")
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                yield part.to_ndarray()[0]


def test_the_library_has_24_tracks_and_the_clips_name_12_of_them(tmp_path: Path) -> None:
    tracks, clips = demo_library(tmp_path), demo_clips(tmp_path)
    assert len({track.path for track in tracks}) == len({track.title for track in tracks}) == 24
    assert len({clip.path for clip in clips}) == len({clip.track.title for clip in clips}) == 12
    assert {track.path.suffix for track in tracks} == {".flac", ".mp3", ".ogg", ".m4a"}
    assert all(20 <= track.seconds <= 40 for track in tracks)
    assert all(8 <= clip.seconds <= 12 for clip in clips)


def test_a_clip_shares_its_track_s_factors_but_not_its_seed(tmp_path: Path) -> None:
    for clip in demo_clips(tmp_path):
        assert astuple(clip.scene)[:-1] == astuple(clip.track.scene)[:-1]
        assert clip.scene.seed != clip.track.scene.seed


def test_a_track_s_file_carries_title_and_artist(track: DemoTrack) -> None:
    with av.open(track.path) as container:
        tags = {**container.metadata, **container.streams.audio[0].metadata}
    lowered = {name.lower(): value for name, value in tags.items()}
    assert (lowered["title"], lowered["artist"]) == (track.title, track.artist)


def test_a_track_s_file_sounds_as_it_was_rendered(track: DemoTrack) -> None:
    heard = np.concatenate(list(decoded(track.path)))
    meant = render_music(track.scene, SHORT_S, track.kind.sample_rate)
    assert len(heard) == pytest.approx(len(meant), abs=3000)
    length = min(len(heard), len(meant))
    spectra = [np.fft.rfft(signal[:length]) for signal in (heard, meant)]
    correlation = np.fft.irfft(spectra[0] * np.conj(spectra[1]), length).max()
    energies = [float(np.sum(signal[:length].astype(np.float64) ** 2)) for signal in (heard, meant)]
    assert correlation / np.sqrt(energies[0] * energies[1]) > 0.95
    assert 10 * np.log10(energies[0] / energies[1]) == pytest.approx(0, abs=1)


def test_a_clip_is_silent_h264_of_its_size_and_length(clip: DemoClip) -> None:
    with av.open(clip.path) as container:
        assert not container.streams.audio
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.codec_context.width, stream.codec_context.height) == clip.size
        times = [float(frame.time) for frame in container.decode(stream) if frame.time is not None]
    assert times == pytest.approx([index / clip.fps for index in range(round(SHORT_S * clip.fps))], abs=1e-3)


def test_a_clip_s_file_shows_the_frames_that_were_rendered(clip: DemoClip) -> None:
    with av.open(clip.path) as container:
        seen = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)
    meant = next(render_frames(clip.scene, [0.0], clip.size)).astype(float)
    assert np.abs(seen.mean((0, 1)) - meant.mean((0, 1))).max() < 4
    assert np.corrcoef(seen.ravel(), meant.ravel())[0, 1] > 0.95


def test_writing_again_gives_the_same_bytes(track: DemoTrack, clip: DemoClip, tmp_path: Path) -> None:
    second_track = replace(track, path=tmp_path / track.path.name)
    second_clip = replace(clip, path=tmp_path / clip.path.name)
    write_track(second_track)
    write_clip(second_clip)
    assert second_track.path.read_bytes() == track.path.read_bytes()
    assert second_clip.path.read_bytes() == clip.path.read_bytes()


def test_files_that_are_there_are_kept_and_missing_ones_made(tmp_path: Path) -> None:
    library, clips = demo_library(tmp_path / "library"), demo_clips(tmp_path / "clips")
    missing = min(library, key=lambda track: track.seconds)
    for path in [*(track.path for track in library if track != missing), *(clip.path for clip in clips)]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"kept")
    write_library(tmp_path / "library")
    write_clips(tmp_path / "clips")
    changed = [path for path in sorted(tmp_path.rglob("*.*")) if path.read_bytes() != b"kept"]
    assert changed == [missing.path]


def test_the_command_lists_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library, clips = demo_library(tmp_path / "library"), demo_clips(tmp_path / "clips")
    for path in [*(track.path for track in library), *(clip.path for clip in clips)]:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    main(["--out", str(tmp_path)])
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [Path(line[0]) for line in lines] == [*(track.path for track in library), *(clip.path for clip in clips)]
    assert lines[-1][2] == f"belongs to {clips[-1].track.title}"
