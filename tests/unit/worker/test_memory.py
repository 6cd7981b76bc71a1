"""Memory that stays with the process: the kernel's count of page faults, in processes of their own."""

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from needledrop_worker import memory

TURNS, BYTES = 10, 64 << 20
SCRIPT = f"""
import resource, sys
from needledrop_worker.memory import keep_memory
if sys.argv[1:]:
    assert keep_memory()
bytearray({BYTES})
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({TURNS}):
    bytearray({BYTES}).translate(None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_what_is_freed_is_used_again_without_new_pages() -> None:
    assert faults("keep") < faults() / 3


def test_a_c_library_without_mallopt_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not memory.keep_memory()


def test_a_refused_option_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        @staticmethod
        def mallopt(option: int, value: int) -> int:
            return 0

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    assert not memory.keep_memory()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has scores")
@pytest.mark.parametrize(("began", "after"), [(0, 300), (200, 500), (900, 1000)])
def test_a_process_lets_itself_and_its_children_be_ended_before_its_parent(began: int, after: int) -> None:
    child = "from pathlib import Path; print(Path('/proc/self/oom_score_adj').read_text())"
    script = f"""
import subprocess, sys
from needledrop_worker.memory import SCORE, end_before_others
own = int(SCORE.read_text())
SCORE.write_text(str(max(own, {began})))
assert end_before_others(300)
subprocess.run([sys.executable, "-c", {child!r}], check=True)
"""
    own = int(memory.SCORE.read_text())
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert int(run.stdout) == max(after, min(1000, own + 300))


def test_a_kernel_without_scores_or_that_refuses_one_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "SCORE", tmp_path / "absent")
    assert not memory.end_before_others(300)
    (tmp_path / "odd").write_text("no number")
    monkeypatch.setattr(memory, "SCORE", tmp_path / "odd")
    assert not memory.end_before_others(300)


def faults(*arguments: str) -> int:
    run = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], check=True, capture_output=True, text=True)
    return int(run.stdout)
