"""Orphans are removed, and nothing else: also while uploads, deletions and backups go on."""

import hashlib
import io
import os
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from matcher.cli import app
from matcher.context import Context
from matcher.embedding.repository import ann_index
from matcher.housekeeping import sweep
from matcher.operations.backup import back_up
from matcher.operations.orphans import OrphanCollector, OrphanReport
from matcher.operations.repository.locks import no_removals
from matcher.operations.verify import verify
from needledrop.errors import BackupError
from needledrop_storage.keys import features_key, info_key, media_key, model_key
from needledrop_storage.store import MediaStore
from tests.api import Api
from tests.restoring import fill, system_of

ORPHAN = hashlib.sha256(b"orphan").hexdigest()


def collect(api: Api, hours: float = 0, *, dry_run: bool = False) -> OrphanReport:
    return OrphanCollector(api.database, api.store, timedelta(hours=hours), dry_run=dry_run).run()


def leave_orphans(api: Api) -> set[str]:
    """What a crash between the store and the commit, an extractor that came late, and a deleted model leave."""
    late = features_key(ORPHAN, "audio-space")
    keys = {media_key(ORPHAN), late, info_key(late), model_key("deleted", "metric.json")}
    for key in keys:
        api.store.put_bytes(key, b"orphan")
    return keys


def test_what_no_row_names_is_removed_and_all_else_stays(api: Api) -> None:
    fill(api, 1)
    api.store.put_bytes(model_key("trained", "left by an earlier attempt"), b"x")
    live = system_of(api).objects()
    orphans = leave_orphans(api)
    report = collect(api)
    del live[model_key("trained", "left by an earlier attempt")]
    assert system_of(api).objects() == live
    assert (report.objects, report.bytes) == (len(orphans) + 1, len(orphans) * len(b"orphan") + 1)
    assert verify(api.database, api.store).damaged == []


def test_a_dry_run_removes_nothing(api: Api) -> None:
    orphans = leave_orphans(api)
    assert collect(api, dry_run=True).objects == len(orphans)
    assert set(api.store.keys("")) == orphans


def test_the_command_says_what_it_would_remove_and_then_removes_it(api: Api) -> None:
    orphans = leave_orphans(api)
    environment = {
        "NEEDLEDROP_DATABASE_URL": api.settings.database_url.get_secret_value(),
        "NEEDLEDROP_MEDIA_URL": api.settings.media_url,
    }
    said = []
    for options in (["--dry-run", "--older-than-h", "0"], [], ["--older-than-h", "0"]):
        done = CliRunner().invoke(app, ["collect-orphans", *options], env=environment)
        assert done.exit_code == 0, done.output
        said.append((done.stderr.splitlines()[-1].partition(" temporary")[0], len(set(api.store.keys("")))))
    count = len(orphans)
    assert said == [
        (f"would remove {count} of {count} objects and 0", count),
        (f"removed 0 of {count} objects and 0", count),
        (f"removed {count} of {count} objects and 0", 0),
    ]


def test_what_is_younger_than_the_grace_period_stays(api: Api) -> None:
    orphans = leave_orphans(api)
    assert collect(api, hours=1).objects == 0
    assert set(api.store.keys("")) == orphans


def test_keys_of_an_unknown_form_stay(api: Api) -> None:
    for key in ("mixes/ab/abc.mp4", "media/readme", "features/ab/short/x.npy"):
        api.store.put_bytes(key, b"somebody's")
    assert collect(api).objects == 0


def test_files_of_a_model_in_training_stay(api: Api) -> None:
    fill(api, 1)
    with api.database.begin() as session:
        session.connection().exec_driver_sql("UPDATE models SET state = 'training', files = NULL WHERE id = 'trained'")
    assert collect(api).objects == 0


def test_old_temporary_files_are_removed_and_young_ones_stay(api: Api) -> None:
    root = Path(api.store.url.removeprefix("file://"))
    old = [root / "media" / "ab#1", root / "needledrop-old", root / ".staging" / "part-old"]
    young = [root / "needledrop-young", root / ".staging" / "part-young"]
    for path in (*old, *young):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"part")
    for path in old:
        os.utime(path, (time.time() - 7200,) * 2)
    assert collect(api, hours=1).files == len(old)
    assert [path.exists() for path in (*old, *young)] == [False] * 3 + [True] * 2


def test_the_sweep_sees_uploads_that_were_cut_off_on_their_way_from_another_file_system(
    api: Api, tmp_path: Path
) -> None:
    settings = api.settings.model_copy(update={"uploads_dir": tmp_path / "uploads"})
    # Not the API's own, which sweeps there, too.
    store = MediaStore((tmp_path / "store").as_uri())
    folders = (tmp_path / "uploads", store.staging)
    old, young = ([folder / f"part-{age}" for folder in folders] for age in ("old", "young"))
    for path in (*old, *young):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"part")
    for path in old:
        os.utime(path, (time.time() - 7200,) * 2)
    sweep(Context(settings, api.database, store))
    assert [path.exists() for path in (*old, *young)] == [False] * 2 + [True] * 2


def test_the_systems_temporary_folder_is_nobodys_to_clean(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "needledrop-somebody").write_bytes(b"x")
    assert collect(api).files == 0
    assert (tmp_path / "needledrop-somebody").exists()


def test_while_a_backup_is_made_nothing_is_removed(api: Api) -> None:
    track = api.add_track("kept.ogg", [[1, 2, 3]])
    orphans = leave_orphans(api)
    before = set(api.store.keys(""))
    with no_removals(api.database):
        assert api.client.delete(f"/audio/{track}").is_success
        with pytest.raises(BackupError, match="backup_running"):
            collect(api)
        assert set(api.store.keys("")) == before
    assert collect(api).objects == len(before) > len(orphans)
    assert set(api.store.keys("")) == set()


def test_while_an_index_is_made_removals_backups_and_collections_go_on(api: Api) -> None:
    track = api.add_track("deleted.ogg", [[1, 2, 3]])
    with api.database.engine.connect() as keeper:
        assert ann_index.lock(keeper)
        assert api.client.delete(f"/audio/{track}").is_success
        assert set(api.store.keys("")) == set()
        leave_orphans(api)
        assert collect(api).objects == 4


def test_no_upload_loses_its_bytes_to_a_collection_without_grace(api: Api) -> None:
    """The worst case: the same few files come and go while everything without a row is removed at once."""
    stop, lost, rounds = threading.Event(), [], []

    def upload(worker: int) -> None:
        rng = np.random.default_rng(worker)
        while not stop.is_set():
            name = f"same {rng.integers(4)}.ogg"
            answer = api.client.post("/audio", files={"file": (name, name.encode())})
            if answer.status_code != 202:
                continue
            track = answer.json()["id"]
            content = api.client.get(f"/audio/{track}/file")
            # Another worker may have deleted the track meanwhile; while it is there, so are its bytes.
            gone = content.status_code == 404 and content.json()["code"] == "not_found"
            if not gone and content.content != name.encode() and api.client.get(f"/audio/{track}").is_success:
                lost.append(track)
            rounds.append(track)
            if rng.random() < 0.5:
                api.client.delete(f"/audio/{track}")

    def collect_all() -> None:
        while not stop.is_set():
            collect(api)

    threads = [threading.Thread(target=upload, args=[worker]) for worker in range(4)]
    threads.append(threading.Thread(target=collect_all))
    for thread in threads:
        thread.start()
    while len(rounds) < 60 and threads[-1].is_alive():
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert lost == []
    assert len(rounds) >= 60
    assert verify(api.database, api.store).damaged == []
    assert back_up(api.database, api.store, io.BytesIO()).damaged == []
