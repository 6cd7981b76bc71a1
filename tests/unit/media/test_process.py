"""The child: what it is allowed, what becomes of it, and what its death is called."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import Limits, open_audio, open_frames, ready
from needledrop_media.ready import Decoder, Job, Templates
from tests.decoders import children, limit_of, peak_resident_bytes
from tests.media_files import sine, write_film, write_sound, write_wave

HOUR_S = 3600
KEPT_VARIABLES = {
    *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LC_ALL"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"),
}


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of a tone at 8 kHz, in a small file."""
    second = (sine(300, 1, 8000) * 32767).astype(np.int16)
    path = tmp_path_factory.mktemp("hour") / "hour.flac"
    return write_sound(path, np.tile(second, HOUR_S)[None], 8000, "flac", "s16")


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


def read(path: Path, limits: Limits, after_a_second: Callable[[int], None]) -> None:
    """Read a sound; once its first second is there, do something with the child's process id."""
    before = children()
    with open_audio(path, limits=limits) as reader:
        next(reader)
        after_a_second((children() - before).pop())
        for _ in reader:
            pass


def see(path: Path, limits: Limits) -> None:
    with open_frames(path, limits=limits) as reader:
        for _ in reader:
            pass


def nothing(_: int) -> None:
    return None


def write_long_silence(path: Path) -> Path:
    """Five hours at 48 kHz, which take any core many seconds; the samples are a hole in the file, so cost nothing."""
    length = 5 * HOUR_S * 48_000 * 2
    write_wave(path, np.zeros((0, 1), np.int16), 48_000)
    with path.open("r+b") as file:
        for place, value in ((4, 36 + length), (40, length)):
            file.seek(place)
            file.write(value.to_bytes(4, "little"))
        file.truncate(44 + length)
    return path


def test_leaving_early_ends_the_child(hour: Path) -> None:
    before = children()
    with open_audio(hour) as reader:
        next(reader)
        assert len(children() - before) == 1
    assert children() <= before


def test_an_error_of_the_reader_ends_the_child(hour: Path) -> None:
    def fail(_: int) -> None:
        raise KeyError

    before = children()
    with pytest.raises(KeyError):
        read(hour, Limits(), fail)
    assert children() <= before


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_child_that_dies_is_a_crash(hour: Path, number: signal.Signals) -> None:
    with pytest.raises(MediaError) as raised:
        read(hour, Limits(), lambda child: os.kill(child, number))
    assert raised.value.code is ErrorCode.DECODER_CRASHED


def test_a_child_that_hangs_is_a_timeout(hour: Path) -> None:
    with pytest.raises(MediaError) as raised:
        read(hour, Limits(stall_s=3), lambda child: os.kill(child, signal.SIGSTOP))
    assert raised.value.code is ErrorCode.DECODER_TIMEOUT


def test_a_child_that_takes_too_long_altogether_is_a_timeout(hour: Path) -> None:
    with pytest.raises(MediaError) as raised:
        read(hour, Limits(wall_s=0.001), nothing)
    assert raised.value.code is ErrorCode.DECODER_TIMEOUT


def test_a_slow_reader_doesnt_use_up_the_childs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((40_000, 1), np.int16))
    clock = time.monotonic
    with open_audio(path) as reader:
        next(reader)
        monkeypatch.setattr(time, "monotonic", lambda: clock() + 1e6)
        assert sum(len(piece) for piece in reader) == 24_000


def test_a_child_that_computes_for_too_long_meets_its_limit(tmp_path: Path) -> None:
    long = write_long_silence(tmp_path / "long.wav")
    with pytest.raises(MediaError) as raised:
        read(long, Limits(cpu_s=1), nothing)
    assert raised.value.code is ErrorCode.DECODER_LIMIT


@pytest.mark.parametrize("megabytes", [260, 320, 400])
def test_a_child_that_wants_too_much_memory_meets_its_limit(tmp_path: Path, megabytes: int) -> None:
    path = write_film(tmp_path / "a.mp4", [np.zeros((4320, 7680, 3), np.uint8)], [Fraction(0)])
    with pytest.raises(MediaError) as raised:
        see(path, Limits(memory_bytes=megabytes << 20, threads=1))
    assert raised.value.code is ErrorCode.DECODER_LIMIT


def test_the_child_has_its_limits_and_nothing_of_the_environment(hour: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEEDLEDROP_REDIS_URL", "redis://:secret@127.0.0.1/0")
    before = children()
    limits = Limits(memory_bytes=3 << 30, cpu_s=100, open_files=20)
    with open_audio(hour, limits=limits) as reader:
        next(reader)
        child = (children() - before).pop()
        entries = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        files = {str(link.readlink()) for link in Path(f"/proc/{child}/fd").iterdir()}
        assert limit_of(child, "Max address space") == str(3 << 30)
        assert limit_of(child, "Max cpu time") == "100"
        assert limit_of(child, "Max file size") == "0"
        assert limit_of(child, "Max open files") == "20"
        assert limit_of(child, "Max core file size") == "0"
    names = {entry.partition(b"=")[0].decode() for entry in entries if entry}
    assert names <= KEPT_VARIABLES
    assert {name for name in files if not name.startswith(("pipe:", "anon_inode:"))} == {"/dev/null", str(hour)}


@pytest.mark.slow
def test_an_hour_of_sound_takes_little_memory(hour: Path) -> None:
    before = children()
    count = peak = 0
    with open_audio(hour) as reader:
        for piece in reader:
            count += len(piece)
            if count > (HOUR_S - 60) * 16000 and not peak:
                peak = peak_resident_bytes((children() - before).pop())
    assert abs(count - HOUR_S * 16000) <= 2
    assert 0 < peak < 200 << 20


def _count_in_daemon(path: Path, answer: "multiprocessing.Queue[int]") -> None:
    with open_audio(path) as reader:
        answer.put(sum(len(piece) for piece in reader))


def test_it_works_in_a_daemonic_process_as_celerys_pool_has(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((40_000, 1), np.int16))
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[int] = context.Queue()
    worker = context.Process(target=_count_in_daemon, args=(path, answer), daemon=True)
    worker.start()
    assert answer.get(timeout=60) == 40_000
    worker.join(30)


INFO = b'{"duration_s": 1.0}'


def message(kind: int, payload: bytes, length: int | None = None) -> bytes:
    return bytes([kind]) + (len(payload) if length is None else length).to_bytes(4) + payload


@pytest.mark.parametrize(
    "sent",
    [
        b"hello, world",
        message(9, b""),
        message(2, bytes(8 * 8 * 3)),
        message(1, b"{}"),
        message(1, b"\xff", length=1 << 31),
        message(4, b'{"code": "rm -rf", "detail": ""}'),
        message(4, b"[]"),
        message(1, INFO) + message(2, bytes(8 * 8 * 3 + 1)),
        message(1, INFO) + message(2, bytes(8 * 8 * 3 - 1)),
        message(1, INFO) + message(1, INFO),
        message(1, INFO) + message(2, b"cut", length=8 * 8 * 3),
    ],
)
def test_a_child_that_speaks_otherwise_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((10, 1), np.int16))

    def start(job: Job) -> Decoder:
        os.write(job.data, sent)
        return Templates.start(ready.templates, replace(job, data=job.stderr))

    monkeypatch.setattr(ready.templates, "start", start)
    with pytest.raises(MediaError) as raised, open_frames(path, size=8) as reader:
        for _ in reader:
            pass
    assert raised.value.code is ErrorCode.DECODER_CRASHED
