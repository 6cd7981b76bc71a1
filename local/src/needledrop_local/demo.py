"""The demo: import a library, upload clips, print what the system ranks. Everything goes through the REST API."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from needledrop.errors import BundleError
from needledrop_client import Client, Match, Pending, UnreachableError
from needledrop_demo import demo_library, write_clips, write_library
from needledrop_local.errors import LocalError
from needledrop_local.home import Home
from needledrop_local.importing import Import, audio_files, upload_files, wait_for_tracks
from needledrop_local.report import rank_of, ranking_table, refused_table, summary
from needledrop_local.stack import Stack
from needledrop_local.up import ENV_FILE
from needledrop_models.choice import chosen

UNTRAINED = (
    "The feature extractors here are untrained stand-ins: seeded random weights in the official formats. They show "
    "that the system works, not how well trained ones match."
)


@dataclass(frozen=True)
class ClipFile:
    """A clip to rank for, and the file of the track that was generated with it, if any."""

    path: Path
    title: str
    track: Path | None = None


def run_demo(home: Path, clip: Path | None, music: Path | None) -> None:
    """Rank for the demo's clips, or for `clip`, the demo's tracks, or the audio below `music`. `LocalError`.

    Own music has a home of its own, which then holds just that folder's tracks. So have the demo's tracks where another
    bundle than the demo's is in use: its library and its models stay as they are.
    """
    music, clip = music and music.expanduser(), clip and clip.expanduser()
    _require(clip, Path.is_file, "no such file")
    _require(music, Path.is_dir, "no such folder")
    out, err = Console(), Console(stderr=True)
    bundle = Home(home.resolve()).demo_bundle
    with Stack(home_of(home, bundle, music), port=None, bundle=bundle, console=err) as stack:
        files = audio_files(music) if music else _demo_tracks(home / "demo", err)
        clips = [ClipFile(clip, clip.name)] if clip else _demo_clips(home / "demo", err, known_tracks=music is None)
        with Client(stack.url) as client:
            try:
                _Demo(client, stack.check, out, err).run(clips, files, whole_library=music is not None)
            except UnreachableError:
                stack.check()
                raise


def home_of(home: Path, bundle: Path, music: Path | None) -> Path:
    """The home of a demo: `home` itself where its library is the demo's. `bundle` is the demo's, an absolute path."""
    if music:
        return home / "own"
    try:
        in_use = chosen(ENV_FILE)
    except BundleError:
        return home / "apart"
    return home if in_use is None or in_use.resolve() == bundle else home / "apart"


@dataclass(frozen=True)
class _Demo:
    client: Client
    check: Callable[[], None]
    out: Console
    err: Console

    def run(self, clips: list[ClipFile], files: list[Path], *, whole_library: bool) -> None:
        imported = upload_files(self.client, files, self.err)
        uploaded = [(clip, self.client.upload_video(clip.path)) for clip in clips]
        wait_for_tracks(self.client, imported, self.check, self.err)
        if whole_library:
            self._forget_others(imported)
        if imported.refused:
            self.out.print(refused_table(imported.refused))
        if not imported.tracks:
            raise LocalError("there is no audio that can be used")
        ranks = [self._rank(clip, answer.id, imported) for clip, answer in uploaded]
        self._conclude([rank for rank in ranks if rank is not None])

    def _rank(self, clip: ClipFile, clip_id: str, imported: Import) -> int | None:
        """Print the clip's table; the rank of its true track, None where it has none."""
        match = self._match(clip, clip_id)
        found = imported.tracks.get(clip.track) if clip.track else None
        true_track = found.id if found else None
        names = {track.id: track.name for track in imported.tracks.values()}
        self.out.print(ranking_table(clip.title, match, names, true_track))
        return rank_of(match, true_track) if true_track else None

    def _match(self, clip: ClipFile, clip_id: str) -> Match:
        with self.err.status(clip.title) as status:

            def watch(pending: Pending) -> None:
                self.check()
                status.update(f"{clip.title}: {pending.stage}")

            return self.client.match(clip_id, progress=watch)

    def _forget_others(self, imported: Import) -> None:
        """Delete what an earlier folder left in the library."""
        wanted = {track.id for track in imported.tracks.values()}
        for track in list(self.client.library()):
            if track.id not in wanted:
                self.client.delete_track(track.id)

    def _conclude(self, ranks: list[int]) -> None:
        about = self.client.about()
        if ranks:
            self.out.print(summary(ranks, about.tracks.ready), style="bold", highlight=False, soft_wrap=True)
        if about.model and about.model.untrained_backbones:
            self.out.print(UNTRAINED, style="yellow", soft_wrap=True)


def _demo_tracks(media: Path, err: Console) -> list[Path]:
    with err.status("writing the demo library"):
        return [track.path for track in write_library(media / "library")]


def _demo_clips(media: Path, err: Console, *, known_tracks: bool) -> list[ClipFile]:
    with err.status("writing the demo clips"):
        clips = write_clips(media / "clips", demo_library(media / "library"))
    return [ClipFile(clip.path, clip.title, clip.track.path if known_tracks else None) for clip in clips]


def _require(path: Path | None, there: Callable[[Path], bool], otherwise: str) -> None:
    if path is not None and not there(path):
        raise LocalError(f"{path}: {otherwise}")
