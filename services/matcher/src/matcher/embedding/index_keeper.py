"""Keeps the approximate indexes: makes one for the model in use once its library is large, drops those of models that
are gone. What is to be done is read from the database each time, so a lost process loses nothing; until an index is
whole, rankings are exact.
"""

from dataclasses import dataclass
from threading import Event, Thread

import psycopg

from matcher.db import Connection, OperationalError, SQLAlchemyError, autocommitting
from matcher.embedding.repository import ann_index
from needledrop.log import get_logger

EVERY_S = 30.0
log = get_logger(__name__)


@dataclass(frozen=True)
class IndexKeeper:
    """`from_windows`: how many windows a library has from which on it gets an index. `memory_mb`, `workers`: for
    making one."""

    url: str
    from_windows: int
    memory_mb: int
    workers: int

    def start(self, stop: Event) -> None:
        """Work in the background until `stop` is set."""
        Thread(target=self._run, args=[stop], name="index-keeper", daemon=True).start()

    def run_once(self) -> int:
        """Make and drop what is to be; how many. Nothing where another process is at it."""
        with autocommitting(self.url) as connection:
            return self._keep(connection) if ann_index.lock(connection) else 0

    def _run(self, stop: Event) -> None:
        while not stop.is_set():
            try:
                self.run_once()
            except SQLAlchemyError as error:
                told = f"{type(error).__name__}: {error}".splitlines()[0]
                log.warning("indexes can't be looked after", error=told)
            stop.wait(EVERY_S)

    def _keep(self, connection: Connection) -> int:
        done = 0
        models = ann_index.models(connection)
        kept = {ann_index.index_name(model_id) for model_id in models}
        whole = set()
        for name, valid in ann_index.existing(connection).items():
            if valid and name in kept:
                whole.add(name)
            else:
                ann_index.drop(connection, name)
                log.info("index dropped", index=name)
                done += 1
        for model_id in (model_id for model_id, active in models.items() if active):
            windows, dim = ann_index.size(connection, model_id)
            if ann_index.index_name(model_id) not in whole and windows >= self.from_windows and dim:
                self._make(connection, model_id, windows, dim)
                log.info("index made", model=model_id, windows=windows)
                done += 1
        return done

    def _make(self, connection: Connection, model_id: str, windows: int, dim: int) -> None:
        needed = ann_index.graph_mb(windows, dim)
        if needed > self.memory_mb:
            log.warning(
                "making the index will take long: it outgrows NEEDLEDROP_INDEX_MEMORY_MB",
                needed_mb=needed,
                memory_mb=self.memory_mb,
            )
        try:
            ann_index.create(connection, model_id, dim, self.memory_mb, self.workers)
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.DiskFull | psycopg.errors.OutOfMemory) or not self.workers:
                raise
            # Workers share their memory in /dev/shm, which containers often keep small; alone, one needs none.
            log.warning("index is made by one process: too little shared memory", error=str(error.orig).splitlines()[0])
            ann_index.drop(connection, ann_index.index_name(model_id))
            ann_index.create(connection, model_id, dim, self.memory_mb, workers=0)
