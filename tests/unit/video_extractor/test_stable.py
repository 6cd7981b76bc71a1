"""Answers don't change with batch size, threads or encoding beyond what is stated in docs/performance.md."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from matcher_training.towers.reference import make_reference
from needledrop.bundle import Bundle
from needledrop.features import Codes, dequantise
from needledrop.metric_kind import MetricKind
from needledrop.settings import CoreSettings
from needledrop_models.video_pca import VideoPca
from tests.shared import require_shared
from video_extractor.extractor import VideoExtractor, load, load_backbone, open_source

CPU = CoreSettings(device="cpu")
RABBITS = ("mdn_rabbit.mp4", "mdn_rabbit320.mp4", "mdn_rabbit320.webm")
# One film in another size or codec is another picture, of which the network sees most.
LEAST_RAW, LEAST_WHITENED = 0.999, 0.9


@pytest.fixture(scope="module")
def extractor(bundle: Bundle) -> VideoExtractor:
    return load(bundle, CPU)


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def clip(name: str) -> Path:
    return require_shared() / "media" / "clips" / name


def extracted(extractor: VideoExtractor, path: Path) -> tuple[Codes, np.ndarray]:
    rows: list[np.ndarray] = []
    codes = extractor.extract(path, lambda _: None, rows.append).features
    return codes, np.concatenate(rows)


@pytest.fixture(scope="module")
def rabbits(extractor: VideoExtractor) -> list[tuple[Codes, np.ndarray]]:
    """What comes of each of RABBITS, codes and rows."""
    return [extracted(extractor, clip(name)) for name in RABBITS]


def same(one: Codes, other: Codes) -> bool:
    """Equal for 99 in 100, and nowhere off by more than one: the tolerance of the reference's own numbers."""
    off = np.abs(one.astype(int) - other.astype(int))
    return one.shape == other.shape and bool((off == 0).mean() >= 0.99) and int(off.max()) <= 1


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    result: np.ndarray = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    return result


@pytest.mark.parametrize("batch", [1, 5])
def test_codes_do_not_depend_on_the_size_of_a_batch(
    bundle: Bundle, extractor: VideoExtractor, rabbits: list[tuple[Codes, np.ndarray]], batch: int
) -> None:
    part = bundle.video
    assert part.pca is not None
    pca = VideoPca.load(bundle.root / part.pca.path)
    other = VideoExtractor(extractor.space, load_backbone(bundle, CPU), pca, open_source, batch)
    assert same(extracted(other, clip(RABBITS[1]))[0], rabbits[1][0])


@pytest.mark.usefixtures("one_thread")
def test_codes_do_not_depend_on_the_number_of_threads(extractor: VideoExtractor) -> None:
    path = clip("mdn_rabbit320.mp4")
    alone = extracted(extractor, path)[0]
    torch.set_num_threads(2)
    assert same(extracted(extractor, path)[0], alone)


def test_one_film_in_several_encodings_has_nearly_the_same_features(rabbits: list[tuple[Codes, np.ndarray]]) -> None:
    (codes, raw), *others = rabbits
    for other_codes, other_raw in others:
        count = min(len(raw), len(other_raw))
        assert abs(len(raw) - len(other_raw)) <= 1
        assert cosine(raw[:count], other_raw[:count]).min() >= LEAST_RAW
        assert cosine(dequantise(codes[:count]), dequantise(other_codes[:count])).mean() >= LEAST_WHITENED


def test_one_film_in_several_encodings_finds_the_same_tracks(rabbits: list[tuple[Codes, np.ndarray]]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        metric = make_reference(MetricKind.VA_METRIC2)
    tracks = np.random.default_rng(0).integers(0, 256, (200, 20, 128), np.uint8)
    found = []
    for codes, _ in rabbits:
        with torch.inference_mode():
            vector = metric.video(torch.from_numpy(dequantise(codes))[None])
            distances = torch.linalg.vector_norm(metric.audio(torch.from_numpy(dequantise(tracks))) - vector, dim=1)
        found.append(distances.argsort().tolist())
    for other in found[1:]:
        assert other[0] == found[0][0]
        assert len(set(other[:10]) & set(found[0][:10])) >= 9
