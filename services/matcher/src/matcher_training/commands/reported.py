"""What the commands share: errors with a code end the program with status 1 and a line on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from needledrop.errors import NeedledropError


@contextmanager
def reported() -> Iterator[None]:
    """Turn an error with a code into a line on standard error and exit status 1."""
    try:
        yield
    except NeedledropError as error:
        typer.echo(f"{error.code}: {error.detail}", err=True)
        raise typer.Exit(1) from error
