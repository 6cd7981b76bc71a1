import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.made_up import pairs, side
from typer.testing import CliRunner

from matcher_training.bundles.demo import RECIPE, make_demo
from matcher_training.bundles.loading import load_embedder
from matcher_training.cli import app
from matcher_training.data import Pairs, Sequences
from needledrop.bundle import Bundle
from needledrop.errors import BundleError, FeatureError
from needledrop.features import Modality

QUICK = replace(RECIPE, epochs=10)


def write_sides(root: Path, data: Pairs) -> Path:
    """What both extractors' make-demo leave in the bundle's folder."""
    (root / "training").mkdir(parents=True)
    for modality, sequences in ((Modality.VIDEO, data.video), (Modality.AUDIO, data.audio)):
        (root / f"{modality}.json").write_text(side(root, modality).model_dump_json())
        write_sequences(root, modality, sequences)
    return root


def write_sequences(root: Path, modality: Modality, sequences: Sequences) -> None:
    np.savez(
        root / "training" / f"{modality}.npz",
        codes=sequences.codes,
        offsets=sequences.offsets,
        pair=sequences.pair,
        hop_s=np.float64(sequences.hop_s),
    )


def test_the_finished_bundle_is_whole_and_its_metric_finds_pairs_it_never_saw(tmp_path: Path) -> None:
    root = write_sides(tmp_path / "demo", pairs(120))

    trained = make_demo(root, seed=0, recipe=QUICK)

    bundle = Bundle.load(root)
    bundle.verify()
    assert bundle.manifest.name == "demo"
    assert bundle.manifest.untrained_backbones
    assert not (root / "training").exists()
    assert trained
    assert bundle.metric.training == trained.training
    assert bundle.metric.training["pairs"] == 102
    assert bundle.metric.training["held_out"]["gallery"] == 18

    embedder = load_embedder(bundle)
    unseen = pairs(20, seed=99)
    clips = [embedder.clip(unseen.video[i], 1.0) for i in range(20)]
    tracks = [embedder.windows(unseen.audio[i], 0.96) for i in range(20)]
    first = 0
    for i, clip in enumerate(clips):
        distances = [min(float(np.linalg.norm(clip - window.vector)) for window in track) for track in tracks]
        first += distances.index(min(distances)) == i
    assert first >= 12


def test_a_bundle_that_is_whole_is_left_as_it_is(tmp_path: Path) -> None:
    root = write_sides(tmp_path / "demo", pairs(20))
    make_demo(root, seed=0, recipe=QUICK)
    before = {path.name: path.read_bytes() for path in root.iterdir()}

    assert make_demo(root, seed=1, recipe=QUICK) is None
    assert {path.name: path.read_bytes() for path in root.iterdir()} == before


def test_the_same_seed_and_data_give_the_same_bundle(tmp_path: Path) -> None:
    made = [write_sides(tmp_path / name, pairs(20)) for name in ("first", "second", "other")]
    for root, seed in zip(made, (5, 5, 6), strict=True):
        make_demo(root, seed=seed, recipe=QUICK)
    first, second, other = ((root / "bundle.json").read_bytes() for root in made)
    assert first == second
    assert first != other


def test_held_out_pairs_are_found_better_than_by_chance(tmp_path: Path) -> None:
    made = make_demo(write_sides(tmp_path / "demo", pairs(120)), seed=1)
    assert made
    assert made.training["held_out"]["median_rank"] < 0.5 * made.training["held_out"]["chance_median_rank"]


def test_without_both_sides_there_is_no_bundle(tmp_path: Path) -> None:
    root = write_sides(tmp_path / "demo", pairs(20))
    (root / "audio.json").unlink()
    with pytest.raises(BundleError, match=r"audio\.json"):
        make_demo(root, seed=0, recipe=QUICK)

    shutil.rmtree(root)
    write_sides(root, pairs(20))
    (root / "training" / "video.npz").unlink()
    with pytest.raises(FeatureError, match=r"video\.npz"):
        make_demo(root, seed=0, recipe=QUICK)
    assert not (root / "bundle.json").exists()


def test_the_command_makes_a_bundle_says_how_good_it_is_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    root = write_sides(tmp_path / "demo", pairs(60))

    first = CliRunner().invoke(app, ["demo", "--bundle", str(root), "--seed", "3"])
    again = CliRunner().invoke(app, ["demo", "--bundle", str(root)])

    assert first.exit_code == 0, first.output
    assert Bundle.load(root).metric.training["seed"] == 3
    assert "median rank" in first.output
    assert again.exit_code == 0
    assert "nothing to do" in again.output


def test_the_command_names_what_is_missing_and_fails(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--bundle", str(tmp_path)])

    assert result.exit_code == 1
    assert "bundle_invalid" in result.output
