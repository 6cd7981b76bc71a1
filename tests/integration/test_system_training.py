"""Training, reporting, switching and switching back in the whole system, with real extractors and a real training."""

import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from needledrop_client import Client, ModelDetail, Pair
from needledrop_demo import DemoClip
from tests.stack import RunningStack

WAIT_S = 240.0


@pytest.fixture(autouse=True, scope="module")
def _demo_library(stack: RunningStack) -> None:
    stack.restore_library()


@pytest.fixture(scope="module")
def pairs(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Pair]]:
    """Each demo clip with the music that it was made with, as a pair that is ready."""
    folder = tmp_path_factory.mktemp("pairs")
    music = {track.title: track.path for track in stack.tracks}
    films = [with_sound(clip, music[clip.track.title], folder / f"{clip.path.stem}.mp4") for clip in stack.clips]
    uploaded = [stack.client.add_pair(film) for film in films]
    yield [wait_for_pair(stack.client, pair.id) for pair in uploaded]
    for pair in uploaded:
        stack.client.delete_pair(pair.id)


@pytest.fixture(scope="module")
def model(stack: RunningStack, pairs: list[Pair]) -> ModelDetail:
    asked = stack.client.train("needledrop", name="Ours", seed=1)
    told = list(stack.client.watch(asked.id))
    assert told[-1].state == "ready", told[-1].error
    return stack.client.model(asked.id)


def with_sound(clip: DemoClip, sound: Path, target: Path) -> Path:
    """The clip's pictures as they are, and the sound for as long."""
    with av.open(clip.path) as pictures, av.open(sound) as music, av.open(target, "w") as film:
        video = film.add_stream_from_template(pictures.streams.video[0])
        audio = film.add_stream("aac", rate=44_100, layout="mono")
        resampler = av.AudioResampler("fltp", "mono", 44_100, frame_size=1024)
        for packet in pictures.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                film.mux(packet)
        for frame in music.decode(audio=0):
            if frame.time is not None and frame.time >= clip.seconds:
                break
            for resampled in resampler.resample(frame):
                film.mux(audio.encode(resampled))
        film.mux(audio.encode(None))
    return target


def wait_for_pair(client: Client, pair_id: str) -> Pair:
    deadline = time.monotonic() + WAIT_S
    while (pair := client.pair(pair_id)).status != "ready":
        assert pair.status != "failed", pair.error
        assert time.monotonic() < deadline, f"{pair.name} is {pair.status} ({pair.stage})"
        time.sleep(0.2)
    return pair


def test_a_model_trained_on_the_systems_own_pairs_ranks_and_the_one_before_comes_back(
    stack: RunningStack, model: ModelDetail
) -> None:
    clip = stack.client.upload_video(stack.clips[0].path)
    before = stack.client.match(clip.id)
    assert (model.state, model.active, model.coverage.embedded) == ("ready", False, 0)

    assert stack.client.activate(model.id).state == "embedding"
    told = list(stack.client.watch(model.id))
    assert told[-1].error is None
    assert (told[-1].active, told[-1].coverage.embedded) == (True, told[-1].coverage.total)
    after = stack.client.match(clip.id)
    assert after.model.id == stack.client.about().model.id == model.id  # type: ignore[union-attr]
    assert sorted(r.audio.id for r in after.results) == sorted(r.audio.id for r in before.results)
    for result in after.results:
        assert result.start_s == round(result.start_s), "aligned second by second"
        assert result.audio.duration_s is not None
        assert 0 <= result.start_s < result.audio.duration_s

    assert stack.client.activate(before.model.id).active, "at once: its embeddings are still there"
    assert stack.client.match(clip.id) == before


def test_its_report_is_of_pairs_that_were_held_out(stack: RunningStack, model: ModelDetail) -> None:
    assert model.summary is not None
    assert model.summary["reported_on"] == 2
    assert stack.client.report(model.id)["pairs"] == 2
    assert "Ours" in stack.client.report_table(model.id)
    assert stack.client.report_picture(model.id, "recall").startswith(b"\x89PNG")
    assert stack.client.report_picture(model.id, "similarity").startswith(b"\x89PNG")


def test_a_track_added_while_it_ranks_has_a_place_under_both_models(
    stack: RunningStack, model: ModelDetail, tmp_path: Path
) -> None:
    bundled = stack.client.about().model
    assert bundled is not None
    stack.client.activate(model.id)
    list(stack.client.watch(model.id))
    copy = tmp_path / "copy.flac"
    source = next(track for track in stack.tracks if track.path.suffix == ".flac")
    copy.write_bytes(source.path.read_bytes() + b"\0" * 8)
    added = stack.client.upload_audio(copy)
    deadline = time.monotonic() + WAIT_S
    while stack.client.track(added.id).status != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    clip = stack.client.upload_video(stack.clips[0].path)
    for model_id in (model.id, bundled.id):
        stack.client.activate(model_id)
        list(stack.client.watch(model_id))
        match = stack.client.match(clip.id)
        assert match.model.id == model_id
        assert added.id in {result.audio.id for result in match.results}
    stack.client.delete_track(added.id)


def test_a_clip_without_sound_is_no_pair(stack: RunningStack) -> None:
    pair = stack.client.add_pair(stack.clips[0].path)
    deadline = time.monotonic() + WAIT_S
    while stack.client.pair(pair.id).status != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    error = stack.client.pair(pair.id).error
    assert error is not None
    assert error.code == "no_audio"
    stack.client.delete_pair(pair.id)
