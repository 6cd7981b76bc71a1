"""What `open_frames` gives, judged by films whose every frame says its number."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import Limits, open_frames
from needledrop_media.tasks import prepare_codec, threads_for
from tests.media_files import number_of, numbered, steady, write_film


def numbers_in(path: Path) -> list[int]:
    with open_frames(path, size=64) as reader:
        return [number_of(frame) for frame in reader]


def first_at_or_after_each_second(times: Sequence[Fraction]) -> list[int]:
    shown = [time - times[0] for time in times]
    found: list[int] = []
    while any(time >= len(found) for time in shown):
        found.append(next(number for number, time in enumerate(shown) if time >= len(found)))
    return found


def pictures(path: Path, threads: int) -> NDArray[np.uint8]:
    with open_frames(path, limits=Limits(threads=threads)) as reader:
        return np.stack(list(reader))


def film(path: Path, times: Sequence[Fraction], codec: str = "libx264", **options: str) -> Path:
    return write_film(path, (numbered(n) for n in range(len(times))), times, codec, options=options)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts", "film.flv"])
def test_a_steady_film_gives_a_frame_a_second(tmp_path: Path, name: str) -> None:
    assert numbers_in(film(tmp_path / name, steady(85))) == [0, 25, 50, 75]


def test_a_film_of_a_whole_number_of_seconds_has_no_frame_at_its_end(tmp_path: Path) -> None:
    assert numbers_in(film(tmp_path / "film.mp4", steady(50))) == [0, 25]


IRREGULAR = [Fraction(n, 1000) for n in (0, 400, 990, 1010, 1990, 2000, 2400, 5300, 5340, 6299, 6301, 6700)]


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_an_irregular_film_gives_the_first_frame_at_or_after_each_second(tmp_path: Path, name: str) -> None:
    assert numbers_in(film(tmp_path / name, IRREGULAR)) == first_at_or_after_each_second(IRREGULAR)


def test_time_counts_from_the_first_frame_where_the_clock_starts_late(tmp_path: Path) -> None:
    times = [time + Fraction(73, 10) for time in steady(60)]
    assert numbers_in(film(tmp_path / "film.mkv", times)) == [0, 25, 50]


def test_reordered_frames_without_stamps_are_counted(tmp_path: Path) -> None:
    path = write_film(
        tmp_path / "film.avi",
        (numbered(n) for n in range(60)),
        steady(60),
        "mpeg4",
        time_base=Fraction(1, 25),
        options={"bf": "2"},
    )
    assert numbers_in(path) == [0, 25, 50]


def test_a_transport_stream_whose_clock_starts_anew_runs_on(tmp_path: Path) -> None:
    one = film(tmp_path / "one.ts", steady(50)).read_bytes()
    path = tmp_path / "film.ts"
    path.write_bytes(one + one)
    assert numbers_in(path) == [0, 25, 0, 25]


def test_frames_may_change_their_size_on_the_way(tmp_path: Path) -> None:
    parts = []
    for number, (width, height) in enumerate([(64, 48), (96, 128)]):
        part = tmp_path / f"{number}.h264"
        write_film(part, [numbered(77 + number, width, height)] * 25, steady(25), time_base=Fraction(1, 25))
        parts.append(part.read_bytes())
    path = tmp_path / "film.h264"
    path.write_bytes(b"".join(parts))
    assert numbers_in(path) == [77, 78]


CORNERS = np.zeros((48, 64, 3), np.uint8)
CORNERS[:24, :32] = (255, 0, 0)
CORNERS[:24, 32:] = (0, 255, 0)
CORNERS[24:, :32] = (0, 0, 255)
CORNERS[24:, 32:] = (255, 255, 255)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_picture_is_turned_and_mirrored_as_the_file_says(tmp_path: Path, quarters: int, mirrored: bool) -> None:
    path = write_film(
        tmp_path / "film.mp4",
        [CORNERS] * 5,
        steady(5),
        "libx264rgb",
        "rgb24",
        rotation=(90 * quarters, mirrored, False),
    )
    turned = np.rot90(CORNERS, quarters)
    wanted = turned[:, ::-1] if mirrored else turned
    with open_frames(path, size=32) as reader:
        shown = next(iter(reader))
        assert (reader.info.width, reader.info.height) == (wanted.shape[1], wanted.shape[0])
    for y, x in [(4, 4), (4, 28), (28, 4), (28, 28)]:
        pixel = wanted[y * wanted.shape[0] // 32, x * wanted.shape[1] // 32]
        assert np.abs(shown[y, x].astype(int) - pixel).max() < 10


@pytest.mark.parametrize(("width", "height"), [(640, 360), (33, 21), (1, 1)])
def test_the_whole_frame_is_resized_as_pillow_does(tmp_path: Path, width: int, height: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    path = write_film(tmp_path / "film.mkv", [picture], steady(1), "ffv1", "bgr0")
    wanted = np.asarray(Image.fromarray(picture).resize((299, 299), Image.Resampling.BILINEAR))
    with open_frames(path) as reader:
        frames = list(reader)
    assert len(frames) == 1
    assert frames[0].dtype == np.uint8
    assert (frames[0] == wanted).all()


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv422p10le", "yuv444p12le"])
def test_deep_colour_comes_out_as_eight_bit(tmp_path: Path, pixels: str) -> None:
    picture = np.full((47, 63, 3), (200, 100, 50), np.uint8)
    path = write_film(tmp_path / "film.mkv", [picture], steady(1), "ffv1", pixels)
    with open_frames(path, size=16) as reader:
        shown = next(iter(reader))
    assert np.abs(shown.astype(int) - (200, 100, 50)).max() <= 3


def test_damage_at_the_end_costs_only_what_is_damaged(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", steady(100), g="10")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    found = numbers_in(path)
    assert 1 <= len(found) < 4
    assert found == [0, 25, 50, 75][: len(found)]


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = film(tmp_path / "film.ts", steady(100), g="5")
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 400] = bytes(400)
    path.write_bytes(bytes(data))
    found = numbers_in(path)
    assert found[0] == 0
    assert found[-1] == 75
    assert len(found) == 4


def test_the_tags_and_the_true_duration_are_told(tmp_path: Path) -> None:
    path = write_film(
        tmp_path / "film.mp4", [CORNERS] * 30, steady(30), metadata={"title": " A\ttitle ", "artist": "Someone"}
    )
    with open_frames(path, size=8) as reader:
        assert reader.progress == 0
        assert reader.info.duration_s == pytest.approx(1.2, abs=0.05)
        assert len(list(reader)) == 2
        assert reader.progress == 1
        assert (reader.info.title, reader.info.artist) == ("Atitle", "Someone")
        assert reader.info.duration_s == pytest.approx(1.2, abs=0.001)


def test_a_cover_picture_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44100, layout="mono")
        cover = container.add_stream("png", rate=1)
        assert isinstance(sound, av.AudioStream)
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "rgb24"
        cover.disposition = Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(CORNERS, "rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), "fltp", "mono")
        silence.sample_rate = 44100
        container.mux(sound.encode(silence))
        container.mux(cover.encode())
        container.mux(sound.encode())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(MediaError) as raised, open_frames(path):
        pass
    assert raised.value.code is ErrorCode.NO_VIDEO


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
def test_pictures_do_not_depend_on_the_number_of_threads(tmp_path: Path, name: str) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    path = film(tmp_path / name, steady(250), codec, g="100")
    one, two, eight = (pictures(path, threads) for threads in (1, 2, 8))
    assert one.shape == (10, 299, 299, 3)
    assert np.array_equal(one, two)
    assert np.array_equal(one, eight)


@pytest.mark.parametrize(
    ("height", "width", "most", "threads"),
    [
        pytest.param(1080, 1920, 8, 8, id="1080p"),
        pytest.param(2160, 3840, 8, 4, id="2160p"),
        pytest.param(4320, 7680, 8, 2, id="4320p, two at least"),
        pytest.param(1080, 1920, 1, 1, id="no more than the limit"),
        pytest.param(4320, 7680, 1, 1, id="not even two"),
        pytest.param(0, 0, 8, 8, id="of unknown size"),
    ],
)
def test_large_frames_get_few_threads(height: int, width: int, most: int, threads: int) -> None:
    assert threads_for(height * width, Limits(threads=most)) == threads


@pytest.mark.parametrize("most", [1, 3, 8])
def test_the_codec_gets_its_threads(tmp_path: Path, most: int) -> None:
    with av.open(str(film(tmp_path / "film.mp4", steady(2)))) as container:
        stream = container.streams.video[0]
        prepare_codec(stream, Limits(threads=most))
        assert stream.codec_context.thread_count == most


def test_frames_of_too_many_pixels_are_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", steady(2))
    with pytest.raises(MediaError) as raised, open_frames(path, limits=Limits(max_pixels=64 * 48 - 1)):
        pass
    assert raised.value.code is ErrorCode.MEDIA_TOO_LARGE


def test_a_film_that_plays_for_too_long_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", [Fraction(0), Fraction(5), Fraction(1000)])
    with pytest.raises(MediaError) as raised, open_frames(path, size=64, limits=Limits(max_duration_s=60)) as reader:
        for _ in reader:
            pass
    assert raised.value.code is ErrorCode.MEDIA_TOO_LARGE


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_the_key_frame_nearest_to_each_second_is_given_where_that_is_asked_for(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, steady(100), g="40", sc_threshold="0", bf="2")
    with open_frames(path, size=64, keyframes=True) as reader:
        # Key frames at 0, 1.6 and 3.2 s.
        assert [number_of(frame) for frame in reader] == [0, 40, 40, 80]
        assert reader.info.duration_s == pytest.approx(4.0, abs=0.01)
