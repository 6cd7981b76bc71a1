"""`matcher keys`, and what `matcher api` asks for before it binds an address that others can reach."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from matcher.cli import app
from tests.api import Api
from tests.client import local_client

NOWHERE = "postgresql+psycopg://nobody:secret@127.0.0.1:1/none"


@pytest.fixture
def environment(api: Api) -> dict[str, str]:
    return {"NEEDLEDROP_DATABASE_URL": api.settings.database_url.get_secret_value()}


def test_a_key_is_made_printed_once_listed_and_revoked(api: Api, environment: dict[str, str]) -> None:
    run = CliRunner()
    made = run.invoke(app, ["keys", "create", "my laptop", "--scope", "admin"], env=environment)
    assert made.exit_code == 0
    key = made.stdout.strip()
    with local_client(api.settings, headers={"Authorization": f"Bearer {key}"}) as client:
        [listed] = client.get("/keys").json()["items"]
        assert (listed["name"], listed["scope"], listed["revoked_at"]) == ("my laptop", "admin", None)
        shown = run.invoke(app, ["keys", "list"], env=environment).stdout
        assert "my laptop" in shown
        assert listed["prefix"] in shown
        assert key not in shown
        assert run.invoke(app, ["keys", "revoke", listed["id"]], env=environment).exit_code == 0
        assert client.get("/keys").json()["code"] == "key_invalid"
    assert api.client.get("/audio").json()["code"] == "key_missing"
    assert run.invoke(app, ["keys", "forget", "--yes"], env=environment).stdout == "1 deleted\n"
    assert api.client.get("/audio").status_code == 200


def test_a_command_that_fails_says_why_in_a_line(environment: dict[str, str]) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    gone = CliRunner().invoke(app, ["keys", "revoke", unknown], env=environment)
    assert (gone.exit_code, gone.stderr) == (1, "not_found: there is no such key\n")
    lost = CliRunner().invoke(app, ["keys", "list"], env={"NEEDLEDROP_DATABASE_URL": NOWHERE})
    assert lost.exit_code == 1
    assert lost.stderr.startswith("database_unavailable: ")
    assert "secret" not in lost.output


@pytest.mark.parametrize(
    "exposed", [{"NEEDLEDROP_HOST": "0.0.0.0"}, {"NEEDLEDROP_HOST": "0.0.0.0", "NEEDLEDROP_PUBLISHED_ON": "192.0.2.7"}]
)
def test_without_a_key_no_address_is_bound_that_others_can_reach(
    environment: dict[str, str], exposed: dict[str, str]
) -> None:
    command = [str(Path(sys.executable).with_name("matcher")), "api"]
    env = {**os.environ, **environment, **exposed}
    refused = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert refused.returncode == 1
    assert "no_key: others can reach" in refused.stderr
