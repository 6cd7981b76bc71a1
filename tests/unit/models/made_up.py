"""Files of the published names and forms, with other numbers in them, encoded by other libraries than ours."""

import hashlib
import io
import tarfile
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

COMPONENTS, POOL = 1024, 2048


def numbers(rows: int, columns: int, seed: int) -> npt.NDArray[np.float32]:
    """Few different values, so that they pack well."""
    drawn = np.random.default_rng(seed).integers(-8, 9, (rows, columns))
    return (drawn / 64).astype(np.float32)


def matrix_data(matrix: npt.NDArray[np.float32], *, row_major: bool = False, packed: bool = True) -> bytes:
    """A MatrixData message, by the protobuf library."""
    message = _message(packed)()
    message.rows, message.cols = matrix.shape
    message.packed_data.extend(matrix.ravel(order="C" if row_major else "F").tolist())
    if row_major:
        message.layout = 1
    data: bytes = message.SerializeToString()
    return data


def pca_arrays() -> dict[str, npt.NDArray[Any]]:
    """What `yt8m_pca.tgz` holds, in its shapes: all eigenvectors would be 2,048, a few more than are used will do."""
    return {
        "mean.npy": numbers(POOL, 1, 1),
        "eigenvals.npy": np.linspace(2.0, 0.01, COMPONENTS + 3)[:, None],
        "eigenvecs.npy": numbers(COMPONENTS + 3, POOL, 2),
    }


def archive(arrays: dict[str, Any], prefix: str = "") -> bytes:
    """A tar.gz of `.npy` files; bytes instead of an array are put in as they are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, content in arrays.items():
            data = content if isinstance(content, bytes) else npy(content)
            member = tarfile.TarInfo(prefix + name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@cache
def public_files() -> dict[str, bytes]:
    """Every file of the catalog by its name; the networks' weights are only bytes."""
    audio_pca = io.BytesIO()
    np.savez(audio_pca, pca_eigen_vectors=numbers(128, 128, 3), pca_means=numbers(128, 1, 4)[:, 0])
    return {
        "vggish_model.ckpt": b"weights of VGGish" * 1000,
        "vggish_pca_params.npz": audio_pca.getvalue(),
        "inception_v3_google-0cc3c7bd.pth": b"weights of Inception" * 1000,
        "pt_inception-2015-12-05-6726825d.pth": b"weights of 2015" * 1000,
        "yt8m_pca.tgz": archive(pca_arrays()),
        "vggish_mean_matrix_data.pb": matrix_data(numbers(128, 1, 5)),
        "vggish_projection_matrix_data.pb": matrix_data(numbers(128, 128, 6)),
        "inception3_mean_matrix_data.pb": matrix_data(numbers(POOL, 1, 7)),
        "inception3_projection_matrix_data.pb": matrix_data(numbers(COMPONENTS, POOL, 8)),
    }


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@cache
def _message(packed: bool) -> Any:
    """The message class, from its published definition."""
    file = descriptor_pb2.FileDescriptorProto(name=f"matrix_data_{packed}.proto", package=f"made_up_{packed}")
    message = file.message_type.add(name="MatrixData")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind, label) in enumerate(
        [
            ("rows", kinds.TYPE_INT32, kinds.LABEL_OPTIONAL),
            ("cols", kinds.TYPE_INT32, kinds.LABEL_OPTIONAL),
            ("packed_data", kinds.TYPE_FLOAT, kinds.LABEL_REPEATED),
            ("layout", kinds.TYPE_INT32, kinds.LABEL_OPTIONAL),
        ],
        1,
    ):
        field = message.field.add(name=name, number=number, type=kind, label=label)
        if label == kinds.LABEL_REPEATED:
            field.options.packed = packed
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.MatrixData"))
