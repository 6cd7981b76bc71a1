"""From samples to codes: the reference's numbers, whatever the chunks and batches."""

from pathlib import Path

import numpy as np
import pytest

from audio_extractor.log_mel import PATCH_SAMPLES
from needledrop.errors import ErrorCode, MediaError
from tests.audio_reference import assert_codes_match, expected
from tests.unit.audio_extractor.fakes import Make, opener
from tests.unit.audio_extractor.signals import AT_16_KHZ, signals


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "any.wav"
    path.touch()
    return path


@pytest.mark.parametrize("name", AT_16_KHZ)
def test_codes_of_16_khz_signals_are_the_references(name: str, make_extractor: Make, file: Path) -> None:
    extractor = make_extractor(opener=opener(signals()[name].samples()))
    result = extractor.extract(file, lambda _: None)
    assert len(result.features) == len(expected()[f"{name}/embedding"])
    assert_codes_match(result.features[:120], expected()[f"{name}/afeat"])


@pytest.mark.parametrize(("sizes", "batch"), [((16000,), 1), ((1, 7, 15599, 4096), 5), ((10**6,), 64)])
def test_codes_do_not_depend_on_chunks_or_batch_size(
    sizes: tuple[int, ...], batch: int, make_extractor: Make, file: Path
) -> None:
    samples = signals()["long_16k_mono_125s"].samples()[: 16000 * 20]
    usual = make_extractor(opener=opener(samples)).extract(file, lambda _: None)
    other = make_extractor(opener=opener(samples, *sizes), batch=batch).extract(file, lambda _: None)
    assert_codes_match(other.features, usual.features)


def test_another_hop_gives_a_row_a_second(make_extractor: Make, file: Path) -> None:
    samples = signals()["chord_16k_mono_5s5"].samples()
    result = make_extractor("yt8m", opener=opener(samples)).extract(file, lambda _: None)
    assert result.features.shape == (5, 128)


def test_the_files_info_comes_along(make_extractor: Make, file: Path) -> None:
    samples = signals()["chord_16k_mono_5s5"].samples()
    assert make_extractor(opener=opener(samples)).extract(file, lambda _: None).info.duration_s == 5.5


def test_progress_is_told_after_each_batch(make_extractor: Make, file: Path) -> None:
    told: list[float | None] = []
    samples = signals()["long_16k_mono_125s"].samples()[: 16000 * 20]
    make_extractor(opener=opener(samples, 16000), batch=5).extract(file, told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("count", [0, 1, PATCH_SAMPLES - 1])
def test_sound_shorter_than_a_patch_is_too_short(count: int, make_extractor: Make, file: Path) -> None:
    with pytest.raises(MediaError, match=r"0\.975 s") as caught:
        make_extractor(opener=opener(np.zeros(count, np.float32))).extract(file, lambda _: None)
    assert caught.value.code is ErrorCode.MEDIA_TOO_SHORT


def test_one_patch_is_enough(make_extractor: Make, file: Path) -> None:
    extractor = make_extractor(opener=opener(np.zeros(PATCH_SAMPLES, np.float32)))
    assert extractor.extract(file, lambda _: None).features.shape == (1, 128)


def test_a_path_without_a_file_is_unreadable(make_extractor: Make, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file") as caught:
        make_extractor().extract(tmp_path / "absent.wav", lambda _: None)
    assert caught.value.code is ErrorCode.MEDIA_UNREADABLE
