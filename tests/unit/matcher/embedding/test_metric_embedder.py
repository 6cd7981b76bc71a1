import hashlib
from pathlib import Path

import numpy as np
import pytest

from matcher.embedding.metric_embedder import MetricEmbedder
from matcher.tables import Model
from matcher.training.fitting import fit
from matcher.training.run import Work
from matcher_training.bundles.loading import load_metric
from needledrop.errors import BundleError, ErrorCode, StorageError
from needledrop.features import Modality
from needledrop.metric import CARD, WEIGHTS
from needledrop_storage.keys import model_key
from needledrop_storage.store import MediaStore
from tests.unit.matcher.training.made_up import pairs

CODES = {
    Modality.VIDEO: np.random.default_rng(1).integers(0, 256, (9, 24)).astype(np.uint8),
    Modality.AUDIO: np.random.default_rng(2).integers(0, 256, (40, 16)).astype(np.uint8),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("metric")
    fit(Work(pairs(12), "needledrop", "Mine", 0, made), lambda _: None)
    return made


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> MediaStore:
    store = MediaStore((tmp_path / "media").as_uri())
    for name in (CARD, WEIGHTS):
        store.put_file(model_key("mine", name), folder / name)
    return store


@pytest.fixture
def model(folder: Path) -> Model:
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (CARD, WEIGHTS)}
    return Model(id="mine", files=files)


def test_a_stored_model_embeds_as_the_folder_that_was_trained(
    folder: Path, store: MediaStore, model: Model, tmp_path: Path
) -> None:
    embed = MetricEmbedder(tmp_path / "no-bundle", store)
    trained = load_metric(folder)
    [clip] = embed(model, Modality.VIDEO, CODES[Modality.VIDEO], 1.0).windows
    np.testing.assert_array_equal(clip.vector, trained.clip(CODES[Modality.VIDEO], 1.0))
    track = embed(model, Modality.AUDIO, CODES[Modality.AUDIO], 1.0)
    expected = trained.windows(CODES[Modality.AUDIO], 1.0)
    assert [window.start_s for window in track.windows] == [window.start_s for window in expected]
    for window, wanted in zip(track.windows, expected, strict=True):
        np.testing.assert_array_equal(window.vector, wanted.vector)
    assert track.steps is not None
    assert track.steps.vectors.shape == (40, trained.dim)
    assert track.steps.vectors.dtype == np.float16


def test_a_model_is_read_once(store: MediaStore, model: Model, tmp_path: Path) -> None:
    embed = MetricEmbedder(tmp_path / "no-bundle", store)
    [first] = embed(model, Modality.VIDEO, CODES[Modality.VIDEO], 1.0).windows
    store.delete(model_key("mine", WEIGHTS))
    [second] = embed(model, Modality.VIDEO, CODES[Modality.VIDEO], 1.0).windows
    np.testing.assert_array_equal(second.vector, first.vector)


def test_assets_of_many_lengths_together_are_embedded_as_each_alone(
    store: MediaStore, model: Model, tmp_path: Path
) -> None:
    embed = MetricEmbedder(tmp_path / "no-bundle", store)
    for modality in Modality:
        assets = [(CODES[modality][:length], hop_s) for length, hop_s in ((40, 1.0), (3, 1.0), (40, 0.96), (17, 1.0))]
        for (codes, hop_s), made in zip(assets, embed.many(model, modality, assets), strict=True):
            alone = embed(model, modality, codes, hop_s)
            assert [one.start_s for one in made.windows] == [one.start_s for one in alone.windows]
            for window, wanted in zip(made.windows, alone.windows, strict=True):
                np.testing.assert_allclose(window.vector, wanted.vector, atol=1e-5)
            assert made.steps is not None
            assert alone.steps is not None
            assert made.steps.hop_s == hop_s
            np.testing.assert_allclose(made.steps.vectors, alone.steps.vectors, atol=2e-3)


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_a_flipped_bit_in_the_store_is_refused(store: MediaStore, model: Model, tmp_path: Path, name: str) -> None:
    data = bytearray(store.get_bytes(model_key("mine", name)))
    data[len(data) // 2] ^= 1
    store.put_bytes(model_key("mine", name), bytes(data))
    with pytest.raises(StorageError) as caught:
        MetricEmbedder(tmp_path / "no-bundle", store)(model, Modality.VIDEO, CODES[Modality.VIDEO], 1.0)
    assert caught.value.code is ErrorCode.STORAGE_CORRUPT


def test_a_bundles_model_is_not_looked_for_in_the_store(store: MediaStore, tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        MetricEmbedder(tmp_path / "no-bundle", store)(
            Model(id="mine", files=None), Modality.VIDEO, CODES[Modality.VIDEO], 1.0
        )
