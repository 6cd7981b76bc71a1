"""YouTube-8M's PCAs, from the forms they are published in to those that bundles hold.

A bundle has one form a side, whatever the source: the extractors read nothing else.
"""

import gzip
import io
import tarfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from needledrop.arrays import array_from_bytes
from needledrop.errors import BundleError, ErrorCode
from needledrop_models.matrix_data import read_matrix
from needledrop_models.video_pca import VideoPca

Floats = npt.NDArray[np.float64]
AUDIO_DIM, VIDEO_DIM, POOL_DIM = 128, 1024, 2048
# Added to each eigenvalue before the square root: google/youtube-8m, feature_extractor.py, `apply_pca`.
EPSILON = 1e-4
MEMBERS = ("mean.npy", "eigenvals.npy", "eigenvecs.npy")
MEMBER_LIMIT = 64 << 20
ARCHIVE_LIMIT = 256 << 20


def read_archive(path: Path, name: str) -> VideoPca:
    """`yt8m_pca.tgz`: `mean.npy` [2048, 1], `eigenvals.npy` [≥ 1024, 1], `eigenvecs.npy` [≥ 1024, 2048], a row each.

    Nothing is unpacked to disk and nothing unpickled; `BundleError` with the file's name where it is anything else.
    """
    arrays = _members(path, name)
    mean, values, vectors = (arrays[member] for member in MEMBERS)
    fits = mean.shape == (POOL_DIM, 1) and values.ndim == 2 and values.shape[1:] == (1,) and len(values) >= VIDEO_DIM
    if not fits or vectors.ndim != 2 or len(vectors) < VIDEO_DIM or vectors.shape[1] != POOL_DIM:
        shapes = ", ".join(f"{member} {list(arrays[member].shape)}" for member in MEMBERS)
        raise _invalid(name, f"holds arrays of other shapes: {shapes}")
    variance = values[:VIDEO_DIM, 0] + EPSILON
    if variance.min() <= 0:
        raise _invalid(name, "holds an eigenvalue that is negative")
    return VideoPca(mean[:, 0], vectors[:VIDEO_DIM], variance)


def read_video_matrices(mean: Path, projection: Path) -> VideoPca:
    """MediaPipe's `inception3_*_matrix_data.pb`: `projection · (x − mean)`, its rows scaled already."""
    means = read_matrix(mean.read_bytes(), mean.name, (POOL_DIM, 1))
    rows = read_matrix(projection.read_bytes(), projection.name, (VIDEO_DIM, POOL_DIM))
    return VideoPca(means[:, 0].astype(np.float64), rows.astype(np.float64), np.ones(VIDEO_DIM))


def convert_audio_matrices(mean: Path, projection: Path, path: Path) -> None:
    """From MediaPipe's `vggish_*_matrix_data.pb` to AudioSet's form: `pca_means` [128], `pca_eigen_vectors` [128, 128].

    Both are applied alike: a row of the projection (of the vectors) is one output.
    """
    means = read_matrix(mean.read_bytes(), mean.name, (AUDIO_DIM, 1))
    vectors = read_matrix(projection.read_bytes(), projection.name, (AUDIO_DIM, AUDIO_DIM))
    np.savez(path, pca_eigen_vectors=vectors, pca_means=means[:, 0])


def _members(path: Path, name: str) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    try:
        with gzip.open(path) as plain:
            limited = _Limited(plain)
            with tarfile.open(fileobj=limited, mode="r|") as tar:
                for member in tar:
                    wanted = member.name.removeprefix("./")
                    if wanted in MEMBERS and member.isfile() and member.size <= MEMBER_LIMIT:
                        file = tar.extractfile(member)
                        found[wanted] = _array(file.read() if file else b"", name, wanted)
            # The checksum stands behind the last byte.
            while limited.read(1 << 20):
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise _invalid(name, f"is not a whole tar.gz archive: {error}") from error
    if missing := [member for member in MEMBERS if member not in found]:
        raise _invalid(name, f"lacks {', '.join(missing)}")
    return found


def _array(data: bytes, name: str, member: str) -> Floats:
    try:
        array = array_from_bytes(data)
    except (ValueError, EOFError, OSError) as error:
        raise _invalid(name, f"holds a {member} that is not a plain array") from error
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise _invalid(name, f"holds a {member} that is not of finite numbers")
    return array.astype(np.float64)


class _Limited(io.RawIOBase):
    """What an archive unpacks to, up to a limit: a few kilobytes can unpack to terabytes."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile) -> None:
        self._source = source
        self._left = ARCHIVE_LIMIT

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._source.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"it unpacks to more than {ARCHIVE_LIMIT >> 20} MiB")
        return data


def _invalid(name: str, what: str) -> BundleError:
    return BundleError(ErrorCode.BUNDLE_INVALID, f"{name} {what}")
