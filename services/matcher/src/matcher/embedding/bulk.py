"""Writing the embeddings of many assets at once: PostgreSQL's binary COPY, its rows laid out by NumPy.

The format: https://www.postgresql.org/docs/18/sql-copy.html; `halfvec` is its dimension, a spare zero, and the values.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from matcher.db import Session
from matcher.embedding.embedded import Embedded, Owned, StepRows

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_ROWS = 2000
"""In memory at once."""


def write(session: Session, model_id: str, assets: Sequence[Owned]) -> None:
    """Add the embeddings of assets that have none under the model."""
    for column, mine in (
        ("track_id", [(one.track_id, one.embedded) for one in assets if one.track_id]),
        ("clip_id", [(one.clip_id, one.embedded) for one in assets if one.clip_id]),
    ):
        if mine:
            _write_windows(session, model_id, column, mine)
            _write_steps(session, model_id, column, [(owner, one.steps) for owner, one in mine if one.steps])


def write_windows(
    session: Session,
    model_id: str,
    column: str,
    owners: npt.NDArray[np.void],
    numbers: npt.NDArray[np.int32],
    starts: npt.NDArray[np.float64],
    vectors: npt.NDArray[Any],
) -> None:
    """Add N rows to `embeddings`. `column`: track_id or clip_id; `owners` [N], the bytes of these ids.

    `numbers` and `starts` (seconds) [N]; `vectors` [N, dim], taken to float16.
    """
    with _copy(session, f'embeddings (model_id, {column}, "window", start_s, vector)') as copy:
        copy.write(_HEADER)
        for at in range(0, len(owners), _ROWS):
            part = slice(at, at + _ROWS)
            copy.write(_rows(model_id, owners[part], numbers[part], starts[part], vectors[part]))
        copy.write(_TRAILER)


def _rows(
    model_id: str,
    owners: npt.NDArray[np.void],
    numbers: npt.NDArray[np.int32],
    starts: npt.NDArray[np.float64],
    vectors: npt.NDArray[Any],
) -> bytes:
    name = model_id.encode()
    dim = vectors.shape[1]
    layout: list[tuple[Any, ...]] = [("fields", ">i2")]
    for column, kind in (("model", f"S{len(name)}"), ("owner", "V16"), ("window", ">i4"), ("start", ">f8")):
        layout += [(f"{column}_length", ">i4"), (column, kind)]
    layout += [("vector_length", ">i4"), ("dim", ">i2"), ("spare", ">i2"), ("vector", ">f2", (dim,))]
    rows = np.zeros(len(owners), np.dtype(layout))
    rows["fields"] = 5
    rows["model_length"], rows["model"] = len(name), name
    rows["owner_length"], rows["owner"] = 16, owners
    rows["window_length"], rows["window"] = 4, numbers
    rows["start_length"], rows["start"] = 8, starts
    rows["vector_length"], rows["dim"] = 4 + 2 * dim, dim
    rows["vector"] = vectors
    return rows.tobytes()


def _write_windows(session: Session, model_id: str, column: str, assets: Sequence[tuple[UUID, Embedded]]) -> None:
    windows = [(owner, number, window) for owner, embedded in assets for number, window in enumerate(embedded.windows)]
    write_windows(
        session,
        model_id,
        column,
        np.frombuffer(b"".join(owner.bytes for owner, *_ in windows), "V16"),
        np.array([number for _, number, _ in windows], np.int32),
        np.array([window.start_s for *_, window in windows], np.float64),
        np.array([window.vector for *_, window in windows], np.float32),
    )


def _write_steps(session: Session, model_id: str, column: str, assets: Sequence[tuple[UUID, StepRows]]) -> None:
    if not assets:
        return
    with _copy(session, f"sequences (model_id, {column}, hop_s, rows, dim, vectors)") as copy:
        copy.set_types(["text", "uuid", "float8", "int4", "int4", "bytea"])
        for owner, steps in assets:
            rows, dim = steps.vectors.shape
            copy.write_row((model_id, owner, steps.hop_s, rows, dim, steps.vectors.astype("<f2").tobytes()))


def _copy(session: Session, target: str) -> Any:
    cursor = session.connection().connection.cursor()
    return cursor.copy(f"COPY {target} FROM STDIN WITH (FORMAT BINARY)")
