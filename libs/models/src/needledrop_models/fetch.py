"""Fetching what spaces need, and making their bundles."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from needledrop.bundle import Bundle
from needledrop.errors import NeedledropError
from needledrop_models import catalog
from needledrop_models.assemble import assemble, has_metric
from needledrop_models.catalog import PcaSource, PublicFile, Space, files_of, with_hashes
from needledrop_models.download import OnBytes
from needledrop_models.matrix_data import read_matrix
from needledrop_models.published import check_archive
from needledrop_models.record import FetchedFile
from needledrop_models.store import FileStore, Form
from needledrop_models.yt8m_pca import AUDIO_DIM, POOL_DIM, VIDEO_DIM, read_archive

DOWNLOADS = ".downloads"
NOTES = "Public weights, unchanged; licences: {licences}."
OTHER_NOTES = "Weights of another source than the official one, as its list of hashes names them."

Say = Callable[[str], None]
# Shows a file's progress while it is open.
Show = Callable[[PublicFile], AbstractContextManager[OnBytes]]


def _matrix_of(rows: int, columns: int) -> Form:
    return lambda path, name: read_matrix(path.read_bytes(), name, (rows, columns))


# Files whose hash nobody published have to be, at least, what they should be.
FORMS: dict[str, Form] = {
    catalog.YT8M_PCA.name: read_archive,
    catalog.VGGISH_MEAN.name: _matrix_of(AUDIO_DIM, 1),
    catalog.VGGISH_PROJECTION.name: _matrix_of(AUDIO_DIM, AUDIO_DIM),
    catalog.INCEPTION_MEAN.name: _matrix_of(POOL_DIM, 1),
    catalog.INCEPTION_PROJECTION.name: _matrix_of(VIDEO_DIM, POOL_DIM),
}


@dataclass
class Fetched:
    """`bundles`: those that could be made. `failures`: a sentence for each file or bundle that couldn't."""

    bundles: dict[Space, Bundle] = field(default_factory=dict)
    failures: list[NeedledropError] = field(default_factory=list)


def fetch(
    spaces: Sequence[Space],
    out: Path,
    store: FileStore,
    show: Show,
    say: Say,
    *,
    metric: Path | None = None,
    default: Path | None = None,
    pca: PcaSource = PcaSource.ARCHIVE,
    hashes: dict[str, str] | None = None,
) -> Fetched:
    """Get every file that isn't there, then make a bundle of each space whose files are.

    The bundle is `out`, or `out/SPACE` of several.
    `metric`: the folder of the metric for `yt8m`; without it the bundle keeps the one that it has, or gets `default`,
    if that is there. `hashes` pin the files in place of the published ones.
    """
    result = Fetched()
    official = hashes is None
    missing: set[str] = set()
    wanted = {file.name: file for space in spaces for file in with_hashes(files_of(space, pca), hashes)}
    for file in wanted.values():
        form = check_archive if official and file.name == catalog.YT8M_PCA.name else FORMS.get(file.name)
        try:
            _ensure(file, form, store, show, say)
        except NeedledropError as error:
            missing.add(file.name)
            result.failures.append(error)
    for space in spaces:
        files = files_of(space, pca)
        if missing.isdisjoint(file.name for file in files):
            root = out / space if len(spaces) > 1 else out
            notes = _notes(files) if official else OTHER_NOTES
            mine, shipped = (metric, default) if space is Space.YT8M else (None, None)
            shipped = shipped if shipped and has_metric(shipped) else None
            try:
                result.bundles[space] = assemble(
                    space, store.folder, root, metric=mine, default=shipped, pca=pca, notes=notes
                )
            except NeedledropError as error:
                result.failures.append(error)
    return result


def _ensure(file: PublicFile, form: Form | None, store: FileStore, show: Show, say: Say) -> None:
    if store.has(file, form):
        say(f"{file.name}: there already")
        return
    with show(file) as on_bytes:
        fetched = store.fetch(file, form, on_bytes)
    say(f"{file.name}: {fetched.size:,} bytes, SHA-256 {fetched.sha256} ({_trust(fetched)})")


def _trust(fetched: FetchedFile) -> str:
    if fetched.pinned:
        return "as expected"
    plain = ", and it came over plain HTTP" if fetched.source.startswith("http://") else ""
    return f"no hash of it is published{plain}: this one is noted in fetched.json and kept to"


def _notes(files: Sequence[PublicFile]) -> str:
    return NOTES.format(licences="; ".join(f"{file.name}: {file.licence}" for file in files))
