"""Fetching whole spaces from a server with made-up files of the published names and forms."""

from pathlib import Path

import numpy as np
import pytest

from needledrop.bundle import Bundle
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality
from needledrop_models.archive import open_bundle, pack
from needledrop_models.catalog import Space, files_of
from needledrop_models.complete import complete
from tests.unit.models.fetching import HASHES, Fetching, write_metric, write_pca
from tests.unit.models.made_up import archive, matrix_data, numbers, pca_arrays
from tests.unit.models.server import Answer


def test_youtube_8ms_space_becomes_a_whole_bundle(fetching: Fetching, metric: Path) -> None:
    done = fetching(Space.YT8M, metric=metric)
    assert done.failures == []
    bundle = Bundle.load(fetching.out)
    bundle.verify()
    audio, video = bundle.audio, bundle.video
    assert (audio.backbone, audio.preprocessing, audio.hop_s, audio.dim) == ("vggish", "yt8m", 1.0, 128)
    assert (video.backbone, video.preprocessing, video.hop_s, video.dim) == ("inception_2015", "yt8m", 1.0, 1024)
    assert [ref.path for ref in video.files] == ["pt_inception-2015-12-05-6726825d.pth"]
    assert bundle.metric.video_space == bundle.space(Modality.VIDEO).id
    assert not bundle.manifest.untrained_backbones


@pytest.mark.parametrize("space", [Space.SEED, Space.IMAGENET])
def test_the_other_spaces_lack_the_pca_that_their_user_fits(space: Space, fetching: Fetching, metric: Path) -> None:
    assert fetching(space, metric=metric).failures == []
    bundle = Bundle.load(fetching.out)
    bundle.verify()
    assert (bundle.audio.preprocessing, bundle.audio.hop_s) == ("seed", 0.96)
    assert (bundle.video.backbone, bundle.video.preprocessing, bundle.video.pca) == ("inception_v3", space, None)
    assert bundle.manifest.metric is None


def test_all_spaces_share_their_files_and_get_a_folder_each(fetching: Fetching, metric: Path) -> None:
    done = fetching(*Space, metric=metric)
    assert list(done.bundles) == list(Space)
    assert sorted(path.name for path in fetching.out.iterdir()) == [".downloads", "imagenet", "seed", "yt8m"]
    assert sorted(name for name, _ in fetching.server.asked) == sorted(
        {file.name for space in Space for file in files_of(space)}
    )
    checkpoints = {(fetching.out / space / "vggish_model.ckpt").stat().st_ino for space in Space}
    assert len(checkpoints) == 1


def test_what_is_there_and_right_is_not_fetched_again(fetching: Fetching, metric: Path) -> None:
    fetching(Space.YT8M, metric=metric)
    before = Bundle.load(fetching.out).manifest
    fetching.server.asked.clear()
    fetching.said.clear()
    assert fetching(Space.YT8M, metric=metric).failures == []
    assert fetching.server.asked == []
    assert all(line.endswith("there already") for line in fetching.said)
    assert Bundle.load(fetching.out).manifest == before


def test_a_file_that_was_altered_is_fetched_again(fetching: Fetching, metric: Path) -> None:
    fetching(Space.YT8M, metric=metric)
    (fetching.out / ".downloads" / "yt8m_pca.tgz").write_bytes(b"altered")
    fetching.server.asked.clear()
    fetching(Space.YT8M, metric=metric)
    assert [name for name, _ in fetching.server.asked] == ["yt8m_pca.tgz"]


def test_connections_that_break_are_gone_on_with(fetching: Fetching, metric: Path) -> None:
    fetching.server.plan = [Answer(cut=1000), Answer(cut=20), Answer(status=503)]
    assert fetching(Space.YT8M, metric=metric).failures == []
    assert fetching.server.asked[1] == ("vggish_model.ckpt", "bytes=1000-")


def test_files_that_are_not_the_official_ones_are_refused_by_their_published_hashes(fetching: Fetching) -> None:
    done = fetching(Space.SEED, hashes=None)
    assert not done.bundles
    assert [failure.detail.partition(":")[0] for failure in done.failures] == [
        "vggish_model.ckpt",
        "vggish_pca_params.npz",
        "inception_v3_google-0cc3c7bd.pth",
    ]
    assert HASHES["vggish_model.ckpt"] in done.failures[0].detail
    assert "expected 108,949,747 bytes" in done.failures[2].detail


def test_an_archive_that_is_not_youtube_8ms_fails_the_published_check(fetching: Fetching) -> None:
    details = [failure.detail for failure in fetching(Space.YT8M, hashes=None).failures]
    assert any(detail.startswith("yt8m_pca.tgz is not YouTube-8M's PCA") for detail in details)
    assert not (fetching.out / ".downloads" / "yt8m_pca.tgz").exists()


def test_files_of_a_list_of_hashes_are_not_taken_for_the_official_ones(fetching: Fetching, metric: Path) -> None:
    assert fetching(Space.YT8M, metric=metric).failures == []
    fetching.server.asked.clear()
    done = fetching(Space.YT8M, hashes=None)
    assert done.bundles == {}
    assert {name for name, _ in fetching.server.asked} >= {"yt8m_pca.tgz", "vggish_mean_matrix_data.pb"}
    assert any(failure.detail.startswith("yt8m_pca.tgz is not YouTube-8M's PCA") for failure in done.failures)


def test_one_file_that_fails_keeps_only_its_own_space_back(fetching: Fetching, metric: Path) -> None:
    del fetching.server.files["inception_v3_google-0cc3c7bd.pth"]
    done = fetching(*Space, metric=metric)
    assert list(done.bundles) == [Space.YT8M]
    (failure,) = done.failures
    assert failure.detail == "inception_v3_google-0cc3c7bd.pth: expected status 200 from 127.0.0.1, 404 came"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("yt8m_pca.tgz", archive(pca_arrays())[:-9], "not a whole tar.gz"),
        ("yt8m_pca.tgz", b"<html>", "not a whole tar.gz"),
        ("vggish_mean_matrix_data.pb", matrix_data(numbers(127, 1, 0)), "127 × 1"),
        ("vggish_projection_matrix_data.pb", b"\xff\xff", "not a MatrixData message"),
    ],
)
def test_a_file_whose_hash_nobody_published_has_to_be_of_its_form(
    name: str, content: bytes, message: str, fetching: Fetching
) -> None:
    fetching.server.files[name] = content
    done = fetching(Space.YT8M, hashes={key: value for key, value in HASHES.items() if key != name})
    (failure,) = done.failures
    assert failure.code is ErrorCode.BUNDLE_INVALID
    assert failure.detail.startswith(name)
    assert message in failure.detail
    assert not (fetching.out / ".downloads" / name).exists()


def test_a_file_that_nobody_published_a_hash_of_is_said_to_be_trusted(fetching: Fetching) -> None:
    fetching(Space.YT8M, hashes={key: value for key, value in HASHES.items() if key != "yt8m_pca.tgz"})
    said = {line.partition(":")[0]: line for line in fetching.said}
    assert "no hash of it is published, and it came over plain HTTP" in said["yt8m_pca.tgz"]
    assert said["vggish_model.ckpt"].endswith("(as expected)")


def test_a_metric_for_other_features_is_refused(fetching: Fetching, tmp_path: Path) -> None:
    done = fetching(Space.YT8M, metric=write_metric(tmp_path / "other", audio_hop_s=0.96))
    (failure,) = done.failures
    assert failure.code is ErrorCode.SPACE_MISMATCH
    assert "audio rows of 128 columns every 0.96 s, the bundle gives 128 every 1.0 s" in failure.detail


def test_without_the_shipped_metric_the_bundle_lacks_one(fetching: Fetching, tmp_path: Path) -> None:
    assert fetching(Space.YT8M, default=tmp_path / "none").failures == []
    assert Bundle.load(fetching.out).manifest.metric is None


def test_a_metric_that_is_asked_for_takes_the_place_of_the_one_there(fetching: Fetching, tmp_path: Path) -> None:
    fetching(Space.YT8M, metric=write_metric(tmp_path / "first"))
    second = write_metric(tmp_path / "second", name="another")
    assert fetching(Space.YT8M, metric=second).failures == []
    bundle = Bundle.load(fetching.out)
    bundle.verify()
    assert bundle.file(bundle.metric.weights).read_bytes() == b"weights of another"


def test_the_shipped_metric_is_for_bundles_that_have_none(fetching: Fetching, metric: Path, tmp_path: Path) -> None:
    shipped = write_metric(tmp_path / "shipped", name="shipped")
    fetching(Space.YT8M, default=shipped)
    whole = Bundle.load(fetching.out)
    assert whole.file(whole.metric.weights).read_bytes() == b"weights of shipped"
    fetching(Space.YT8M, metric=metric)
    mine = Bundle.load(fetching.out).manifest.metric
    fetching(Space.YT8M, default=shipped)
    assert Bundle.load(fetching.out).manifest.metric == mine != whole.metric


def test_a_metric_that_is_asked_for_and_not_there_is_told(fetching: Fetching, tmp_path: Path) -> None:
    (failure,) = fetching(Space.YT8M, metric=tmp_path / "none").failures
    assert failure.detail == "no metric: metric.json can't be read"


def test_a_flipped_bit_in_a_bundles_file_is_found(fetching: Fetching, metric: Path) -> None:
    fetching(Space.YT8M, metric=metric)
    path = fetching.out / "video_pca.npz"
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r"video_pca\.npz is not the file"):
        Bundle.load(fetching.out).verify()


def test_a_packed_bundle_leaves_the_downloads_out(fetching: Fetching, metric: Path, tmp_path: Path) -> None:
    fetching(Space.YT8M, metric=metric)
    pack(fetching.out, tmp_path / "copy.tar.zst")
    assert not (open_bundle(tmp_path / "copy.tar.zst").root / ".downloads").exists()


def test_what_the_user_added_stays_when_the_files_are_fetched_again(fetching: Fetching, tmp_path: Path) -> None:
    fetching(Space.SEED)
    added = complete(fetching.out, write_pca(tmp_path / "pca.npz"), None)
    added = complete(fetching.out, None, write_metric(tmp_path / "mine", audio_hop_s=0.96, video_dim=4))
    fetching(Space.SEED)
    assert Bundle.load(fetching.out).manifest.video == added.manifest.video
    assert Bundle.load(fetching.out).manifest.metric == added.manifest.metric


@pytest.mark.parametrize(("first", "then"), [(Space.SEED, Space.IMAGENET), (Space.IMAGENET, Space.SEED)])
def test_what_was_added_goes_when_the_folder_becomes_another_spaces(
    first: Space, then: Space, fetching: Fetching, tmp_path: Path
) -> None:
    """Both have the same weights, and other preprocessing."""
    fetching(first)
    complete(fetching.out, write_pca(tmp_path / "pca.npz"), None)
    complete(fetching.out, None, write_metric(tmp_path / "mine", audio_hop_s=0.96, video_dim=4))
    fetching(then)
    bundle = Bundle.load(fetching.out)
    assert (bundle.video.preprocessing, bundle.video.pca, bundle.manifest.metric) == (then, None, None)


def test_the_audio_pca_of_youtube_8m_is_the_matrices(fetching: Fetching) -> None:
    fetching(Space.YT8M)
    with np.load(Bundle.load(fetching.out).pca(Modality.AUDIO), allow_pickle=False) as file:
        np.testing.assert_array_equal(file["pca_eigen_vectors"], numbers(128, 128, 6))
