"""Rows of a table whose cells have names, not all of them in each row."""

import sys
from collections.abc import Iterable, Mapping

from bench.report import Cell, Table

Row = Mapping[str, Cell]


def told(rows: Iterable[Row]) -> list[Row]:
    """The rows, each said on standard error once it is there: these runs are long."""
    kept: list[Row] = []
    for row in rows:
        kept.append(row)
        print(" · ".join(f"{name} {value}" for name, value in row.items()), file=sys.stderr, flush=True)
    return kept


def as_table(title: str, rows: Iterable[Row], note: str = "") -> Table:
    kept = list(rows)
    columns = tuple(dict.fromkeys(name for row in kept for name in row))
    return Table(title, columns, tuple(tuple(row.get(name) for name in columns) for row in kept), note)
