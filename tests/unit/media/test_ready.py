"""The template: one for each process, and no file is lost to its death."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import Limits, open_audio
from needledrop_media.ready import Templates
from tests.decoders import children, limit_of, templates
from tests.media_files import write_wave

SAMPLES = 40_000


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_wave(tmp_path / "a.wav", np.zeros((SAMPLES, 1), np.int16))


@pytest.fixture
def long_sound(tmp_path: Path) -> Path:
    """More than the pipe takes, so that its decoder waits."""
    return write_wave(tmp_path / "long.wav", np.zeros((60 * 16_000, 1), np.int16))


def count(path: Path) -> int:
    with open_audio(path) as reader:
        return sum(len(piece) for piece in reader)


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(*processes: int) -> None:
    deadline = time.monotonic() + 60
    while any(alive(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_template_serves_all_files(sound: Path) -> None:
    assert count(sound) == SAMPLES
    before = templates()
    assert [count(sound) for _ in range(5)] == [SAMPLES] * 5
    assert templates() == before
    assert len(before) == 1


PREPARED = """
import os, signal, sys, time
from needledrop_media import open_audio, prepare
from tests.decoders import templates
prepare()
prepare()
while not (found := templates()):
    time.sleep(0.01)
(first,) = found
if sys.argv[2] == "kill":
    os.kill(first, signal.SIGKILL)
with open_audio(sys.argv[1]) as reader:
    print(sum(len(piece) for piece in reader), templates() == {first})
"""


@pytest.mark.parametrize(("fate", "kept"), [("leave", True), ("kill", False)])
def test_a_template_prepared_beforehand_serves_and_one_that_died_is_replaced(
    sound: Path, fate: str, kept: bool
) -> None:
    command = [sys.executable, "-c", PREPARED, str(sound), fate]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(SAMPLES), str(kept)]


def test_a_template_that_was_killed_is_replaced(sound: Path) -> None:
    assert count(sound) == SAMPLES
    (first,) = templates()
    os.kill(first, signal.SIGKILL)
    wait_until_gone(first)
    assert count(sound) == SAMPLES
    assert templates() != {first}


def test_without_a_process_to_be_had_only_the_file_fails_and_the_next_one_is_read(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "no process left")

    fresh = Templates()
    monkeypatch.setattr("needledrop_media.process.templates", fresh)
    descriptors = open_descriptors()
    with monkeypatch.context() as poor:
        poor.setattr("subprocess.Popen", refuse)
        fresh.prepare()
        with pytest.raises(MediaError) as caught:
            count(sound)
    assert caught.value.code is ErrorCode.DECODER_CRASHED
    assert open_descriptors() == descriptors
    assert count(sound) == SAMPLES
    fresh.end()


def test_a_template_that_doesnt_answer_is_replaced(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("needledrop_media.ready.ANSWER_S", 0.5)
    assert count(sound) == SAMPLES
    (first,) = templates()
    os.kill(first, signal.SIGSTOP)
    assert count(sound) == SAMPLES
    assert not alive(first)


def test_a_decoder_dies_with_its_template_and_that_is_a_crash(long_sound: Path) -> None:
    with pytest.raises(MediaError) as raised, open_audio(long_sound) as reader:
        next(reader)
        (decoder,) = children()
        (template,) = templates()
        os.kill(template, signal.SIGKILL)
        wait_until_gone(template, decoder)
        for _ in reader:
            pass
    assert raised.value.code is ErrorCode.DECODER_CRASHED


def test_a_decoder_that_is_stopped_ends_with_its_reader(long_sound: Path) -> None:
    with open_audio(long_sound) as reader:
        next(reader)
        (decoder,) = children()
        os.kill(decoder, signal.SIGSTOP)
    assert not alive(decoder)


WORKER = """
import sys, time
from pathlib import Path
from needledrop_media import open_audio
from tests.decoders import children, templates
with open_audio(Path(sys.argv[1])) as reader:
    next(reader)
    print(*children(), *templates(), flush=True)
    time.sleep(600)
"""


def test_template_and_decoder_die_with_their_worker(long_sound: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(long_sound)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert worker.stdout is not None
    with worker.stdout:
        processes = [int(number) for number in worker.stdout.readline().split()]
    assert len(processes) == 2
    assert all(alive(process) for process in processes)
    worker.kill()
    worker.wait()
    wait_until_gone(*processes)


def _count_in_fork(path: Path, answers: "multiprocessing.Queue[object]") -> None:
    answers.put((count(path), templates()))


def test_a_forked_worker_has_a_template_of_its_own(sound: Path) -> None:
    assert count(sound) == SAMPLES
    ours = templates()
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[tuple[int, set[int]]] = context.Queue()
    workers = [context.Process(target=_count_in_fork, args=(sound, answers), daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert [samples for samples, _ in found] == [SAMPLES] * 2
    assert not ours & found[0][1]
    assert not found[0][1] & found[1][1]
    wait_until_gone(*found[0][1], *found[1][1])
    assert templates() == ours
    assert count(sound) == SAMPLES


def test_threads_share_the_template(sound: Path) -> None:
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.extend(count(sound) for _ in range(5)), daemon=True) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert counts == [SAMPLES] * 20
    assert len(templates()) == 1
    assert not children()


def settled_descriptors(template: int) -> list[int]:
    """How many this process and its template hold once the last decoder has been waited for."""
    deadline = time.monotonic() + 10
    while children() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    return [len(list(Path(f"/proc/{process}/fd").iterdir())) for process in (os.getpid(), template)]


def test_a_hundred_files_leave_no_descriptor(sound: Path) -> None:
    count(sound)
    (template,) = templates()
    before = settled_descriptors(template)
    for _ in range(100):
        count(sound)
    assert settled_descriptors(template) == before


def test_the_kernel_ends_a_decoder_before_its_worker(long_sound: Path) -> None:
    with open_audio(long_sound, limits=Limits()) as reader:
        next(reader)
        (decoder,) = children()
        assert Path(f"/proc/{decoder}/oom_score_adj").read_text().strip() == "1000"
        status = Path(f"/proc/{decoder}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
        assert limit_of(decoder, "Max file size") == "0"
