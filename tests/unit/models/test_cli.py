"""The command as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from needledrop.bundle import Bundle
from needledrop.metric import WEIGHTS, default_metric
from needledrop_models.archive import pack
from needledrop_models.catalog import EVERY_FILE, Space
from needledrop_models.cli import app
from tests.unit.models.fetching import HASHES, Fetching, write_metric, write_pca
from tests.unit.models.made_up import numbers


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "SHA256SUMS"
    path.write_text("".join(f"{sha}  {name}\n" for name, sha in HASHES.items()))
    return path


def fetch(fetching: Fetching, space: str, *more: str | Path) -> Result:
    start = ("fetch", "official", "--space", space, "--out", fetching.out, "--source", fetching.server.url)
    return run(*start, "--no-smoke", *more)


def test_list_names_every_space_and_file_with_host_and_licence(tmp_path: Path) -> None:
    result = run("list", "--models", tmp_path)
    assert result.exit_code == 0
    for word in [*Space, *(file.name for file in EVERY_FILE), "download.pytorch.org", "Apache-2.0", "CC BY 4.0"]:
        assert word in result.stdout
    assert f"{tmp_path}: no bundle" in result.stdout


def test_a_fetched_space_is_said_to_be_whole_and_is_listed(fetching: Fetching, metric: Path, sums: Path) -> None:
    result = fetch(fetching, "yt8m", "--hashes", sums, "--metric", metric)
    assert result.exit_code == 0, result.output
    assert f"{fetching.out}: right and whole, metric va_metric2-" in result.stdout
    listed = run("list", "--models", fetching.out).stdout
    assert f"{fetching.out}: official-yt8m" in listed
    assert f"yt8m_pca.tgz: {len(fetching.server.files['yt8m_pca.tgz']):,} bytes" in listed


def test_the_matrices_are_fetched_in_place_of_the_archive(fetching: Fetching, metric: Path, sums: Path) -> None:
    result = fetch(fetching, "yt8m", "--hashes", sums, "--metric", metric, "--pca", "matrices")
    assert result.exit_code == 0, result.output
    asked = {name for name, _ in fetching.server.asked}
    assert "inception3_projection_matrix_data.pb" in asked
    assert "yt8m_pca.tgz" not in asked
    with np.load(fetching.out / "video_pca.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["components"], numbers(1024, 2048, 8))
        assert (file["explained_variance"] == 1).all()


def test_a_space_without_a_public_pca_says_how_to_go_on(fetching: Fetching, sums: Path, tmp_path: Path) -> None:
    result = fetch(fetching, "seed", "--hashes", sums)
    assert result.exit_code == 0
    assert "the PCA of its pictures is yours to fit" in result.stdout
    assert f"needledrop-models complete {fetching.out} --video-pca FILE" in result.stdout
    metric = write_metric(tmp_path / "mine", audio_hop_s=0.96, video_dim=4)
    pca = write_pca(tmp_path / "pca.npz")
    done = run("complete", fetching.out, "--video-pca", pca, "--metric", metric)
    assert done.exit_code == 0
    assert "right and whole" in done.stdout


def test_wrong_bytes_end_with_status_1_and_the_files_name(fetching: Fetching) -> None:
    result = fetch(fetching, "seed")
    assert result.exit_code == 1
    first = result.stderr.splitlines()[0]
    assert first.startswith("download_failed: vggish_model.ckpt: expected SHA-256 0962b1914e3e0539")
    assert not (fetching.out / "bundle.json").exists()


def test_a_folder_of_files_brought_by_hand_is_a_source(fetching: Fetching, sums: Path, tmp_path: Path) -> None:
    brought = tmp_path / "usb"
    brought.mkdir()
    for name, data in fetching.server.files.items():
        (brought / name).write_bytes(data)
    arguments = ("fetch", "official", "--space", "all", "--out", fetching.out, "--source", brought, "--hashes", sums)
    result = run(*arguments, "--no-smoke", "--metric", write_metric(tmp_path / "metric"))
    assert result.exit_code == 0, result.output
    assert fetching.server.asked == []


def test_verify_names_a_file_that_was_altered(fetching: Fetching, metric: Path) -> None:
    fetching(Space.YT8M, metric=metric)
    assert run("verify", fetching.out).exit_code == 0
    (fetching.out / "audio_pca.npz").write_bytes(b"altered")
    result = run("verify", fetching.out)
    assert result.exit_code == 1
    assert result.stderr == "bundle_invalid: audio_pca.npz is not the file that bundle.json describes\n"


@pytest.mark.parametrize("command", ["verify", "use"])
def test_an_archive_that_was_altered_is_refused_though_its_folder_is_right(
    command: str, fetching: Fetching, metric: Path, tmp_path: Path
) -> None:
    fetching(Space.YT8M, metric=metric)
    archive = tmp_path / "copy.tar.zst"
    pack(fetching.out, archive)
    more = ("--env", tmp_path / ".env") if command == "use" else ()
    assert run(command, archive, *more).exit_code == 0
    before = archive.stat()
    archive.write_bytes(bytes(before.st_size))
    os.utime(archive, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = run(command, archive, *more)
    assert result.exit_code == 1
    assert result.stderr.startswith("bundle_invalid: copy.tar.zst can't be unpacked")


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 1)])
def test_verify_runs_the_audio_extractors_smoke_test(
    status: int, expected: int, fetching: Fetching, metric: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching(Space.YT8M, metric=metric)
    command = tmp_path / "audio-extractor"
    command.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexit {status}\n')
    command.chmod(0o755)
    monkeypatch.setattr("needledrop_models.cli.find_command", lambda: str(command))
    assert run("verify", fetching.out, "--smoke").exit_code == expected
    assert (tmp_path / "arguments").read_text() == f"smoke --bundle {fetching.out}\n"


def test_where_there_is_no_audio_extractor_the_smoke_test_is_said_to_wait(
    fetching: Fetching, metric: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching(Space.YT8M, metric=metric)
    monkeypatch.setattr("needledrop_models.cli.find_command", lambda: None)
    result = run("verify", fetching.out, "--smoke")
    assert result.exit_code == 0
    assert "not run here: VGGish's smoke test" in result.stdout
    assert f"audio-extractor smoke --bundle {fetching.out}" in result.stdout


def test_use_says_what_to_start_again(fetching: Fetching, metric: Path, tmp_path: Path) -> None:
    fetching(Space.YT8M, metric=metric)
    result = run("use", fetching.out, "--env", tmp_path / ".env")
    assert result.exit_code == 0
    assert "docker compose up -d" in result.stdout
    assert "NEEDLEDROP_BUNDLE=/models/models" in (tmp_path / ".env").read_text()


def test_the_command_imports_no_model_runtime() -> None:
    code = "import needledrop_models.cli, sys; print({'torch', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_shipped_metric_makes_youtube_8ms_bundle_whole_and_another_spaces_bundle_refuses_it(
    fetching: Fetching, sums: Path, tmp_path: Path
) -> None:
    """By name, after another metric: as its user would change one."""
    assert fetch(fetching, "yt8m", "--hashes", sums, "--metric", write_metric(tmp_path / "mine")).exit_code == 0
    assert Bundle.load(fetching.out).metric.kind == "va_metric2"
    assert fetch(fetching, "yt8m", "--hashes", sums).exit_code == 0
    assert Bundle.load(fetching.out).metric.kind == "va_metric2"
    result = run("complete", fetching.out, "--metric", "default")
    assert result.exit_code == 0, result.output
    bundle = Bundle.load(fetching.out)
    assert bundle.metric.kind == "needledrop"
    assert bundle.file(bundle.metric.weights).read_bytes() == (default_metric() / WEIGHTS).read_bytes()
    bundle.verify()

    fetching.out = tmp_path / "seed"
    assert fetch(fetching, "seed", "--hashes", sums).exit_code == 0
    refused = run("complete", fetching.out, "--metric", "default", "--video-pca", write_pca(tmp_path / "pca.npz"))
    assert refused.exit_code == 1
    assert "space_mismatch" in refused.output
