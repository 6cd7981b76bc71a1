"""The SQL of what the media store has to hold: every object that a row names, and whether anything still names one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import func, literal, select, text, union_all
from sqlalchemy.orm import Session

from matcher.tables import Clip, Features, Model, ModelState, Pair, Track
from needledrop_storage.keys import info_key, media_key, model_key

ASSETS = {"track": Track, "clip": Clip, "pair": Pair}
PAGE = 1000


@dataclass(frozen=True)
class NamedObject:
    """An object that a row names. `sha256`: of its bytes, where the row says it; `rows`: of a feature matrix.

    `what` tells a person whose it is.
    """

    key: str
    what: str
    sha256: str | None = None
    rows: int | None = None


def named_objects(session: Session) -> Iterator[NamedObject]:
    """Every object that the store has to hold, a page of rows in memory at a time."""
    yield from _media(session)
    yield from _features(session)
    yield from _model_files(session)


def hashes_in_use(session: Session, hashes: Sequence[str]) -> set[str]:
    """Those of the hashes whose bytes some asset has."""
    return {
        sha256
        for table in ASSETS.values()
        for sha256 in session.scalars(select(table.sha256).where(table.sha256.in_(hashes)))
    }


def model_file_in_use(session: Session, model_id: str, path: str) -> bool:
    """Whether the model has the file, or is still in training; its row is locked until the transaction ends."""
    model = session.scalars(select(Model).where(Model.id == model_id).with_for_update()).one_or_none()
    return model is not None and (model.state == ModelState.TRAINING or path in (model.files or {}))


def schema_revision(session: Session) -> str:
    """The migration that the database is at, empty where there is none."""
    if session.scalar(select(func.to_regclass("alembic_version"))) is None:
        return ""
    return session.scalar(text("SELECT version_num FROM alembic_version")) or ""


def _media(session: Session) -> Iterator[NamedObject]:
    assets = union_all(
        *(
            select(table.sha256, literal(kind).label("kind"), func.coalesce(table.title, table.filename).label("name"))
            for kind, table in ASSETS.items()
        )
    ).subquery()
    rows = session.execute(select(assets).order_by(assets.c.sha256).execution_options(yield_per=PAGE))
    for sha256, same in groupby(rows, key=lambda row: str(row.sha256)):
        first = next(same)
        yield NamedObject(media_key(sha256), f"the {first.kind} “{first.name}”", sha256)


def _features(session: Session) -> Iterator[NamedObject]:
    query = select(Features.key, Features.media_sha256, Features.rows, Features.sha256)
    for row in session.execute(query.order_by(Features.key).execution_options(yield_per=PAGE)):
        what = f"features of {row.media_sha256[:12]}…"
        yield NamedObject(row.key, what, row.sha256, row.rows)
        yield NamedObject(info_key(row.key), what)


def _model_files(session: Session) -> Iterator[NamedObject]:
    query = select(Model.id, Model.name, Model.files).where(Model.files.is_not(None)).order_by(Model.id)
    for model_id, name, files in session.execute(query):
        for path, sha256 in sorted((files or {}).items()):
            yield NamedObject(model_key(model_id, path), f"the model “{name}”", sha256)
