"""The tracks of the library: adding, describing, listing, changing and deleting them."""

from uuid import UUID

from matcher.assets.service import AssetKind, AssetService, column_values, describe, state_of
from matcher.context import Context
from matcher.library.schemas import TrackChange, TrackFields, TrackOut, TrackPage
from matcher.tables import Job, Track
from needledrop.features import Modality


def _track_out(track: Track, job: Job | None) -> TrackOut:
    return describe(TrackOut, track, state_of(job), f"/audio/{track.id}/file")


TRACK = AssetKind(Track, Modality.AUDIO, Job.track_id, "track", TrackFields, _track_out)


class TrackService(AssetService[Track, TrackOut]):
    def __init__(self, context: Context) -> None:
        super().__init__(TRACK, context)

    def page(self, limit: int, cursor: str | None) -> TrackPage:
        """Up to `limit` tracks, newest first; `ApiError(cursor_invalid)`."""
        items, total, next_cursor = self.listed(limit, cursor)
        return TrackPage(items=items, total=total, next_cursor=next_cursor)

    def change(self, track_id: UUID, changed: TrackChange) -> TrackOut:
        """The track as it is then; `ApiError(not_found)`. Each field of the change is the column of that name."""
        with self._database.begin() as session:
            track, job = self._find(session, track_id)
            for name, value in column_values(changed).items():
                setattr(track, name, value)
        return _track_out(track, job)
