"""The command `needledrop-train`."""

import typer

from matcher_training.commands.demo import demo
from matcher_training.commands.evaluate import evaluate
from matcher_training.commands.export import export
from matcher_training.commands.fit import fit
from matcher_training.commands.pca import pca
from needledrop.commands import CommandGroup

app = typer.Typer(cls=CommandGroup, help="Train and evaluate metrics between pictures and music.", no_args_is_help=True)
for command in (pca, fit, evaluate, export, demo):
    app.command()(command)
