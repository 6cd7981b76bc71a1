"""Stand-ins for the project's own programs, so that what starts, watches and stops them is tested without them."""

import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from needledrop_local import procfile

PROGRAM = """#!{python}
import http.server, json, os, pathlib, sys, time

class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())

command = sys.argv[1]
print("running", *sys.argv, flush=True)
if command == "api":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["NEEDLEDROP_PORT"])), Api).serve_forever()
elif command == "migrate":
    assert os.environ["NEEDLEDROP_DATABASE_URL"].startswith("postgresql+psycopg://")
elif command == "breaks":
    raise SystemExit("it broke")
else:
    time.sleep(600)
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that comes before all others; it holds a stand-in for `matcher`."""
    folder = tmp_path / "programs"
    folder.mkdir()
    write_program(folder / "matcher", PROGRAM.format(python=sys.executable))
    monkeypatch.setattr(procfile, "PROGRAMS", folder)
    return folder


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder for servers' data. Another pytest's start closes those above `tmp_path` to root's servers."""
    with tempfile.TemporaryDirectory(prefix="needledrop-") as folder:
        yield Path(folder)


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
