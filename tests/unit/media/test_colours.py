"""From YUV to RGB, judged by the formulas of ITU-R BT.601, BT.709, BT.2020 and SMPTE ST 2084."""

import math
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from needledrop_media import open_frames

KR_KB = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
UNSPECIFIED, BT709, SMPTE170M, BT2020_NCL = 2, 1, 6, 9


def to_yuv(rgb: tuple[float, float, float], matrix: str) -> NDArray[np.float64]:
    """Y from 0 to 1, Cb and Cr from -½ to ½, for R'G'B' from 0 to 1."""
    kr, kb = KR_KB[matrix]
    red, green, blue = rgb
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    return np.array([luma, (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)])


def shown(
    path: Path,
    colours: Sequence[NDArray[np.float64]],
    size: tuple[int, int],
    tag: int,
    full: bool = False,
    hdr: ColorTrc | None = None,
) -> NDArray[np.int64]:
    """The colours [n, 3] that a lossless ten-bit film shows, one colour a second."""
    width, height = size
    scale, offset = ((1023, 1023, 1023), (0, 512, 512)) if full else ((876, 896, 896), (64, 512, 512))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p10le"
        stream.color_range, stream.colorspace = (2 if full else 1), tag
        if hdr:
            stream.color_trc, stream.color_primaries = hdr, ColorPrimaries.BT2020
        for second, yuv in enumerate(colours):
            frame = av.VideoFrame(width, height, "yuv444p10le")
            frame.color_range, frame.colorspace, frame.pts = stream.color_range, tag, second
            for plane, value, span, zero in zip(frame.planes, yuv, scale, offset, strict=True):
                plane.update(np.full(plane.buffer_size // 2, round(value * span + zero), "<u2").tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with open_frames(path, size=8) as reader:
        return np.stack([frame[4, 4] for frame in reader]).astype(np.int64)


COLOURS = [(0.9, 0.2, 0.1), (0.1, 0.8, 0.3), (0.2, 0.3, 0.95), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)]


def worst_error(found: NDArray[np.int64]) -> float:
    return float(np.abs(found - 255 * np.array(COLOURS)).max())


@pytest.mark.parametrize(("tag", "matrix"), [(SMPTE170M, "bt601"), (BT709, "bt709"), (BT2020_NCL, "bt2020")])
def test_the_films_own_matrix_is_used(tmp_path: Path, tag: int, matrix: str) -> None:
    found = shown(tmp_path / "film.mkv", [to_yuv(rgb, matrix) for rgb in COLOURS], (64, 48), tag)
    assert worst_error(found) <= 2


@pytest.mark.parametrize(("size", "matrix"), [((640, 480), "bt601"), ((1280, 720), "bt709"), ((406, 720), "bt709")])
def test_a_film_that_names_no_matrix_has_that_of_its_size(tmp_path: Path, size: tuple[int, int], matrix: str) -> None:
    found = shown(tmp_path / "film.mkv", [to_yuv(rgb, matrix) for rgb in COLOURS], size, UNSPECIFIED)
    assert worst_error(found) <= 2


def test_full_range_is_heeded(tmp_path: Path) -> None:
    found = shown(tmp_path / "film.mkv", [to_yuv(rgb, "bt709") for rgb in COLOURS], (64, 48), BT709, full=True)
    assert worst_error(found) <= 2


def pq(nits: float) -> float:
    """The inverse EOTF of SMPTE ST 2084."""
    power = math.pow(nits / 10000, 2610 / 16384)
    return math.pow((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power), 2523 / 32)


# BT.709's primaries in those of BT.2020 (ITU-R BT.2087-0, table 2).
PRIMARIES_709 = [(0.6274, 0.0691, 0.0164), (0.3293, 0.9195, 0.0880), (0.0433, 0.0114, 0.8956)]
GREYS_NITS = [1, 10, 50, 203, 1000]


def test_high_dynamic_range_keeps_colours_saturated_greys_grey_and_their_order(tmp_path: Path) -> None:
    signals = [(pq(203 * red), pq(203 * green), pq(203 * blue)) for red, green, blue in PRIMARIES_709]
    signals += [(pq(nits), pq(nits), pq(nits)) for nits in GREYS_NITS]
    yuv = [to_yuv(signal, "bt2020") for signal in signals]
    found = shown(tmp_path / "film.mkv", yuv, (64, 48), BT2020_NCL, hdr=ColorTrc.SMPTE2084)

    for channel, colour in enumerate(found[:3]):
        assert colour[channel] > 120
        assert np.delete(colour, channel).max() < 0.35 * colour[channel]
    greys = found[3:]
    assert np.ptp(greys, axis=1).max() <= 3
    assert (np.diff(greys.mean(axis=1)) > 0).all()
    assert greys[0].max() < 40
    assert greys[3].min() > 120
