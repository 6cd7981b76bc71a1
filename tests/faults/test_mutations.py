"""Row 11: seeded mutations of real files end in data or in a documented code; the worker and its template live on."""

import os
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import Limits, MediaReader, open_audio, open_frames
from tests.decoders import children, templates
from tests.faults.chaos import SEED, Outcome, sized
from tests.faults.mutations import MUTATIONS, Mutant, mutant
from tests.shared import require_shared

MUTANTS = sized(short=2_000, long=10_000)
# What a file may be found to be. A time-out is not among them: no small file may take so long.
DOCUMENTED = {
    *(ErrorCode.MEDIA_UNREADABLE, ErrorCode.MEDIA_ENCRYPTED, ErrorCode.NO_AUDIO, ErrorCode.NO_VIDEO),
    *(ErrorCode.CODEC_UNSUPPORTED, ErrorCode.MEDIA_TOO_LARGE, ErrorCode.MEDIA_TOO_MANY_STREAMS),
    *(ErrorCode.MEDIA_TOO_MANY_FRAMES, ErrorCode.DECODER_LIMIT, ErrorCode.DECODER_CRASHED),
}
LARGEST_BASE = 250_000
CLIP_BYTES = 150_000
LIMITS = Limits(memory_bytes=2 << 30, cpu_s=60, wall_s=240, stall_s=120)
OPENERS: dict[str, Callable[[Path], AbstractContextManager[MediaReader[Any]]]] = {
    "audio": lambda path: open_audio(path, limits=LIMITS),
    "video": lambda path: open_frames(path, 16, LIMITS),
}


@dataclass(frozen=True)
class Finding:
    mutant: Mutant
    side: str
    code: ErrorCode | None

    def __str__(self) -> str:
        return f"{self.code}: number {self.mutant.number}, {self.side}, {self.mutant.base}, {self.mutant.how}"


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small real files of many formats, and the heads of larger ones whose index is not at their end."""
    media = require_shared() / "media"
    small = [path for path in sorted((media / "odd").iterdir()) if 0 < path.stat().st_size <= LARGEST_BASE]
    folder = tmp_path_factory.mktemp("bases")
    heads = []
    for path in sorted([*media.glob("clips/*.webm"), *media.glob("music/*.ogg"), *media.glob("music/*.mp3")]):
        heads.append(folder / path.name)
        heads[-1].write_bytes(path.read_bytes()[:CLIP_BYTES])
    return small + heads


@pytest.mark.timeout(3600)
def test_a_mutant_ends_in_data_or_in_a_documented_code(
    bases: list[Path], tmp_path: Path, tell: Callable[[Outcome], None]
) -> None:
    def decode(number: int) -> Finding:
        made = mutant(number, SEED, bases)
        side = "audio" if number % 2 else "video"
        path = tmp_path / f"{number}"
        path.write_bytes(made.data)
        try:
            with OPENERS[side](path) as reader:
                for _ in reader:
                    pass
        except MediaError as error:
            return Finding(made, side, error.code)
        finally:
            path.unlink()
        return Finding(made, side, None)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = list(pool.map(decode, range(MUTANTS)))
    counts = Counter(str(finding.code or "data") for finding in findings)
    undocumented = [finding for finding in findings if finding.code not in {None, *DOCUMENTED}]
    for finding in findings:
        if finding in undocumented or finding.code is ErrorCode.DECODER_CRASHED:
            print(finding)
    tell(
        Outcome(
            row=11,
            fault="mutated files",
            jobs=len(findings),
            faults=counts.total() - counts["data"],
            lost=len(undocumented),
            repeated=0,
            note=", ".join(f"{name} {count}" for name, count in counts.most_common()),
        )
    )
    assert not undocumented
    assert counts["data"] > MUTANTS // 10
    assert {finding.mutant.how for finding in findings} >= set(MUTATIONS)
    assert not children()
    assert len(templates()) == 1


def test_the_same_seed_gives_the_same_mutants(bases: list[Path]) -> None:
    first = [mutant(number, 1, bases) for number in range(50)]
    assert first == [mutant(number, 1, bases) for number in range(50)]
    assert first != [mutant(number, 2, bases) for number in range(50)]
    assert all(one.data != two.data for one, two in pairwise(first))


@pytest.mark.parametrize("how", MUTATIONS)
def test_each_mutation_changes_most_files(how: str) -> None:
    whole, other = random.Random(0).randbytes(20_000), random.Random(1).randbytes(9_000)
    changed = [bytes(MUTATIONS[how](bytearray(whole), random.Random(n), other)) != whole for n in range(40)]
    assert sum(changed) >= 38
