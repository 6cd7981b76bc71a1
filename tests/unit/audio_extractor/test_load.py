"""Loading the audio side of a bundle, and what is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audio_extractor.extractor import load
from needledrop.bundle import Bundle, FileRef, Manifest, SidePart, write_manifest
from needledrop.errors import BundleError, ErrorCode, NeedledropError
from needledrop.settings import CoreSettings
from tests.audio_reference import assert_codes_match, expected, reference_pca
from tests.unit.audio_extractor.signals import signals

SETTINGS = CoreSettings(device="cpu")
MakeBundle = Callable[..., Bundle]


@pytest.fixture
def make_bundle(checkpoint: Path, tmp_path: Path) -> MakeBundle:
    """A bundle with links to the stand-in weights; keyword arguments replace fields of its audio side."""
    names = [path.name for path in sorted(checkpoint.parent.iterdir())]
    for name in names:
        (tmp_path / name).symlink_to(checkpoint.parent / name)
    reference_pca().save(tmp_path / "pca.npz")

    def make(**changed: Any) -> Bundle:
        fields = {
            "backbone": "vggish",
            "files": tuple(FileRef.of(tmp_path, name) for name in names),
            "pca": FileRef.of(tmp_path, "pca.npz"),
            "preprocessing": "seed",
            "hop_s": 0.96,
            "dim": 128,
        }
        write_manifest(tmp_path, Manifest(name="test", audio=SidePart(**{**fields, **changed})))
        return Bundle.load(tmp_path)

    return make


def test_a_loaded_extractor_gives_the_references_codes_in_the_bundles_space(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle, name = make_bundle(), "chord_16k_mono_5s5"
    extractor = load(bundle, SETTINGS)
    assert extractor.space == bundle.audio.space(extractor.space.modality)
    result = extractor.extract(signals()[name].write(tmp_path / "x.wav"), lambda _: None)
    assert_codes_match(result.features, expected()[f"{name}/afeat"])


@pytest.mark.parametrize(
    "changed",
    [{"backbone": "openl3"}, {"preprocessing": "imagenet"}, {"dim": 64}, {"hop_s": 1.0}, {"preprocessing": "yt8m"}],
)
def test_a_side_that_the_extractor_does_not_know_is_refused(changed: dict[str, Any], make_bundle: MakeBundle) -> None:
    with pytest.raises(BundleError) as caught:
        load(make_bundle(**changed), SETTINGS)
    assert caught.value.code is ErrorCode.BUNDLE_INVALID


def test_files_that_are_no_checkpoint_are_refused(make_bundle: MakeBundle, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "pca.npz", tmp_path / "other.npz")
    files = (FileRef.of(tmp_path, "pca.npz"), FileRef.of(tmp_path, "other.npz"))
    with pytest.raises(BundleError, match="not those of one TensorFlow checkpoint"):
        load(make_bundle(files=files), SETTINGS)
    with pytest.raises(BundleError, match=r"pca\.npz is not a TensorFlow checkpoint"):
        load(make_bundle(files=files[:1]), SETTINGS)


def test_an_altered_file_is_refused(make_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_bundle()
    with (tmp_path / "pca.npz").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BundleError, match=r"pca\.npz is not the file"):
        load(bundle, SETTINGS)


def test_a_device_that_is_not_there_is_named(make_bundle: MakeBundle) -> None:
    with pytest.raises(NeedledropError, match="“cuda:97”") as caught:
        load(make_bundle(), CoreSettings(device="cuda:97"))
    assert caught.value.code is ErrorCode.DEVICE_UNAVAILABLE
