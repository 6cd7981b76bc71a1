"""The SQL of choices."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from matcher.assets.example import Example, SideKey
from matcher.tables import Choice, Clip, Features, Track


class ChoiceRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def clip_exists(self, clip_id: UUID) -> bool:
        return self._session.get(Clip, clip_id) is not None

    def track(self, track_id: UUID) -> Track | None:
        return self._session.get(Track, track_id)

    def put(self, choice: Choice) -> Choice:
        """The choice as it stands: a track that was taken for this clip before is taken again, from its new place."""
        found = {"start_s": choice.start_s, "model_id": choice.model_id, "rank": choice.rank}
        query = (
            upsert(Choice)
            .values(clip_id=choice.clip_id, track_id=choice.track_id, **found)
            .on_conflict_do_update(
                index_elements=[Choice.clip_id, Choice.track_id], set_={**found, "created_at": func.clock_timestamp()}
            )
            .returning(Choice)
        )
        return self._session.scalars(query).one()

    def of_clip(self, clip_id: UUID) -> Sequence[Choice]:
        """The clip's choices, newest first."""
        query = select(Choice).where(Choice.clip_id == clip_id)
        return self._session.scalars(query.order_by(Choice.created_at.desc(), Choice.id)).all()

    def usable(self, audio_space: str, video_space: str) -> list[Example]:
        """The choices of which both sides' features are there in these spaces, oldest first."""
        video, audio = aliased(Features), aliased(Features)
        query = (
            select(video.key, video.hop_s, audio.key, audio.hop_s, Choice.start_s)
            .join(Clip, Clip.id == Choice.clip_id)
            .join(Track, Track.id == Choice.track_id)
            .join(video, (video.media_sha256 == Clip.sha256) & (video.space == video_space))
            .join(audio, (audio.media_sha256 == Track.sha256) & (audio.space == audio_space))
            .order_by(Choice.created_at, Choice.id)
        )
        return [
            Example(SideKey(row[0], row[1]), SideKey(row[2], row[3]), start_s=row[4], cut=True)
            for row in self._session.execute(query)
        ]
