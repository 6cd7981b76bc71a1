"""The SQL of embeddings, as rankings read them."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from matcher.matches.alignment import Vectors, by_second
from matcher.tables import Embedding, Steps


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


def _unpacked(steps: Steps) -> Vectors:
    vectors = np.frombuffer(steps.vectors, "<f2").reshape(steps.rows, steps.dim)
    return by_second(vectors, steps.hop_s)
