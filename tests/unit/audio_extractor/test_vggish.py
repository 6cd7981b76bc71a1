"""VGGish against the reference's embeddings, and the checkpoint formats."""

from pathlib import Path

import numpy as np
import pytest

from audio_extractor.patches import patch_batches
from audio_extractor.runtime import Runtime
from audio_extractor.stand_in import stand_in_weights
from audio_extractor.vggish import SHAPES, Vggish, write_checkpoint
from needledrop.errors import BundleError, ErrorCode
from tests.audio_reference import SEED, expected
from tests.unit.audio_extractor.signals import AT_16_KHZ, signals

FIRST = "vggish/conv1/weights"


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    (batch,) = patch_batches([signals()["long_16k_mono_125s"].samples()[: 35 * 16000]], 15360, 1000)
    return batch


@pytest.mark.parametrize("name", AT_16_KHZ)
def test_embeddings_of_16_khz_signals_are_the_references(name: str, vggish: Vggish) -> None:
    wanted = expected()[f"{name}/embedding"]
    batches = patch_batches([signals()[name].samples()], 15360, 32)
    found = np.concatenate([vggish.embed(batch) for batch in batches])
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert np.linalg.norm(found - wanted) <= 1e-3 * np.linalg.norm(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.parametrize("count", [1, 2, 3, 17, 32])
def test_a_patchs_embedding_depends_on_its_batch_by_rounding_only(
    count: int, vggish: Vggish, patches: np.ndarray
) -> None:
    wanted = vggish.embed(patches)[:count]
    np.testing.assert_allclose(vggish.embed(patches[:count]), wanted, rtol=0, atol=1e-5 * wanted.max())


def test_the_embedding_before_the_activation_is_signed(
    checkpoint: Path, runtime: Runtime, vggish: Vggish, patches: np.ndarray
) -> None:
    before = Vggish.restore(checkpoint, runtime, final_relu=False).embed(patches[:4])
    assert (before < 0).any()
    np.testing.assert_array_equal(np.maximum(before, 0), vggish.embed(patches[:4]))


def test_a_written_checkpoint_holds_the_official_variables(checkpoint: Path, runtime: Runtime) -> None:
    listed = {name: tuple(shape) for name, shape in runtime.tf.train.list_variables(str(checkpoint))}
    assert listed == SHAPES
    assert listed["vggish/fc1/fc1_1/weights"] == (12288, 4096)
    assert sum(int(np.prod(shape)) for shape in listed.values()) == 72_141_184


def test_the_same_weights_give_the_same_bytes(tmp_path: Path, runtime: Runtime) -> None:
    weights = {FIRST: np.ones((3, 3, 1, 64), np.float32), "vggish/conv1/biases": np.zeros(64, np.float32)}
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        files = write_checkpoint(tmp_path / name / "x.ckpt", weights, runtime)
        written.append([(tmp_path / name / file).read_bytes() for file in files])
    assert written[0] == written[1]


def test_the_published_one_file_format_is_read_too(
    tmp_path: Path, runtime: Runtime, vggish: Vggish, patches: np.ndarray
) -> None:
    weights, path = stand_in_weights(SEED), tmp_path / "vggish_model.ckpt"
    runtime.tf.raw_ops.Save(filename=str(path), tensor_names=list(weights), data=list(weights.values()))
    del weights
    restored = Vggish.restore(path, runtime)
    path.unlink()
    np.testing.assert_array_equal(restored.embed(patches[:2]), vggish.embed(patches[:2]))


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.ones((3, 3, 1, 64), np.float32), "lacks vggish/conv1/biases"),
        (np.ones((3, 3, 1, 32), np.float32), "not float32"),
        (np.ones((3, 3, 1, 64), np.float64), "not float32"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    array: np.ndarray, complaint: str, tmp_path: Path, runtime: Runtime
) -> None:
    write_checkpoint(tmp_path / "x.ckpt", {FIRST: array}, runtime)
    with pytest.raises(BundleError, match=complaint) as caught:
        Vggish.restore(tmp_path / "x.ckpt", runtime)
    assert caught.value.code is ErrorCode.BUNDLE_INVALID


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, runtime: Runtime) -> None:
    weights = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    weights[FIRST][1, 2, 0, 3] = np.nan
    files = write_checkpoint(tmp_path / "x.ckpt", weights, runtime)
    with pytest.raises(BundleError, match=f"{FIRST} in the checkpoint holds values that are not finite"):
        Vggish.restore(tmp_path / "x.ckpt", runtime)
    for file in files:
        (tmp_path / file).unlink()


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint" * 100])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes | None, tmp_path: Path, runtime: Runtime) -> None:
    path = tmp_path / "x.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleError, match=r"x\.ckpt is not a TensorFlow checkpoint"):
        Vggish.restore(path, runtime)


def test_a_truncated_checkpoint_is_refused(checkpoint: Path, tmp_path: Path, runtime: Runtime) -> None:
    (tmp_path / "x.ckpt.index").write_bytes(checkpoint.with_name("vggish_model.ckpt.index").read_bytes())
    with checkpoint.with_name("vggish_model.ckpt.data-00000-of-00001").open("rb") as file:
        (tmp_path / "x.ckpt.data-00000-of-00001").write_bytes(file.read(1 << 20))
    with pytest.raises(BundleError, match="is not a TensorFlow checkpoint"):
        Vggish.restore(tmp_path / "x.ckpt", runtime)
