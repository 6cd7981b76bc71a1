"""The parts that `python -m bench` can be asked for. Each runs in a process of its own."""

import importlib
from collections.abc import Callable

from bench.report import Table
from bench.settings import BenchSettings

Section = Callable[[BenchSettings], tuple[Table, ...]]

# Group: its sections, each the module that has a `run(settings)`.
GROUPS: dict[str, dict[str, str]] = {
    "extraction": {
        "forward": "bench.extraction.forward",
        "precision": "bench.extraction.precision",
        "video": "bench.extraction.video",
        "audio": "bench.extraction.audio",
        "cold": "bench.extraction.cold",
        "files": "bench.extraction.files",
        "growth": "bench.extraction.growth",
        "memory": "bench.extraction.memory",
    },
    "system": {
        "ranking": "bench.system.ranking",
        "activation": "bench.system.activation",
        "overhead": "bench.system.overhead",
        "load": "bench.system.load",
        "containers": "bench.system.containers",
    },
    "training": {"training": "bench.training"},
}
SECTIONS = {name: module for group in GROUPS.values() for name, module in group.items()}


def chosen(names: list[str]) -> list[str]:
    """Sections of the groups and sections named, all of them where none is. `KeyError` for an unknown one."""
    found = [section for name in names or GROUPS for section in (GROUPS.get(name) or {name: SECTIONS[name]})]
    return list(dict.fromkeys(found))


def load(name: str) -> Section:
    section: Section = importlib.import_module(SECTIONS[name]).run
    return section
