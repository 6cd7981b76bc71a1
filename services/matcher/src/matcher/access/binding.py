"""What must be there before the API binds an address that others can reach."""

import typer

from matcher.access.keys import any_key
from matcher.access.origin import is_loopback
from matcher.db import Database, OperationalError, ProgrammingError
from matcher.settings import MatcherSettings


def require_key(settings: MatcherSettings) -> None:
    """End the process with status 1 where others could reach the server and no key says who may."""
    if is_loopback(settings.host) or is_loopback(settings.published_on or ""):
        return
    try:
        found = any_key(Database(settings.database_url.get_secret_value()))
    except (OperationalError, ProgrammingError) as error:
        typer.echo("database_unavailable: without the database it's not known whether there is an API key", err=True)
        raise typer.Exit(1) from error
    if not found:
        typer.echo(
            f"no_key: others can reach {settings.published_on or settings.host}, and there is no API key yet. "
            "Make one first, “matcher keys create NAME --scope admin”, or bind 127.0.0.1.",
            err=True,
        )
        raise typer.Exit(1)
