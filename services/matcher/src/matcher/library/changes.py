"""Changing what is said of a track."""

from uuid import UUID

from matcher.assets.repository import AssetRepository
from matcher.assets.service import AssetKind, clean_text
from matcher.db import Database
from matcher.errors import not_found
from matcher.library.schemas import TrackChange
from matcher.library.tags import normal_tags
from matcher.registry.repository import active_model
from matcher.tables import Job, Track


def change(
    database: Database, kind: AssetKind[Track], track_id: UUID, changed: TrackChange
) -> tuple[Track, Job | None]:
    """The track as it is then, and its job; `ApiError(not_found)`."""
    with database.begin() as session:
        repository = AssetRepository(session, kind.table, kind.job_column)
        found = repository.get(track_id, kind.space(active_model(session)))
        if found is None:
            raise not_found(kind.label)
        track, job = found
        if changed.title is not None:
            track.title = clean_text(changed.title)
        if changed.artist is not None:
            track.artist = clean_text(changed.artist)
        if changed.tags is not None:
            track.tags = normal_tags(changed.tags)
    return track, job
