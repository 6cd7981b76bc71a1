"""The SQL of the approximate indexes: an HNSW index a model, over its tracks' windows. See docs/adr/0026."""

import hashlib

from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

from matcher.locks import LockKey
from matcher.tables import Embedding, Model

PREFIX = "ann_embeddings_"
M = 16
EF_CONSTRUCTION = 200
_READY = text(
    "SELECT EXISTS (SELECT FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid"
    " WHERE relname = :name AND indisvalid)"
)


def index_name(model_id: str) -> str:
    """Of the model and of how its index is made, so that one which was made otherwise is replaced."""
    made = f"{model_id} {M} {EF_CONSTRUCTION}"
    return PREFIX + hashlib.sha256(made.encode()).hexdigest()[:16]


def has_index(session: Session, model_id: str) -> bool:
    """True where the model has an index that is whole."""
    return bool(session.scalar(_READY, {"name": index_name(model_id)}))


def existing(connection: Connection) -> dict[str, bool]:
    """The names of all such indexes, and whether each is whole; one is not whose making was interrupted."""
    rows = connection.execute(
        text(
            "SELECT relname, indisvalid FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid"
            " WHERE indrelid = 'embeddings'::regclass AND relname LIKE :pattern"
        ),
        {"pattern": PREFIX.replace("_", r"\_") + "%"},
    )
    return {name: valid for name, valid in rows}  # noqa: C416


def lock(connection: Connection) -> bool:
    """True where nobody else looks after the indexes now, for as long as the connection lasts."""
    return bool(connection.scalar(text(f"SELECT pg_try_advisory_lock({LockKey.INDEXES})")))


def models(connection: Connection) -> dict[str, bool]:
    """Every model, and whether it is the one in use."""
    return {model_id: active for model_id, active in connection.execute(select(Model.id, Model.active))}  # noqa: C416


def size(connection: Connection, model_id: str) -> tuple[int, int]:
    """How many windows the model's tracks have, and of what dimension they are (0 where there are none)."""
    mine = (Embedding.model_id == model_id, Embedding.track_id.is_not(None))
    windows = connection.scalar(select(func.count()).where(*mine)) or 0
    vector = connection.scalar(select(Embedding.vector).where(*mine).limit(1))
    return windows, len(vector) if vector is not None else 0


def graph_mb(windows: int, dim: int) -> int:
    """In how much memory the graph over so many windows is made at once: a half float a dimension, 2 M neighbours of 16
    bytes, and what pgvector notes of each."""
    return -(-windows * (2 * dim + 2 * M * 16 + 200) // 2**20)


def create(connection: Connection, model_id: str, dim: int, memory_mb: int, workers: int) -> None:
    """Make the model's index while rankings and writes go on; a connection in autocommit mode.

    `memory_mb`: in which the whole graph should fit. With `workers` besides the server's own process the memory is
    shared, of which some systems (containers) have little: then the database refuses, and the caller asks for none.
    """
    connection.execute(text(f"SET maintenance_work_mem = '{int(memory_mb)}MB'"))
    connection.execute(text(f"SET max_parallel_maintenance_workers = {int(workers)}"))
    literal = "'" + model_id.replace("'", "''") + "'"
    connection.exec_driver_sql(
        f"CREATE INDEX CONCURRENTLY {index_name(model_id)} ON embeddings"
        f" USING hnsw ((vector::halfvec({int(dim)})) halfvec_l2_ops)"
        f" WITH (m = {M}, ef_construction = {EF_CONSTRUCTION})"
        f" WHERE model_id = {literal} AND track_id IS NOT NULL".replace("%", "%%")
    )


def drop(connection: Connection, name: str) -> None:
    """A connection in autocommit mode."""
    connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
