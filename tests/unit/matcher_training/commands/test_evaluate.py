import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.made_up import random_codes
from typer.testing import CliRunner

from matcher_training.bundles.loading import load_tower_embedder
from matcher_training.cli import app
from matcher_training.data import Pairs, Sequences, floats
from matcher_training.evaluation.figures import Report
from matcher_training.towers.reference import make_reference
from matcher_training.towers.tower_embedder import TowerEmbedder
from matcher_training.towers.weights import save_weights
from needledrop.bundle import FileRef
from needledrop.errors import ErrorCode, FeatureError
from needledrop.features import Modality
from needledrop.metric import MetricCard, MetricSide
from needledrop.metric_kind import MetricKind

VIDEO, AUDIO, COUNT = 12, 8, 50


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """50 pairs in ten shards, 20 of them music."""
    np.savez(
        tmp_path / "pairs.npz",
        rgb=random_codes(COUNT, VIDEO, 0),
        audio=random_codes(COUNT, AUDIO, 1),
        shard=np.arange(COUNT) // 5,
        music=np.arange(COUNT) % 5 < 2,
        labels=np.arange(COUNT) % 3,
        labels_offset=np.arange(COUNT + 1),
    )
    return tmp_path / "pairs.npz"


def metric(folder: Path, seed: int = 0, video_dim: int = VIDEO, space: str | None = None) -> Path:
    folder.mkdir()
    torch.manual_seed(seed)
    save_weights(make_reference(MetricKind.VA_METRIC2, video_dim, AUDIO), folder / "metric.safetensors")
    card = MetricCard(
        name=folder.name,
        kind="va_metric2",
        weights=FileRef.of(folder, "metric.safetensors"),
        config={"window_s": 10.0, "window_hop_s": 2.0, "max_s": 10.0},
        audio=MetricSide(dim=AUDIO, hop_s=1.0, space=space),
        video=MetricSide(dim=video_dim, hop_s=1.0),
    )
    card.save(folder)
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_it_prints_the_table_and_writes_the_report(tmp_path: Path, data: Path) -> None:
    code, printed, _ = run(
        "--metric", metric(tmp_path / "ours"), "--baseline", metric(tmp_path / "other", 1), "--data", data,
        "--gallery", "16,all", "--draws", 3, "--json", tmp_path / "new" / "r.json", "--out", tmp_path / "out",
    )  # fmt: skip

    assert code == 0
    report = Report.model_validate_json((tmp_path / "new" / "r.json").read_text())
    assert [each.name for each in report.metrics] == ["ours", "other"]
    assert [(s.name, s.items, [g.size for g in s.galleries]) for s in report.metrics[0].subsets] == [
        ("all", 50, [16, 50]),
        ("music", 20, [16, 20]),
    ]
    assert report.data == ("pairs.npz",)
    assert (tmp_path / "out" / "report.md").read_text() == printed
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == json.loads(report.model_dump_json())
    assert (tmp_path / "out" / "recall.png").stat().st_size > 1000
    assert "| other | music | 16 | sound → picture |" in printed


def test_the_same_command_gives_the_same_figures(tmp_path: Path, data: Path) -> None:
    folder = metric(tmp_path / "ours")
    assert run("--metric", folder, "--data", data, "--gallery", "16") == run(
        "--metric", folder, "--data", data, "--gallery", "16"
    )


def test_galleries_that_the_data_is_too_small_for_are_left_out_aloud(tmp_path: Path, data: Path) -> None:
    code, _, said = run(
        "--metric", metric(tmp_path / "m"), "--data", data, "--gallery", "16,1024", "--json", tmp_path / "r.json"
    )
    report = Report.model_validate_json((tmp_path / "r.json").read_text())
    assert code == 0
    assert [gallery.size for gallery in report.metrics[0].subsets[0].galleries] == [16]
    assert "no gallery of 1024: there are 50 pairs" in said


@pytest.mark.parametrize(
    ("options", "subset", "items"),
    [
        (["--subset", "music"], "music", 20),
        (["--subset", "all"], "all", 50),
        (["--shards", "1,4", "--subset", "all"], "all", 10),
        (["--shards", "last:3", "--subset", "all"], "all", 15),
        (["--shards", "first:1", "--subset", "all"], "all", 5),
        (["--shards", "last:3", "--subset", "music"], "music", 6),
    ],
)
def test_subsets_and_shards_choose_the_pairs(
    tmp_path: Path, data: Path, options: list[str], subset: str, items: int
) -> None:
    code, _, _ = run(
        "--metric", metric(tmp_path / "m"), "--data", data, "--gallery", "all", "--json", tmp_path / "r.json", *options
    )

    assert code == 0
    (found,) = Report.model_validate_json((tmp_path / "r.json").read_text()).metrics[0].subsets
    assert (found.name, found.items) == (subset, items)


def test_label_ids_or_a_file_of_them_say_what_is_music(tmp_path: Path, data: Path) -> None:
    with np.load(data) as file:
        np.savez(tmp_path / "unsaid.npz", **{name: file[name] for name in file.files if name != "music"})
    (tmp_path / "ids").write_text("0\n2\n")
    folder = metric(tmp_path / "m")

    for text, items in (("1", 17), ("0, 2", 33), (str(tmp_path / "ids"), 33)):
        run("--metric", folder, "--data", tmp_path / "unsaid.npz", "--gallery", "all", "--subset", "music",
            "--music-labels", text, "--json", tmp_path / "r.json")  # fmt: skip
        report = Report.model_validate_json((tmp_path / "r.json").read_text())
        assert report.metrics[0].subsets[0].items == items
    code, _, said = run("--metric", folder, "--data", tmp_path / "unsaid.npz", "--gallery", "all", "--subset", "music")
    assert (code, "--music-labels can" in said) == (1, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--gallery", "51"], "a gallery of 51 can't be drawn from the 50 pairs"),
        (["--gallery", "many"], "--gallery: “many”"),
        (["--gallery", "16", "--shards", "last:11"], "--shards: “last:11”"),
        (["--gallery", "16", "--shards", "some"], "--shards: “some”"),
        (["--gallery", "16", "--shards", "12"], "no pair is of group 12"),
        (["--gallery", "16", "--music-labels", "rock"], "--music-labels: “rock”"),
    ],
)
def test_wrong_options_are_said_in_a_line(tmp_path: Path, data: Path, options: list[str], said: str) -> None:
    code, _, error = run("--metric", metric(tmp_path / "m"), "--data", data, *options)

    assert code == 1
    assert error.startswith(f"{ErrorCode.FEATURES_INVALID}: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_metric_for_other_features_is_refused(tmp_path: Path, data: Path) -> None:
    code, _, error = run("--metric", metric(tmp_path / "m", video_dim=9), "--data", data, "--gallery", "16")
    assert (code, "m takes video features of 9 columns, the data has 12" in error) == (1, True)

    codes = Sequences(random_codes(4, VIDEO, 0), np.arange(5), np.arange(4), 1.0)
    sounds = Sequences(random_codes(4, AUDIO, 0), np.arange(5), np.arange(4), 1.0, space="audio-1")
    with pytest.raises(FeatureError) as caught:
        load_tower_embedder(metric(tmp_path / "s", space="audio-2"), Pairs.join(codes, sounds))
    assert caught.value.code is ErrorCode.SPACE_MISMATCH


def test_a_folder_without_a_metric_is_refused(tmp_path: Path, data: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, error = run("--metric", tmp_path / "empty", "--data", data, "--gallery", "16")
    assert (code, error.startswith("bundle_invalid: ")) == (1, True)


@pytest.mark.parametrize("kind", [MetricKind.VA_METRIC, MetricKind.VA_METRIC2])
def test_sequences_of_many_lengths_are_embedded_as_each_would_be_alone(kind: MetricKind) -> None:
    torch.manual_seed(0)
    towers = make_reference(kind, VIDEO, AUDIO).eval()
    lengths = np.random.default_rng(0).integers(1, 6, 30)
    lengths[7] = 5000
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    sequences = Sequences(random_codes(int(offsets[-1]), AUDIO, 0), offsets, np.arange(30), 1.0)
    which = np.random.default_rng(1).permutation(30)[:20]
    which[0] = 7

    embeddings = TowerEmbedder(towers).embed(Modality.AUDIO, sequences, which)

    for index, number in enumerate(which):
        with torch.inference_mode():
            alone = towers.audio(torch.from_numpy(floats(sequences[int(number)]))[None])[0].numpy()
        np.testing.assert_allclose(embeddings[index], alone, atol=1e-5)


def test_the_help_names_every_option() -> None:
    result = CliRunner().invoke(app, ["evaluate", "--help"], env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})
    for option in ("--metric", "--data", "--gallery", "--draws", "--seed", "--subset", "--shards", "--json", "--out"):
        assert option in result.stdout
