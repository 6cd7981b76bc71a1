"""What every command line shares: an error with a code ends the program with a line and a status."""

from typing import Any

import typer
from typer.core import TyperGroup

from needledrop.errors import NeedledropError


class CommandGroup(TyperGroup):
    """The commands of a `typer.Typer(cls=CommandGroup)`: a `NeedledropError` is said on standard error, status 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except NeedledropError as error:
            typer.echo(f"{error.code}: {error.detail}", err=True)
            raise typer.Exit(1) from error
