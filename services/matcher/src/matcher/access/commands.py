"""`matcher keys`: works before any key exists, since whoever may run it owns the database."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Annotated, ParamSpec, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from matcher.access import keys
from matcher.access.schemas import LONGEST_DAYS
from matcher.access.scopes import Scope
from matcher.db import Database, OperationalError
from matcher.errors import ApiError
from matcher.settings import MatcherSettings
from matcher.tables import ApiKey

app = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)
P = ParamSpec("P")
R = TypeVar("R")


def _explained(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose foreseeable failures are a line and status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ApiError as error:
            typer.echo(f"{error.code}: {error.detail}", err=True)
        except OperationalError:
            typer.echo("database_unavailable: the database can't be reached (NEEDLEDROP_DATABASE_URL)", err=True)
        raise typer.Exit(1)

    return run


@app.command()
@_explained
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, as the list shows it.")],
    scope: Annotated[Scope, typer.Option(help="read, write (and read), or admin (all).")] = Scope.READ,
    expires_in_days: Annotated[int | None, typer.Option(min=1, max=LONGEST_DAYS, help="Never, if unset.")] = None,
    rate_per_s: Annotated[float | None, typer.Option(min=0.001, help="Requests a second.")] = None,
    daily_bytes: Annotated[int | None, typer.Option(min=0, help="Bytes of uploads a day.")] = None,
) -> None:
    """Make a key and print it: this once, on a line of its own."""
    lasts = timedelta(days=expires_in_days) if expires_in_days else None
    made = keys.create_key(_database(), keys.KeyWish(name, scope, lasts, rate_per_s, daily_bytes))
    typer.echo(f"key {made.key.id} ({scope}) for “{name}”; it is not shown again:", err=True)
    typer.echo(made.text)


@app.command("list")
@_explained
def list_all() -> None:
    """Every key, newest first, without its text."""
    table = Table("id", "begins", "scope", "name", "made", "last used", "ends")
    for key in keys.list_keys(_database()):
        made, used = _time(key.created_at), _time(key.last_used_at)
        table.add_row(str(key.id), key.prefix + "…", key.scope, key.name, made, used, _end(key))
    Console(width=None if Console().is_terminal else 200).print(table)


@app.command()
@_explained
def revoke(key_id: Annotated[UUID, typer.Argument(help="As `matcher keys list` shows it.")]) -> None:
    """Revoke a key at once, and end the sessions begun with it."""
    keys.revoke_key(_database(), key_id)


@app.command()
@_explained
def forget(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete every key: the system is again open to its own machine, without a key, and to nobody else."""
    if not yes:
        typer.confirm("Delete every key?", abort=True)
    typer.echo(f"{keys.forget_keys(_database())} deleted")


def _database() -> Database:
    return Database(MatcherSettings().database_url.get_secret_value())


def _time(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "never"


def _end(key: ApiKey) -> str:
    if key.revoked_at:
        return f"revoked {_time(key.revoked_at)}"
    return _time(key.expires_at)
