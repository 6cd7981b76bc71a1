import os
import sys
from pathlib import Path

import pytest
from rich.console import Console
from tests.unit.local.programs import write_program

from needledrop_local.demo_bundle import make_demo_bundle
from needledrop_local.errors import ProcessDiedError

PROGRAM = """#!{python}
import pathlib, sys
bundle = pathlib.Path(sys.argv[3])
with (bundle / "calls").open("a") as calls:
    calls.write(" ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:3]]) + "\\n")
{body}
"""


def write_programs(folder: Path, train: str) -> None:
    for name, body in (("audio-extractor", ""), ("video-extractor", ""), ("needledrop-train", train)):
        write_program(folder / name, PROGRAM.format(python=sys.executable, body=body))


def make(bundle: Path, logs: Path) -> None:
    make_demo_bundle(bundle, logs, dict(os.environ), Console(quiet=True))


def test_both_sides_are_made_before_the_metric_and_a_finished_bundle_is_left_alone(
    tmp_path: Path, programs: Path
) -> None:
    write_programs(programs, '(bundle / "bundle.json").write_text("{}")')
    bundle = tmp_path / "models" / "demo"
    make(bundle, tmp_path / "logs")
    calls = (bundle / "calls").read_text().splitlines()
    assert sorted(calls[:2]) == ["audio-extractor make-demo --out", "video-extractor make-demo --out"]
    assert calls[2:] == ["needledrop-train demo --bundle"]
    make(bundle, tmp_path / "logs")
    assert (bundle / "calls").read_text().splitlines() == calls


def test_a_step_that_fails_is_named_with_the_end_of_its_log(tmp_path: Path, programs: Path) -> None:
    write_programs(programs, 'raise SystemExit("no training pairs")')
    with pytest.raises(ProcessDiedError) as caught:
        make(tmp_path / "demo", tmp_path / "logs")
    assert caught.value.name == "train-demo"
    assert "no training pairs" in caught.value.detail
