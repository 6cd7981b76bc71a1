"""Real decoding and resampling in front of VGGish, against the reference."""

from pathlib import Path

import numpy as np
import pytest

from audio_extractor.patches import patch_batches
from audio_extractor.vggish import Vggish
from needledrop_media import open_audio
from tests.audio_reference import assert_codes_match, expected
from tests.shared import require_shared
from tests.unit.audio_extractor.fakes import Make
from tests.unit.audio_extractor.signals import RESAMPLED, signals


@pytest.mark.parametrize("name", RESAMPLED)
def test_embeddings_of_resampled_files_point_the_references_way(name: str, vggish: Vggish, tmp_path: Path) -> None:
    wanted = expected()[f"{name}/embedding"]
    with open_audio(signals()[name].write(tmp_path / "x.wav")) as reader:
        found = np.concatenate([vggish.embed(batch) for batch in patch_batches(reader, 15360, 32)])
    assert found.shape == wanted.shape
    cosine = (found * wanted).sum(1) / (np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1))
    assert cosine.min() >= 0.9995


def test_a_16_khz_file_gives_the_references_codes(make_extractor: Make, tmp_path: Path) -> None:
    name = "chord_16k_mono_5s5"
    result = make_extractor().extract(signals()[name].write(tmp_path / "x.wav"), lambda _: None)
    assert_codes_match(result.features, expected()[f"{name}/afeat"])
    assert result.info.duration_s == pytest.approx(5.5, abs=0.01)


def test_the_signals_are_the_references_files() -> None:
    folder = require_shared() / "reference"
    for name, signal in signals().items():
        path = folder / f"{name}.wav"
        if path.is_file():
            assert path.read_bytes()[44:] == signal.pcm.tobytes(), name


def test_the_expected_arrays_are_the_references() -> None:
    with np.load(require_shared() / "reference" / "vggish_expected.npz") as reference:
        for key, array in expected().items():
            np.testing.assert_array_equal(array, reference[key][: len(array)], err_msg=key)
