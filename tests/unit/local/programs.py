"""A stand-in for the project's own programs."""

import stat
from pathlib import Path

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


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
