"""`python -m needledrop_local up | down | demo`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from needledrop.errors import NeedledropError
from needledrop_client import ClientError
from needledrop_local.demo import run_demo
from needledrop_local.up import run_down, run_up

INTERRUPTED = 130

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
HomeOption = Annotated[Path, typer.Option(help="Folder that holds all state.")]


@app.command()
def up(
    home: HomeOption = Path("var"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the API and the page.")] = 8000,
) -> None:
    """Start the system, print the page's address, and run until Ctrl-C."""
    run_up(home, port)


@app.command()
def down(home: HomeOption = Path("var")) -> None:
    """Stop the system that `up` started."""
    run_down(home)


@app.command()
def demo(
    home: HomeOption = Path("var"),
    clip: Annotated[Path | None, typer.Option(help="Your own clip instead of the generated ones.")] = None,
    music: Annotated[
        Path | None, typer.Option(help="Your own folder of music instead of the generated library.")
    ] = None,
) -> None:
    """Start the system, rank for clips, print the lists, and stop it."""
    run_demo(home, clip, music)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit status: 0, 1 with a sentence for what is in the way, 2 for wrong arguments, 130."""
    try:
        app(arguments, standalone_mode=True)
    except (NeedledropError, ClientError) as error:
        print(f"needledrop: {error.detail if isinstance(error, NeedledropError) else error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"needledrop: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
