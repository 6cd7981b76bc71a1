"""Damaging a file by dice: the same seed and number always give the same bytes."""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Mutation = Callable[[bytearray, random.Random, bytes], bytearray]
HEADER_BYTES = 4096
EXTREMES = (0, 1, 7, 8, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
NUMBERS = (">H", "<H", ">I", "<I", ">Q", "<Q")


@dataclass(frozen=True)
class Mutant:
    """`base`: the file that was damaged; `how`: the way."""

    number: int
    base: str
    how: str
    data: bytes


def mutant(number: int, seed: int, bases: Sequence[Path]) -> Mutant:
    """The file of that number: a base damaged in one way, sometimes in two."""
    dice = random.Random(f"{seed}-{number}")
    base, other = dice.choice(bases), dice.choice(bases)
    data = bytearray(base.read_bytes())
    hows = [dice.choice(list(MUTATIONS)) for _ in range(dice.choice((1, 1, 2)))]
    for how in hows:
        data = MUTATIONS[how](data, dice, other.read_bytes())
    return Mutant(number, base.name, " + ".join(hows), bytes(data))


def flip_bits(data: bytearray, dice: random.Random, _: bytes) -> bytearray:
    for _number in range(2 ** dice.randrange(8)):
        at = dice.randrange(len(data))
        data[at] ^= 1 << dice.randrange(8)
    return data


def flip_bits_of_the_header(data: bytearray, dice: random.Random, _: bytes) -> bytearray:
    """The first bytes or the last, where containers keep their index."""
    size = min(HEADER_BYTES, len(data))
    start = dice.choice((0, len(data) - size))
    for _number in range(2 ** dice.randrange(5)):
        data[start + dice.randrange(size)] ^= 1 << dice.randrange(8)
    return data


def truncate(data: bytearray, dice: random.Random, _: bytes) -> bytearray:
    return data[: 1 + dice.randrange(len(data))]


def cut_out(data: bytearray, dice: random.Random, _: bytes) -> bytearray:
    start = dice.randrange(len(data))
    rest = data[:start] + data[start + 1 + dice.randrange(HEADER_BYTES) :]
    return rest or data


def swap_blocks(data: bytearray, dice: random.Random, _: bytes) -> bytearray:
    size = 1 + dice.randrange(max(1, min(HEADER_BYTES, len(data) // 2)))
    first, second = sorted(dice.randrange(max(1, len(data) - size + 1)) for _ in range(2))
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]
    return data


def overwrite_numbers(data: bytearray, dice: random.Random, _: bytes) -> bytearray:
    """Lengths, counts, sizes and times are numbers of two to eight bytes, mostly near the start or the end."""
    for _number in range(1 + dice.randrange(4)):
        form = dice.choice(NUMBERS)
        size = struct.calcsize(form)
        if len(data) <= size:
            return data
        reach = min(HEADER_BYTES, len(data) - size)
        at = dice.choice((dice.randrange(reach), len(data) - size - dice.randrange(reach)))
        value = dice.choice((*EXTREMES, len(data), len(data) + 1, dice.randrange(1 << 32)))
        struct.pack_into(form, data, at, value & ((1 << 8 * size) - 1))
    return data


def overwrite_noise(data: bytearray, dice: random.Random, _: bytes) -> bytearray:
    start = dice.randrange(len(data))
    size = min(1 + dice.randrange(HEADER_BYTES), len(data) - start)
    data[start : start + size] = dice.randbytes(size)
    return data


def repeat_block(data: bytearray, dice: random.Random, _: bytes) -> bytearray:
    start = dice.randrange(len(data))
    block = data[start : start + 1 + dice.randrange(HEADER_BYTES)]
    return data[:start] + block * (1 + dice.randrange(16)) + data[start:]


def append(data: bytearray, _: random.Random, other: bytes) -> bytearray:
    return data + other


def splice(data: bytearray, dice: random.Random, other: bytes) -> bytearray:
    """The one's start and the other's end."""
    return data[: 1 + dice.randrange(len(data))] + other[dice.randrange(len(other)) :]


MUTATIONS: dict[str, Mutation] = {
    "bits": flip_bits,
    "bits of the header": flip_bits_of_the_header,
    "cut short": truncate,
    "cut out": cut_out,
    "blocks swapped": swap_blocks,
    "numbers": overwrite_numbers,
    "noise": overwrite_noise,
    "block repeated": repeat_block,
    "appended": append,
    "spliced": splice,
}
