"""`make bench`: how fast, beside the straightforward way and beside what the machine can do.

`python -m bench [GROUP or SECTION …] [--quick] [--out var/bench]`. Media are made on the spot. Everything that is
compared is measured in one run, in turns. Tables are printed as markdown; the output folder gets them as markdown and
JSON, and the pictures as PNG.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from bench.report import Report, machine, machine_line
from bench.sections import GROUPS, SECTIONS, chosen, load
from bench.settings import BenchSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"{', '.join([*GROUPS, *SECTIONS])}; all of them"
    )
    parser.add_argument("--quick", action="store_true", help="short media and one round: a few minutes")
    parser.add_argument("--out", type=Path, default=Path("var/bench"), help="folder of tables and pictures")
    parser.add_argument("--bundle", type=Path, default=Path("var/models/demo"), help="made by `make demo` or `make up`")
    parser.add_argument("--minutes", type=float, help="of the API under load, instead of 10")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not (options.bundle / "bundle.json").is_file():
        parser.error(f"{options.bundle} is no bundle; run `make demo` first")
    try:
        sections = chosen(options.sections)
    except KeyError as error:
        parser.error(f"no section {error}")
    settings = BenchSettings(options.bundle, options.out, options.quick, options.minutes)
    if options.here:
        (name,) = sections
        report = Report(name, load(name)(settings))
        report.save(settings.out)
        print(report.markdown(), flush=True)
        return 0
    print(f"# Needledrop on {machine_line()}\n", flush=True)
    failed = [name for name in sections if not _in_its_own_process(name, settings)]
    _join(sections, settings)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _in_its_own_process(name: str, settings: BenchSettings) -> bool:
    """PyTorch and TensorFlow each with a process to themselves, the extractors' with threads that wait as theirs do."""
    package = "bench.extraction" if name in GROUPS["extraction"] else "bench"
    command = [sys.executable, "-m", package, name, "--here", "--out", str(settings.out)]
    command += ["--bundle", str(settings.bundle), *(["--quick"] if settings.quick else [])]
    command += [] if settings.minutes is None else ["--minutes", str(settings.minutes)]
    return subprocess.run(command, check=False).returncode == 0


def _join(sections: list[str], settings: BenchSettings) -> None:
    """Write `bench.md` and `bench.json` of the sections that were run."""
    done = [name for name in sections if (settings.out / f"{name}.json").is_file()]
    texts = [(settings.out / f"{name}.md").read_text(encoding="utf-8") for name in done]
    (settings.out / "bench.md").write_text("\n".join([f"# Needledrop on {machine_line()}\n", *texts]), encoding="utf-8")
    found = {name: json.loads((settings.out / f"{name}.json").read_text(encoding="utf-8")) for name in done}
    whole = {"machine": machine(), "quick": settings.quick, "sections": found}
    (settings.out / "bench.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
