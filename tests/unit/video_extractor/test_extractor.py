import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from needledrop.errors import ErrorCode, MediaError
from tests.unit.video_extractor.fakes import COLOUR_PCA, SPACE, ColourMeans, colours, opens
from video_extractor.extractor import VideoExtractor, read_ahead
from video_extractor.inception import Frames, Pool

CLIP = Path("clip.mp4")


def ignore(_: float | None) -> None:
    pass


@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
def test_every_second_has_its_row_whatever_the_batches(count: int) -> None:
    frames = colours(count)
    extractor = VideoExtractor(SPACE, ColourMeans(), COLOUR_PCA, opens(frames, count))
    found = extractor.extract(CLIP, ignore).features
    assert found.dtype == np.uint8
    assert found.tolist() == [frame[0, 0].tolist() for frame in frames]


def test_the_backbone_is_given_full_batches_and_then_the_rest() -> None:
    backbone = ColourMeans()
    VideoExtractor(SPACE, backbone, COLOUR_PCA, opens(colours(37), 37), batch=16).extract(CLIP, ignore)
    assert backbone.batches == [16, 16, 5]


def test_progress_is_the_share_of_the_duration_that_is_done() -> None:
    told: list[float | None] = []
    VideoExtractor(SPACE, ColourMeans(), COLOUR_PCA, opens(colours(40), 80.0), batch=16).extract(CLIP, told.append)
    assert told == [pytest.approx(0.2), pytest.approx(0.4), pytest.approx(0.5)]


def test_progress_never_passes_one_where_the_container_tells_too_little() -> None:
    told: list[float | None] = []
    VideoExtractor(SPACE, ColourMeans(), COLOUR_PCA, opens(colours(40), 10.0), batch=16).extract(CLIP, told.append)
    assert told == [1.0, 1.0, 1.0]


def test_progress_is_none_where_the_container_tells_no_duration() -> None:
    told: list[float | None] = []
    VideoExtractor(SPACE, ColourMeans(), COLOUR_PCA, opens(colours(3), 0.0), batch=16).extract(CLIP, told.append)
    assert told == [None]


def test_the_duration_is_the_one_that_proved_true() -> None:
    extractor = VideoExtractor(SPACE, ColourMeans(), COLOUR_PCA, opens(colours(3), told_s=9.0, true_s=2.6))
    assert extractor.extract(CLIP, ignore).info.duration_s == 2.6


def test_rows_before_the_pca_are_handed_over_in_order() -> None:
    frames = colours(20)
    rows: list[Pool] = []
    VideoExtractor(SPACE, ColourMeans(), COLOUR_PCA, opens(frames, 20)).extract(CLIP, ignore, rows.append)
    np.testing.assert_array_equal(np.concatenate(rows), [frame[0, 0] for frame in frames])


def test_a_file_without_a_frame_has_no_video() -> None:
    with pytest.raises(MediaError) as raised:
        VideoExtractor(SPACE, ColourMeans(), COLOUR_PCA, opens([], 3.0)).extract(CLIP, ignore)
    assert raised.value.code is ErrorCode.NO_VIDEO


def test_the_next_batch_is_decoded_while_the_model_works_on_this_one() -> None:
    asked = [threading.Event() for _ in range(4)]

    def decode() -> Iterator[Frames]:
        for event, frame in zip(asked, colours(4), strict=True):
            event.set()
            yield frame

    with closing(read_ahead(decode(), 2)) as batches:
        next(batches)
        assert asked[3].wait(10)


def test_no_more_than_one_batch_is_decoded_ahead() -> None:
    asked: list[int] = []

    def decode() -> Iterator[Frames]:
        for index, frame in enumerate(colours(40)):
            asked.append(index)
            yield frame

    with closing(read_ahead(decode(), 4)) as batches:
        next(batches)
    assert len(asked) == 8


def test_the_decoders_error_comes_through() -> None:
    def decode() -> Iterator[Frames]:
        yield from colours(5)
        raise MediaError(ErrorCode.DECODER_CRASHED, "gone")

    with pytest.raises(MediaError, match="gone"):
        list(read_ahead(decode(), 2))
