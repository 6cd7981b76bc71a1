"""The curl scripts, against the local processes as well as the containers, with jq and without it."""

import json
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.containers import ROOT, SCRIPTS, run_script
from tests.shared import missing
from tests.stack import RunningStack

NOWHERE = "http://127.0.0.1:9"
TOOLS = ("bash", "awk", "cat", "curl", "dirname", "mktemp", "rm", "sleep")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True, scope="module")
def _demo_library(stack: RunningStack) -> None:
    stack.restore_library()


@pytest.fixture(scope="module", params=["jq", "python3"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH that holds the scripts' tools and only one of the two readers of JSON."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in (*TOOLS, request.param):
        # A python3 on the PATH may be a launcher that needs more of the PATH than this one holds.
        found = str(Path(sys.executable).resolve()) if tool == "python3" else shutil.which(tool)
        if found is None:
            missing(tool)
        else:
            (folder / tool).symlink_to(found)
    return str(folder)


def test_a_match_by_scripts_against_local_processes(stack: RunningStack, path: str) -> None:
    clip = stack.clips[0].path
    answer = run_script("needle.sh", "--json", clip, url=stack.url, path=path)
    assert answer.returncode == 0, answer.stderr
    results = json.loads(answer.stdout)["results"]
    assert {result["audio"]["title"] for result in results} == {track.title for track in stack.tracks}
    printed = run_script("needle.sh", clip, url=stack.url, path=path)
    rows = [line.split(maxsplit=4) for line in printed.stdout.splitlines()[1:]]
    assert [(int(row[0]), row[4]) for row in rows] == [(result["rank"], result["audio"]["title"]) for result in results]


def test_adding_a_track_twice_prints_the_same_id(stack: RunningStack, path: str) -> None:
    tracks = [track.path for track in stack.tracks[:2]]
    first, second = (run_script("add-audio.sh", "--wait", *tracks, url=stack.url, path=path) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert [line.split()[1] for line in first.stdout.splitlines()] == ["ready", "ready"]


def test_a_file_name_with_quotes_and_signs_arrives_whole(stack: RunningStack, path: str, tmp_path: Path) -> None:
    """The name is part of what curl reads as options of its own."""
    clip = tmp_path / 'a "b"; type=c, \\d.mp4'
    shutil.copy(stack.clips[1].path, clip)
    posted = run_script("post-video.sh", clip, url=stack.url, path=path)
    assert posted.returncode == 0, posted.stderr
    assert stack.client.clip(posted.stdout.strip()).status in {"queued", "processing", "ready"}


@pytest.mark.parametrize(
    ("script", "words", "complaint"),
    [
        ("match.sh", [UNKNOWN], "not_found: "),
        ("match.sh", ["../about"], "not an id: ../about"),
        ("post-video.sh", ["no-such.mp4"], "no such file: no-such.mp4"),
        ("add-audio.sh", [ROOT / ".ci"], f"no such file: {ROOT / '.ci'}"),
    ],
)
def test_a_refusal_says_why_on_standard_error(
    stack: RunningStack, path: str, script: str, words: list[str | Path], complaint: str
) -> None:
    refused = run_script(script, *words, url=stack.url, path=path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[-1].startswith(complaint)


def test_a_refused_file_is_named_and_the_others_go_on(stack: RunningStack, path: str, tmp_path: Path) -> None:
    empty = tmp_path / "a nothing.mp3"
    empty.touch()
    track = stack.tracks[0].path
    added = run_script("add-audio.sh", "--wait", empty, track, "no-such.mp3", url=stack.url, path=path)
    assert added.returncode == 1
    assert [line.split(maxsplit=2)[1:] for line in added.stdout.splitlines()] == [["ready", str(track)]]
    refused, missing_file = added.stderr.splitlines()
    assert refused.startswith(f"{empty}: media_empty: ")
    assert missing_file == "no such file: no-such.mp3"


@pytest.mark.parametrize(("busy", "returncode"), [(2, 0), (100, 1)])
def test_a_question_that_is_put_off_is_asked_again_a_few_times(path: str, busy: int, returncode: int) -> None:
    asked: list[str] = []

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = (
                b'{"code": "database_unavailable", "detail": "not yet"}' if len(asked) <= busy else b'{"results": []}'
            )
            self.send_response(503 if len(asked) <= busy else 200)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server, ThreadPoolExecutor() as pool:
        serving = pool.submit(server.serve_forever)
        url = f"http://127.0.0.1:{server.server_port}"
        matched = run_script("match.sh", "--json", UNKNOWN, url=url, path=path)
        server.shutdown()
        serving.result()
    assert matched.returncode == returncode, matched.stderr
    assert len(asked) == min(busy, 5) + 1
    assert matched.stderr == ("" if returncode == 0 else "database_unavailable: not yet\n")


def test_a_file_that_fails_later_is_printed_with_its_reason(stack: RunningStack, path: str) -> None:
    text = ROOT / "pyproject.toml"
    added = run_script("add-audio.sh", "--wait", text, url=stack.url, path=path)
    assert added.returncode == 1
    assert added.stdout.split()[1:] == ["failed", str(text)]
    assert added.stderr.startswith(f"{text}: media_unreadable: ")


@pytest.mark.parametrize(
    ("script", "words"),
    [("match.sh", [UNKNOWN]), ("post-video.sh", [ROOT / "README.md"]), ("add-audio.sh", [ROOT / "README.md"])],
)
def test_a_system_that_does_not_run_is_named(path: str, script: str, words: list[str | Path]) -> None:
    unanswered = run_script(script, *words, url=NOWHERE, path=path)
    assert unanswered.returncode == 1
    assert NOWHERE in unanswered.stderr


def test_the_scripts_send_the_key_and_keep_it_out_of_the_list_of_processes(path: str) -> None:
    """Against a listener that answers nothing good, so that what was sent is all there is to see."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        run = pool.submit(run_script, "match.sh", UNKNOWN, url=url, path=path, NEEDLEDROP_API_KEY="nd_secret-1")
        connection, _ = listener.accept()
        with connection:
            sent = connection.recv(4096).decode()
            commands = [command_of(file) for file in Path("/proc").glob("[0-9]*/cmdline")]
            connection.sendall(b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")
        assert run.result().returncode == 1
    assert "Authorization: Bearer nd_secret-1\r\n" in sent
    assert [command for command in commands if b"nd_secret-1" in command] == []
    assert any(b"curl" in command and url.encode() in command for command in commands)


def test_a_key_that_is_none_is_refused_before_anything_is_sent(path: str) -> None:
    refused = run_script(
        "match.sh", UNKNOWN, url=NOWHERE, path=path, NEEDLEDROP_API_KEY='x"\nurl = "file:///etc/passwd'
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "NEEDLEDROP_API_KEY" in refused.stderr


def command_of(file: Path) -> bytes:
    """A process's command line, nothing where it has ended meanwhile."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("script", ["add-audio.sh", "post-video.sh", "match.sh", "needle.sh"])
def test_a_script_without_words_prints_how_it_is_used(script: str) -> None:
    used = run_script(script, url=NOWHERE)
    assert used.returncode == 2
    assert used.stderr.startswith(f"usage: {script} ")


def test_the_scripts_pass_shellcheck() -> None:
    if shutil.which("shellcheck") is None:
        missing("shellcheck")
    shell = [*SCRIPTS.glob("*.sh"), *(ROOT / "requirements").glob("*.sh"), ROOT / ".ci" / "run"]
    checked = subprocess.run(
        ["shellcheck", "--external-sources", *shell], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
