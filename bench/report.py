"""Tables and pictures of one run: printed as markdown, kept as JSON and PNG, with the machine they were made on."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import matplotlib as mpl
import numpy as np
import psutil

mpl.use("Agg")
import matplotlib.pyplot as plt

Cell = str | float | int | None
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


@dataclass(frozen=True)
class Table:
    """`rows`: a cell a column. `note` says how it was measured."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", *([self.note, ""] if self.note else [])]
        lines += [_line(self.columns), _line(["---"] * len(self.columns))]
        return "\n".join([*lines, *(_line([_shown(cell) for cell in row]) for row in self.rows), ""])


@dataclass(frozen=True)
class Line:
    """One curve of a picture."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Report:
    """What a section found."""

    section: str
    tables: tuple[Table, ...]
    machine: Mapping[str, Cell] = field(default_factory=lambda: machine())  # noqa: PLW0108 - defined below

    def save(self, folder: Path) -> None:
        """Write `SECTION.json` and `SECTION.md`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.section}.json").write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        (folder / f"{self.section}.md").write_text(self.markdown(), encoding="utf-8")

    def markdown(self) -> str:
        return "\n".join([f"## {self.section}", "", *(table.markdown() for table in self.tables)])


def machine() -> dict[str, Cell]:
    """What the figures depend on."""
    processor = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    values = dict(line.split("\t: ", 1) for line in processor.replace("\t\t", "\t").splitlines() if "\t: " in line)
    flags = values.get("flags", "").split()
    return {
        "processor": values.get("model name", platform.processor()),
        "instructions": ", ".join(name for name in INSTRUCTIONS if name in flags),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "commit": _commit(),
    }


def machine_line() -> str:
    found = machine()
    return (
        f"{found['processor']}, {found['cores']} cores ({found['instructions']}), {found['memory_gib']} GiB, "
        f"Python {found['python']}, load {found['load']} at the start, commit {found['commit']}"
    )


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of a straight line through log y over log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def save_picture(
    path: Path, lines: Sequence[Line], title: str, x_label: str, y_label: str, logarithmic: bool = False
) -> None:
    """Write a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for line in lines:
        axes.plot(line.x, line.y, marker="o" if len(line.x) < 30 else None, label=line.name)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _commit() -> str:
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 100 else f"{cell:.0f}"
    return str(cell)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
