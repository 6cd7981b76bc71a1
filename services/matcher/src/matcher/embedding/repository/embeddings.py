"""The SQL of features and embeddings, as they are written."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from matcher.embedding import bulk
from matcher.embedding.embedded import Owned
from matcher.tables import Embedding, Features, Steps


class EmbeddingRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

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
