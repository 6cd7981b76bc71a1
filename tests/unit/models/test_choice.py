"""Choosing the bundle of an installation in its `.env`."""

import stat
from pathlib import Path

import pytest

from needledrop.errors import BundleError
from needledrop_models.archive import pack
from needledrop_models.catalog import Space
from needledrop_models.choice import choose, chosen
from tests.unit.models.fetching import Fetching


@pytest.fixture
def whole(fetching: Fetching, metric: Path) -> Path:
    assert fetching(Space.YT8M, metric=metric).failures == []
    return fetching.out


@pytest.fixture
def env(tmp_path: Path) -> Path:
    (tmp_path / "installation").mkdir()
    return tmp_path / "installation" / ".env"


def test_compose_is_told_the_folder_to_mount_and_the_bundle_in_it(whole: Path, env: Path) -> None:
    choose(whole, env)
    assert env.read_text() == f"NEEDLEDROP_MODELS={whole.parent}\nNEEDLEDROP_BUNDLE=/models/models\n"


def test_other_lines_and_the_files_mode_stay(whole: Path, env: Path) -> None:
    env.write_text(
        "# mine\nNEEDLEDROP_PORT=9000\nNEEDLEDROP_BUNDLE=/models/old\n#NEEDLEDROP_MODELS=./models\nA='b c'\n"
    )
    env.chmod(0o640)
    choose(whole, env)
    assert env.read_text().splitlines() == [
        "# mine",
        "NEEDLEDROP_PORT=9000",
        "NEEDLEDROP_BUNDLE=/models/models",
        "#NEEDLEDROP_MODELS=./models",
        "A='b c'",
        f"NEEDLEDROP_MODELS={whole.parent}",
    ]
    assert stat.S_IMODE(env.stat().st_mode) == 0o640


def test_a_folder_with_spaces_is_quoted_and_found_again(whole: Path, env: Path, tmp_path: Path) -> None:
    moved = whole.rename(tmp_path / "my models")
    choose(moved, env)
    assert chosen(env, {}) == moved


def test_an_archive_is_unpacked_and_its_folder_chosen(whole: Path, env: Path, tmp_path: Path) -> None:
    pack(whole, tmp_path / "copy.tar.zst")
    assert choose(tmp_path / "copy.tar.zst", env).root == tmp_path / "copy"
    assert chosen(env, {}) == tmp_path / "copy"


def test_a_bundle_that_does_not_verify_is_refused_and_nothing_is_written(whole: Path, env: Path) -> None:
    (whole / "vggish_model.ckpt").unlink()
    with pytest.raises(BundleError, match=r"lacks vggish_model\.ckpt"):
        choose(whole, env)
    assert not env.exists()


def test_a_bundle_without_pca_or_metric_is_refused(fetching: Fetching, env: Path) -> None:
    fetching(Space.SEED)
    with pytest.raises(BundleError, match="video side has no PCA yet"):
        choose(fetching.out, env)
    fetching(Space.YT8M)
    with pytest.raises(BundleError, match="holds no metric"):
        choose(fetching.out, env)
    assert not env.exists()


def test_nothing_is_chosen_where_nothing_says_so(env: Path) -> None:
    assert chosen(env, {}) is None
    env.write_text("NEEDLEDROP_BUNDLE=/models/demo\n")
    assert chosen(env, {}) is None
    env.write_text("NEEDLEDROP_BUNDLE=/models/demo\nNEEDLEDROP_MODELS=models\n")
    assert chosen(env, {}) is None


def test_the_environment_comes_before_the_file_and_folders_may_be_relative(whole: Path, env: Path) -> None:
    env.write_text("NEEDLEDROP_BUNDLE=/models/absent\nNEEDLEDROP_MODELS=./models\n")
    assert chosen(env, {"NEEDLEDROP_BUNDLE": str(whole)}) == whole
    with pytest.raises(BundleError, match="no model bundle"):
        chosen(env, {})
    whole.rename(env.parent / "models")
    env.write_text("NEEDLEDROP_BUNDLE=/models\nNEEDLEDROP_MODELS=./models\n")
    assert chosen(env, {}) == env.parent / "models"
