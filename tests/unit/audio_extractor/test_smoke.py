"""The published smoke test, on weights that are not the official ones."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio_extractor.cli import app
from audio_extractor.smoke import Figure, smoke_test
from needledrop.bundle import Bundle, FileRef, Manifest, SidePart, write_manifest
from needledrop.features import quantise
from needledrop.settings import CoreSettings
from tests.audio_reference import expected, reference_pca

pytestmark = pytest.mark.usefixtures("logging_restored")
CPU = CoreSettings(device="cpu")


@pytest.fixture
def bundle(checkpoint: Path, tmp_path: Path) -> Bundle:
    """The stand-in weights as a bundle of the `seed` space."""
    names = [path.name for path in sorted(checkpoint.parent.iterdir())]
    for name in names:
        (tmp_path / name).symlink_to(checkpoint.parent / name)
    reference_pca().save(tmp_path / "pca.npz")
    files = tuple(FileRef.of(tmp_path, name) for name in names)
    side = SidePart(
        backbone="vggish", files=files, pca=FileRef.of(tmp_path, "pca.npz"), preprocessing="seed", hop_s=0.96, dim=128
    )
    write_manifest(tmp_path, Manifest(name="stand-in", audio=side))
    return Bundle.load(tmp_path)


def test_the_figures_are_those_of_the_references_embeddings_of_the_sine(bundle: Bundle) -> None:
    wanted = expected()["sine1k_44k1_mono_3s/embedding"]
    codes = quantise(reference_pca().apply(wanted))
    found = [figure.found for figure in smoke_test(bundle, CPU)]
    assert found == pytest.approx([wanted.mean(), wanted.std(), codes.mean(), codes.std()], rel=0.01)


def test_other_weights_than_the_official_ones_fail_and_every_figure_is_told(bundle: Bundle) -> None:
    result = CliRunner().invoke(app, ["smoke", "--bundle", str(bundle.root)])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("WRONG: embedding mean ")
    assert lines[0].endswith("published 0.131 ± 10%")


def test_without_the_relu_the_embeddings_figures_are_the_published_ones_for_that(bundle: Bundle) -> None:
    side = bundle.audio.model_copy(update={"preprocessing": "yt8m", "hop_s": 1.0})
    other = Bundle(bundle.root, bundle.manifest.model_copy(update={"audio": side}))
    assert [figure.published for figure in smoke_test(other, CPU)] == [0.000657, 0.343]


@pytest.mark.parametrize(("found", "passed"), [(0.131, True), (0.1178, False), (0.1180, True), (0.1442, False)])
def test_a_tenth_off_passes_and_more_does_not(found: float, passed: bool) -> None:
    assert Figure("mean", found, 0.131).passed is passed
