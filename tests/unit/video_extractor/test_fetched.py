"""A bundle of files that were fetched over a breaking connection, in the extractor that uses it."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from needledrop.bundle import Bundle
from needledrop.errors import BundleError
from needledrop.settings import CoreSettings
from needledrop_models.catalog import PublicFile, Space
from needledrop_models.download import OnBytes, Patience
from needledrop_models.fetch import fetch
from needledrop_models.store import FileStore
from tests.unit.models.made_up import COMPONENTS, digest, pca_arrays, public_files
from tests.unit.models.server import Answer, serving
from tests.unit.video_extractor.test_weights import Trap
from tests.video_reference import reference_frames
from video_extractor.extractor import load
from video_extractor.inception import Inception
from video_extractor.preprocessing import Preprocessing
from video_extractor.weights import StateDict

NAME = "pt_inception-2015-12-05-6726825d.pth"


@contextmanager
def quiet(_: PublicFile) -> Iterator[OnBytes]:
    yield lambda *_: None


def fetched(out: Path, state: object) -> Bundle:
    """The `yt8m` space with these weights for its pictures; the connection breaks twice."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    files = {**public_files(), NAME: buffer.getvalue()}
    with serving(files) as server:
        server.plan = [Answer(cut=5000), Answer(cut=9)]
        store = FileStore(out / ".downloads", server.url, Patience(sleep=lambda _: None))
        hashes = {name: digest(data) for name, data in files.items()}
        done = fetch([Space.YT8M], out, store, quiet, lambda _: None, hashes=hashes)
    assert done.failures == []
    return done.bundles[Space.YT8M]


@pytest.fixture(scope="module")
def bundle(weights_2015: StateDict, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return fetched(tmp_path_factory.mktemp("yt8m"), weights_2015)


def test_codes_are_those_of_the_published_extractors_arithmetic(
    bundle: Bundle, weights_2015: StateDict, tmp_path: Path
) -> None:
    frames = reference_frames(2)
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{index}.png")
    extractor = load(bundle, CoreSettings(device="cpu"))
    found = extractor.extract(tmp_path, lambda _: None).features
    pool = Inception(weights_2015, Preprocessing.YT8M, torch.device("cpu")).pool(frames)
    arrays = pca_arrays()
    vectors, values = arrays["eigenvecs.npy"].T[:, :COMPONENTS], arrays["eigenvals.npy"][:COMPONENTS, 0]
    whitened = (pool - arrays["mean.npy"][:, 0]) @ vectors / np.sqrt(values + 1e-4)
    off = np.abs(found - np.floor((np.clip(whitened, -2, 2) + 2) * 255 / 4))
    assert found.shape == (2, COMPONENTS)
    assert ((found > 0) & (found < 255)).mean() > 0.2
    assert (off == 0).mean() >= 0.99
    assert off.max() <= 1


def test_a_pickle_among_the_fetched_files_is_never_run(tmp_path: Path) -> None:
    bundle = fetched(tmp_path / "out", {"fc.weight": Trap(tmp_path / "ran")})
    with pytest.raises(BundleError, match="can't be read as plain weights"):
        load(bundle, CoreSettings(device="cpu"))
    assert not (tmp_path / "ran").exists()
