"""The SQL of what a model has embedded of the library and the clips, and what it still lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, not_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from matcher.embedding.repository.extraction_queue import queue_extractions
from matcher.tables import ENDED_BADLY, Asset, Clip, Embedding, Features, Job, Model, Track
from needledrop.features import Modality


@dataclass(frozen=True)
class Coverage:
    """Of the tracks and clips that have features: how many there are, how many the model has embedded, and how many
    are stale: they have features of another space only, and can't be embedded before they are extracted again."""

    total: int
    embedded: int
    stale: int

    @property
    def missing(self) -> int:
        """How many can be embedded now and are not."""
        return self.total - self.embedded - self.stale


@dataclass(frozen=True)
class Missing:
    """A track or clip that the model has not embedded, and where its features lie."""

    modality: Modality
    asset_id: UUID
    features_key: str
    hop_s: float
    rows: int

    @property
    def track_id(self) -> UUID | None:
        return self.asset_id if self.modality is Modality.AUDIO else None

    @property
    def clip_id(self) -> UUID | None:
        return self.asset_id if self.modality is Modality.VIDEO else None


@dataclass(frozen=True)
class _Side:
    table: type[Asset]
    modality: Modality
    job_column: InstrumentedAttribute[UUID | None]
    embedding_column: InstrumentedAttribute[UUID | None]
    model: Model

    @property
    def space(self) -> str:
        return self.model.audio_space if self.modality is Modality.AUDIO else self.model.video_space

    def usable(self) -> ColumnElement[bool]:
        """Has features of any space: a space's id begins with its modality."""
        return exists().where(Features.media_sha256 == self.table.sha256, Features.space.like(f"{self.modality}-%"))

    def current(self) -> ColumnElement[bool]:
        return exists().where(Features.media_sha256 == self.table.sha256, Features.space == self.space)

    def embedded(self) -> ColumnElement[bool]:
        return exists().where(self.embedding_column == self.table.id, Embedding.model_id == self.model.id)

    def given_up(self) -> ColumnElement[bool]:
        """Its extraction in this space has failed for good, so nobody waits for it."""
        mine = (self.job_column == self.table.id, Job.kind == self.modality.value, Job.space == self.space)
        return exists().where(*mine, Job.state.in_(ENDED_BADLY))


def coverage(session: Session, model: Model) -> Coverage:
    total = embedded = stale = 0
    for side in _sides(model):
        without = and_(not_(side.current()), not_(side.given_up()))
        query = select(
            func.count().filter(side.current() | without),
            func.count().filter(and_(side.current(), side.embedded())),
            func.count().filter(without),
        ).select_from(side.table)
        counts = session.execute(query.where(side.usable())).one()
        total, embedded, stale = total + counts[0], embedded + counts[1], stale + counts[2]
    return Coverage(total, embedded, stale)


def missing(session: Session, model: Model, limit: int) -> list[Missing]:
    """Up to `limit` assets that can be embedded now and are not, clips first."""
    found: list[Missing] = []
    for side in _sides(model):
        query = (
            select(side.table.id, Features.key, Features.hop_s, Features.rows)
            .join(Features, and_(Features.media_sha256 == side.table.sha256, Features.space == side.space))
            .where(not_(side.embedded()))
            .order_by(side.table.created_at, side.table.id)
            .limit(limit - len(found))
        )
        found += [Missing(side.modality, *row) for row in session.execute(query)]
    return found


def keep_assets(session: Session, assets: Sequence[Missing]) -> list[Missing]:
    """Keep the assets from being deleted until the transaction ends; those that are there still."""
    there: set[UUID] = set()
    for table, modality in ((Track, Modality.AUDIO), (Clip, Modality.VIDEO)):
        ids = [asset.asset_id for asset in assets if asset.modality is modality]
        query = select(table.id).where(table.id.in_(ids)).order_by(table.id)
        there.update(session.scalars(query.with_for_update(read=True, key_share=True)))
    return [asset for asset in assets if asset.asset_id in there]


def queue_stale(session: Session, model: Model) -> int:
    """Queue the extraction of every stale asset that has no job in the model's space; how many."""
    return sum(
        queue_extractions(
            session, side.table, side.job_column, side.modality, side.space, side.usable(), not_(side.current())
        )
        for side in _sides(model)
    )


def _sides(model: Model) -> tuple[_Side, _Side]:
    return (
        _Side(Clip, Modality.VIDEO, Job.clip_id, Embedding.clip_id, model),
        _Side(Track, Modality.AUDIO, Job.track_id, Embedding.track_id, model),
    )
