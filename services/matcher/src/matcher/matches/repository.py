"""The SQL of embeddings."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from matcher.embedding import bulk
from matcher.embedding.embedded import Owned
from matcher.matches.alignment import Vectors, by_second
from matcher.tables import Embedding, Features, Steps


class MatchRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def clip_vector(self, clip_id: UUID, model_id: str) -> Any | None:
        """The clip's embedding under the model, None where it has none."""
        query = select(Embedding.vector).where(Embedding.clip_id == clip_id, Embedding.model_id == model_id)
        return self._session.scalar(query)

    def track_vector(self, track_id: UUID, model_id: str) -> Any | None:
        """The mean of the track's windows under the model, None where it has none."""
        mean = func.avg(Embedding.vector.cast(HALFVEC()), type_=HALFVEC())
        return self._session.scalar(select(mean).where(Embedding.track_id == track_id, Embedding.model_id == model_id))

    def clip_steps(self, clip_id: UUID, model_id: str) -> Vectors | None:
        """The clip's embeddings second by second, [T, dim], None where the model makes none."""
        steps = self._session.scalars(select(Steps).where(Steps.clip_id == clip_id, Steps.model_id == model_id))
        found = steps.one_or_none()
        return _unpacked(found) if found else None

    def track_steps(self, track_ids: Sequence[UUID], model_id: str) -> Iterator[tuple[UUID, Vectors]]:
        """The tracks' embeddings second by second, a few tracks in memory at a time."""
        query = select(Steps).where(Steps.track_id.in_(track_ids), Steps.model_id == model_id)
        for steps in self._session.scalars(query.execution_options(yield_per=16)):
            assert steps.track_id is not None
            yield steps.track_id, _unpacked(steps)
            self._session.expunge(steps)

    def replace(self, model_id: str, assets: Sequence[Owned]) -> None:
        """Write the assets' embeddings in place of those they had under the model."""
        track_ids = [one.track_id for one in assets if one.track_id]
        clip_ids = [one.clip_id for one in assets if one.clip_id]
        for table in (Embedding, Steps):
            for column, ids in ((table.track_id, track_ids), (table.clip_id, clip_ids)):
                if ids:
                    self._session.execute(delete(table).where(column.in_(ids), table.model_id == model_id))
        bulk.write(self._session, model_id, assets)

    def remember_features(self, media_sha256: str, space: str, key: str, rows: int, hop_s: float, data: bytes) -> None:
        """Note the matrix in the media store; `data` are its bytes."""
        sha256 = hashlib.sha256(data).hexdigest()
        values = {"media_sha256": media_sha256, "space": space, "key": key, "rows": rows, "hop_s": hop_s}
        new = upsert(Features).values(**values, sha256=sha256)
        # The same again, or the matrix of a file that was extracted anew: the hash is that of what is stored now.
        again = new.on_conflict_do_update(
            index_elements=["media_sha256", "space"], set_={"rows": rows, "sha256": sha256}
        )
        self._session.execute(again)


def _unpacked(steps: Steps) -> Vectors:
    vectors = np.frombuffer(steps.vectors, "<f2").reshape(steps.rows, steps.dim)
    return by_second(vectors, steps.hop_s)
