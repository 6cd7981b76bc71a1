"""A client in this process that the API takes for somebody on this machine."""

from fastapi import FastAPI
from starlette.testclient import TestClient

from matcher.app import create_app
from matcher.settings import MatcherSettings

LOCAL_URL = "http://127.0.0.1:8000"
LOCAL_PEER = ("127.0.0.1", 50000)


def local_client(
    app: FastAPI | MatcherSettings, *, peer: tuple[str, int] = LOCAL_PEER, headers: dict[str, str] | None = None
) -> TestClient:
    """Not yet entered. A fault of the application is its 500, not an exception of the test."""
    made = create_app(app) if isinstance(app, MatcherSettings) else app
    return TestClient(made, LOCAL_URL, raise_server_exceptions=False, client=peer, headers=headers)
