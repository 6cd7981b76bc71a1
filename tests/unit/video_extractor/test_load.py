from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA
from torchvision.models import inception_v3

from needledrop.bundle import Bundle
from needledrop.errors import BundleError
from needledrop.features import Modality
from needledrop.settings import CoreSettings
from tests.video_reference import reference_frames, reference_pca
from video_extractor.extractor import VideoExtractor, load
from video_extractor.weights import StateDict

CPU = CoreSettings(device="cpu")


def ignore(_: float | None) -> None:
    pass


@pytest.fixture(scope="module")
def extractor(bundle: Bundle) -> VideoExtractor:
    return load(bundle, CPU)


def changed(bundle: Bundle, **fields: Any) -> Bundle:
    side = bundle.video.model_copy(update=fields)
    return Bundle(bundle.root, bundle.manifest.model_copy(update={"video": side}))


def plain_torchvision(weights: StateDict, frames: np.ndarray) -> np.ndarray:
    """Codes by torchvision's own unchanged network and scikit-learn's PCA, then the formula of the quantiser."""
    network = inception_v3(weights=None, init_weights=False, transform_input=True)
    network.load_state_dict(weights)
    network.fc = torch.nn.Identity()
    with torch.inference_mode():
        pooled = network.eval()(torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255).numpy()
    pca, params = PCA(1024, whiten=True), reference_pca()
    pca.mean_, pca.components_, pca.explained_variance_ = params.mean, params.components, params.explained_variance
    codes: np.ndarray = np.floor((np.clip(pca.transform(pooled), -2, 2) + 2) * 255 / 4)
    return codes


def test_a_folder_of_frames_gives_what_torchvision_and_scikit_learn_give(
    extractor: VideoExtractor, weights: StateDict, tmp_path: Path
) -> None:
    frames = reference_frames(2)
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{index:03}.png")
    found = extractor.extract(tmp_path, ignore)
    off = np.abs(found.features - plain_torchvision(weights, frames))
    assert (off == 0).mean() >= 0.99
    assert off.max() <= 1
    assert found.info.duration_s == 2.0


def test_a_video_gives_a_row_a_second_like_those_of_its_pictures(extractor: VideoExtractor, tmp_path: Path) -> None:
    frames = reference_frames(3)
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 298, 298, "yuv444p"
        for frame in frames.repeat(10, axis=0):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame[:298, :298].copy(), format="rgb24")))
        container.mux(stream.encode(None))
    rows: list[np.ndarray] = []
    found = extractor.extract(tmp_path / "clip.mp4", ignore, rows.append)
    assert found.features.shape == (3, 1024)
    assert found.info.duration_s == pytest.approx(3.0)
    expected = extractor_rows(extractor, frames, tmp_path / "frames")
    distances = np.linalg.norm(np.concatenate(rows)[:, None] - expected[None], axis=2)
    assert distances.argmin(axis=1).tolist() == [0, 1, 2]


def extractor_rows(extractor: VideoExtractor, frames: np.ndarray, folder: Path) -> np.ndarray:
    folder.mkdir()
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{index}.png")
    rows: list[np.ndarray] = []
    extractor.extract(folder, ignore, rows.append)
    return np.concatenate(rows)


def test_the_extractor_tells_the_bundles_feature_space(extractor: VideoExtractor, bundle: Bundle) -> None:
    assert extractor.space == bundle.space(Modality.VIDEO)
    assert (extractor.space.hop_s, extractor.space.dim) == (1.0, 1024)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backbone": "resnet"}, "resnet"),
        ({"files": ()}, "inception_v3"),
        ({"preprocessing": "yt8m"}, "“yt8m” takes one file of inception_2015"),
        ({"backbone": "inception_2015"}, "“seed” takes one file of inception_v3"),
        ({"preprocessing": "fid"}, "fid"),
        ({"hop_s": 0.5}, r"0\.5"),
        ({"dim": 512}, "512"),
    ],
)
def test_a_side_that_this_extractor_does_not_know_is_a_bundle_error(
    bundle: Bundle, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        load(changed(bundle, **fields), CPU)


def test_an_altered_file_is_refused(bundle: Bundle) -> None:
    assert bundle.video.pca is not None
    altered = bundle.video.pca.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(BundleError, match=r"video_pca\.npz is not the file"):
        load(changed(bundle, pca=altered), CPU)


def test_a_side_without_a_pca_gives_no_features(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="video side has no PCA yet"):
        load(changed(bundle, pca=None), CPU)


def test_a_bundle_without_a_video_side_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="no video side"):
        load(Bundle(bundle.root, bundle.manifest.model_copy(update={"video": None})), CPU)


def test_features_of_key_frames_are_of_a_space_of_their_own(bundle: Bundle, extractor: VideoExtractor) -> None:
    fast = load(bundle, CPU, keyframes=True)
    assert fast.space.id != extractor.space.id
    assert fast.space.preprocessing == "seed+keyframes"
