"""Row 17: a backup restored into an empty system gives the same answers; one that is not whole gives nothing."""

import io
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zstandard
from sqlalchemy import text

from matcher.jobs.results import JobResults
from matcher.operations.archive import read_members, write_backup
from matcher.operations.backup import back_up
from matcher.operations.repository.locks import no_removals
from matcher.operations.restore import restore
from matcher.operations.verify import verify
from matcher.resources import Resources
from needledrop.errors import BackupError, ErrorCode
from needledrop_storage.keys import media_key
from tests.api import MADE_UP_KINDS, Api
from tests.embedded import Servers
from tests.faults.chaos import SEED, Outcome, sized
from tests.restoring import System, answers, empty_system, fill, system_of

Tell = Callable[[Outcome], None]


@pytest.fixture
def empty(servers: Servers, tmp_path: Path) -> Iterator[System]:
    with empty_system(servers, tmp_path) as system:
        yield system


def backup_of(system: System) -> bytes:
    target = io.BytesIO()
    assert back_up(system.database, system.store, target).damaged == []
    return target.getvalue()


def restored(system: System, backup: bytes) -> list[str]:
    return restore(system.settings, system.database, system.store, io.BytesIO(backup)).damaged


def refused(system: System, backup: bytes) -> BackupError:
    """The error of a restore that leaves nothing behind."""
    with pytest.raises(BackupError) as caught:
        restored(system, backup)
    assert system.objects() == {}
    with system.database.begin() as session:
        if session.scalar(text("SELECT to_regclass('tracks')")):
            assert session.scalar(text("SELECT count(*) FROM tracks")) == 0
    return caught.value


def unpacked(backup: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(zstandard.ZstdDecompressor().stream_reader(backup).read())) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return zstandard.compress(buffer.getvalue())


def test_a_restored_system_has_the_same_bytes_and_gives_the_same_answers(api: Api, empty: System, tell: Tell) -> None:
    clips = fill(api, SEED)
    original = system_of(api)
    assert restored(empty, backup_of(original)) == []
    before, after = original.objects(), empty.objects()
    with empty.client() as client:
        expected, found = answers(api.client, clips), answers(client, clips)
    report = verify(empty.database, empty.store)
    lost = len(before.keys() - after.keys()) + sum(found[key] != expected[key] for key in expected)
    tell(Outcome(17, "restore into an empty system", len(before) + len(expected), 1, lost, len(after) - len(before)))
    assert after == before
    assert found == expected
    assert (report.objects, report.damaged) == (len(before), [])


def test_a_restored_system_goes_on_with_its_jobs_and_takes_new_files(api: Api, empty: System) -> None:
    clips = fill(api, SEED)
    restored(empty, backup_of(system_of(api)))
    with empty.client() as client:
        jobs = JobResults(Resources(empty.settings, empty.database, empty.store), MADE_UP_KINDS)
        again = Api(client, empty.settings, empty.database, empty.store, jobs)
        waiting = next(item for item in client.get("/audio").json()["items"] if item["title"] == "waiting")
        again.finish(waiting["id"], np.array([[1, 2, 3]], np.uint8))
        new = again.add_track("new.ogg", [[4, 5, 6]])
        ranked = [result["audio"]["id"] for result in client.get(f"/match/{clips[0]}").json()["results"]]
    assert {waiting["id"], new} <= set(ranked)
    assert len(ranked) == len(set(ranked)) == 14


def test_a_system_that_migrate_has_prepared_counts_as_empty(api: Api, servers: Servers, tmp_path: Path) -> None:
    clips = fill(api, SEED)
    with empty_system(servers, tmp_path, migrated=True) as system:
        with system.database.begin() as session:
            session.execute(
                text(
                    "INSERT INTO models (id, name, kind, bundle, untrained_backbones, audio_space, video_space, active,"
                    " installed, state) VALUES ('bundle', 'b', 'k', 'b', true, 'a', 'v', true, true, 'ready')"
                )
            )
        restored(system, backup_of(system_of(api)))
        with system.client() as client:
            assert answers(client, clips) == answers(api.client, clips)


def test_a_system_with_anything_in_it_is_left_alone(api: Api) -> None:
    clips = fill(api, SEED)
    original = system_of(api)
    backup, before, seen = backup_of(original), original.objects(), answers(api.client, clips)
    with pytest.raises(BackupError) as caught:
        restored(original, backup)
    assert caught.value.code is ErrorCode.RESTORE_NOT_EMPTY
    assert (original.objects(), answers(api.client, clips)) == (before, seen)


def test_a_store_with_anything_in_it_is_left_alone(api: Api, empty: System) -> None:
    backup = backup_of(system_of(api))
    empty.store.put_bytes("media/ab/abcd", b"somebody's")
    with pytest.raises(BackupError, match="restore_not_empty"):
        restored(empty, backup)
    assert empty.store.get_bytes("media/ab/abcd") == b"somebody's"


def test_a_backup_that_is_cut_off_or_altered_anywhere_restores_nothing(
    api: Api, servers: Servers, tmp_path: Path, tell: Tell
) -> None:
    fill(api, SEED)
    backup = backup_of(system_of(api))
    files = unpacked(backup)
    rng = np.random.default_rng(SEED)
    broken = [backup[: int(length)] for length in rng.integers(0, len(backup) - 1, sized(6, 60))]
    for name in rng.choice(sorted(files.keys() - {"SHA256SUMS"}), sized(12, 200)):
        data = bytearray(files[name])
        if data:
            data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
            broken.append(packed({**files, str(name): bytes(data)}))
    broken += [packed({key: data for key, data in files.items() if key != name}) for name in list(files)[::5]]
    with empty_system(servers, tmp_path) as system:
        accepted = 0
        for altered in broken:
            try:
                refused(system, altered)
            except pytest.fail.Exception:
                accepted += 1
        tell(Outcome(17, "altered and cut off backups", len(broken), len(broken), accepted, 0))
        assert accepted == 0
        assert restored(system, backup) == []
        assert verify(system.database, system.store).damaged == []


@pytest.mark.parametrize("name", ["objects/../escaped", "objects/media/../../escaped", "elsewhere", "objects//etc/x"])
def test_a_backup_with_a_file_for_another_place_is_refused(api: Api, empty: System, tmp_path: Path, name: str) -> None:
    header = next(read_members(io.BytesIO(backup_of(system_of(api))))).file.read()
    target = io.BytesIO()
    with write_backup(target) as writer:
        writer.add_bytes("backup.json", header)
        writer.add_bytes(name, b"x")
    assert refused(empty, target.getvalue()).code is ErrorCode.BACKUP_INVALID
    assert not list(tmp_path.rglob("escaped"))


def test_a_backup_of_an_older_schema_is_brought_to_this_one(empty: System) -> None:
    columns = '"tracks": ["id", "sha256", "filename", "media_type", "bytes"]'
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    header = (
        '{"format": 1, "created_at": "2026-01-01T00:00:00Z", "version": "0", "revision": "0001", "bundle": null,'
        f' "tables": {{{columns}}}}}'
    )
    target = io.BytesIO()
    with write_backup(target) as writer:
        writer.add_bytes("backup.json", header.encode())
        row = f"00000000-0000-4000-8000-000000000001\t{sha256}\told.ogg\taudio/ogg\t3\n".encode()
        writer.add_bytes("tables/tracks/000000", row[:40])
        writer.add_bytes("tables/tracks/000001", row[40:])
        writer.add_bytes(f"objects/{media_key(sha256)}", b"abc")
        writer.add_bytes("end.json", b'{"damaged": []}')
    restored(empty, target.getvalue())
    assert verify(empty.database, empty.store).damaged == []
    with empty.client() as client:
        assert [item["filename"] for item in client.get("/audio").json()["items"]] == ["old.ogg"]


def test_a_backup_of_a_later_schema_is_refused(api: Api, empty: System) -> None:
    files = unpacked(backup_of(system_of(api)))
    with empty.database.begin() as session:
        known = session.scalar(text("SELECT 1"))
    assert known
    target = io.BytesIO()
    with write_backup(target) as writer:
        for name, data in files.items():
            if name != "SHA256SUMS":
                writer.add_bytes(
                    name, data.replace(b'"revision": "0', b'"revision": "9') if name.endswith("p.json") else data
                )
    assert refused(empty, target.getvalue()).code is ErrorCode.BACKUP_NEWER


def test_what_the_store_lost_is_named_by_backup_and_restore_and_the_rest_is_saved(api: Api, empty: System) -> None:
    fill(api, SEED)
    original = system_of(api)
    media = sorted(original.store.keys("media"))
    features = sorted(key for key in original.store.keys("features") if key.endswith(".npy"))
    original.store.delete(media[0])
    original.store.put_bytes(media[1], b"other bytes")
    matrix = bytearray(original.store.get_bytes(features[0]))
    matrix[-1] ^= 1
    original.store.put_bytes(features[0], bytes(matrix))
    wrong = {(media[0], "storage_missing"), (media[1], "storage_corrupt"), (features[0], "storage_corrupt")}
    assert {(found.key, found.code) for found in verify(original.database, original.store).damaged} == wrong
    target = io.BytesIO()
    assert set(back_up(original.database, original.store, target).damaged) == {key for key, _ in wrong}
    assert set(restored(empty, target.getvalue())) == {key for key, _ in wrong}
    report = verify(empty.database, empty.store)
    assert {found.key for found in report.damaged} == {key for key, _ in wrong}
    assert report.objects - len(report.damaged) == len(empty.objects())


def test_a_backup_made_amid_uploads_and_deletions_is_whole(api: Api, empty: System, tell: Tell) -> None:
    fill(api, SEED)
    target, stop, changes = io.BytesIO(), threading.Event(), 0

    def change(worker: int) -> None:
        nonlocal changes
        number = 0
        while not stop.is_set():
            number += 1
            track = api.add_track(f"{worker} {number}", [[number % 250, worker, 1]])
            assert api.client.delete(f"/audio/{track}").is_success
            changes += 2

    threads = [threading.Thread(target=change, args=[worker]) for worker in range(3)]
    for thread in threads:
        thread.start()
    damaged = []
    for _ in range(sized(5, 50)):
        target = io.BytesIO()
        damaged += back_up(api.database, api.store, target).damaged
    stop.set()
    for thread in threads:
        thread.join()
    restored(empty, target.getvalue())
    damaged += [found.key for found in verify(empty.database, empty.store).damaged]
    tell(Outcome(17, "backups amid uploads and deletions", sized(5, 50), changes, len(damaged), 0))
    assert damaged == []
    assert changes > 0


def test_two_backups_at_once_are_told_apart_from_a_hang(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matcher.operations.repository.locks.REMOVALS_WITHIN_S", 1)
    with no_removals(api.database), pytest.raises(BackupError) as caught:
        back_up(api.database, api.store, io.BytesIO())
    assert caught.value.code is ErrorCode.BACKUP_RUNNING


def test_the_commands_back_up_restore_and_verify(api: Api, empty: System, tmp_path: Path) -> None:
    clips = fill(api, SEED)
    folder = tmp_path / "backups"
    folder.mkdir()
    run(system_of(api), "backup", "--out", str(folder))
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    piped = subprocess.run(["cat", file], capture_output=True, check=True).stdout
    assert "restored and verified" in run(empty, "restore", "--from", "-", stdin=piped)
    assert unpacked(run_bytes(empty, "backup", "--out", "-")).keys() == unpacked(piped).keys()
    with empty.client() as client:
        assert answers(client, clips) == answers(api.client, clips)
    assert "restore_not_empty" in run(empty, "restore", "--from", str(file), status=1)
    (lost, *_) = empty.store.keys("media")
    empty.store.delete(lost)
    assert f"storage_missing {lost}" in run(empty, "verify", status=3)


def run(system: System, *words: str, status: int = 0, stdin: bytes = b"") -> str:
    """What the command says on standard error."""
    done = started(system, words, stdin)
    assert done.returncode == status, done.stderr.decode()
    return done.stderr.decode()


def run_bytes(system: System, *words: str) -> bytes:
    return started(system, words, b"").stdout


def started(system: System, words: tuple[str, ...], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [str(Path(sys.executable).with_name("matcher")), *words]
    return subprocess.run(command, env=system.environment(), input=stdin, capture_output=True, timeout=60, check=False)
