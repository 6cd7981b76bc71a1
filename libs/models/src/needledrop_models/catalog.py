"""The public files that the three feature spaces are made of: where they lie, what they must be, whose they are.

Sizes and hashes are those that were found published (docs/models.md says where); None where none was.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

MIB = 1 << 20


class Space(StrEnum):
    """The official feature spaces, by design's names."""

    SEED = "seed"
    IMAGENET = "imagenet"
    YT8M = "yt8m"


class PcaSource(StrEnum):
    """Which form of YouTube-8M's Inception PCA: the extractor's own archive, or MediaPipe's matrices."""

    ARCHIVE = "archive"
    MATRICES = "matrices"


@dataclass(frozen=True)
class PublicFile:
    """`sha256`: all 64 hex digits or the first ones, as a name carries them. `limit`: more bytes are refused."""

    name: str
    url: str
    licence: str
    limit: int
    size: int | None = None
    sha256: str | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def pinned(self, sha256: str | None) -> Self:
        """The same file, expected to have this hash and any size."""
        return replace(self, sha256=sha256, size=None)


VGGISH = PublicFile(
    name="vggish_model.ckpt",
    url="https://storage.googleapis.com/audioset/vggish_model.ckpt",
    licence="Apache-2.0 (tensorflow/models)",
    limit=400 * MIB,
    sha256="0962b1914e3e053922d957c45bc84a78c985765641dc6bceeeb3a7d8dfecfdf6",
)
VGGISH_PCA = PublicFile(
    name="vggish_pca_params.npz",
    url="https://storage.googleapis.com/audioset/vggish_pca_params.npz",
    licence="Apache-2.0 (tensorflow/models)",
    limit=MIB,
    size=73_020,
    sha256="4d878af3e306defbfb37095365aa7e5a6cecb86bad13e859e626151c4e6a8b9d",
)
INCEPTION_V3 = PublicFile(
    name="inception_v3_google-0cc3c7bd.pth",
    url="https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
    licence="BSD-3-Clause (pytorch/vision); trained on ImageNet, whose terms may apply",
    limit=200 * MIB,
    size=108_949_747,
    sha256="0cc3c7bd",
)
INCEPTION_2015 = PublicFile(
    name="pt_inception-2015-12-05-6726825d.pth",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    licence="Apache-2.0 (mseitzer/pytorch-fid, from TensorFlow's graph); trained on ImageNet, whose terms may apply",
    limit=200 * MIB,
    size=95_628_359,
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
YT8M_PCA = PublicFile(
    name="yt8m_pca.tgz",
    url="http://data.yt8m.org/yt8m_pca.tgz",
    licence="YouTube-8M: CC BY 4.0; extractor Apache-2.0 (google/youtube-8m)",
    limit=64 * MIB,
)


def _matrix(name: str) -> PublicFile:
    return PublicFile(
        name=name,
        url=f"http://data.yt8m.org/pca_matrix_data/{name}",
        licence="YouTube-8M: CC BY 4.0; graph Apache-2.0 (google-ai-edge/mediapipe)",
        limit=32 * MIB,
    )


VGGISH_MEAN = _matrix("vggish_mean_matrix_data.pb")
VGGISH_PROJECTION = _matrix("vggish_projection_matrix_data.pb")
INCEPTION_MEAN = _matrix("inception3_mean_matrix_data.pb")
INCEPTION_PROJECTION = _matrix("inception3_projection_matrix_data.pb")
EVERY_FILE = (
    VGGISH,
    VGGISH_PCA,
    INCEPTION_V3,
    INCEPTION_2015,
    YT8M_PCA,
    VGGISH_MEAN,
    VGGISH_PROJECTION,
    INCEPTION_MEAN,
    INCEPTION_PROJECTION,
)


def files_of(space: Space, pca: PcaSource = PcaSource.ARCHIVE) -> tuple[PublicFile, ...]:
    """What has to be fetched for a space."""
    if space is not Space.YT8M:
        return (VGGISH, VGGISH_PCA, INCEPTION_V3)
    video = (YT8M_PCA,) if pca is PcaSource.ARCHIVE else (INCEPTION_MEAN, INCEPTION_PROJECTION)
    return (VGGISH, VGGISH_MEAN, VGGISH_PROJECTION, INCEPTION_2015, *video)


def with_hashes(files: Iterable[PublicFile], hashes: dict[str, str] | None) -> tuple[PublicFile, ...]:
    """The files as `hashes` (by name) pins them instead of the catalog; a file that it doesn't name is unpinned."""
    return tuple(files) if hashes is None else tuple(file.pinned(hashes.get(file.name)) for file in files)
