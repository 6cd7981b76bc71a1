"""What a decoding process, forked from the template, does from its first moment to its last."""

import os
import sys
import traceback
from dataclasses import dataclass
from typing import NoReturn

from needledrop.errors import MediaError
from needledrop_media.confinement import confine, name_process
from needledrop_media.limits import Limits
from needledrop_media.tasks import send_audio, send_frames, send_keyframes
from needledrop_media.wire import EXIT_OUT_OF_MEMORY, write_error

TASKS = {"audio": send_audio, "frames": send_frames, "keyframes": send_keyframes}
STDERR, DATA, SOURCE = 2, 3, 4


@dataclass(frozen=True)
class Descriptors:
    """`source`: the file, open for reading. `data`: where messages go. `stderr`: where FFmpeg's last words go."""

    source: int
    data: int
    stderr: int


def run(task: str, size: int, limits: Limits, given: Descriptors, parent: int, filtered: bool) -> NoReturn:
    """Do one task and exit. Only a `MediaError` is reported; on anything else the process dies, its trace in stderr."""
    status = 1
    try:
        name_process("nd-decoder")
        _keep_only(given)
        confine(limits, parent, filtered)
        with os.fdopen(DATA, "wb", closefd=False) as pipe:
            try:
                TASKS[task](SOURCE, size, limits, pipe)
            except MediaError as error:
                write_error(pipe, error)
        status = 0
    except MemoryError:
        # Reporting would need memory too.
        status = EXIT_OUT_OF_MEMORY
    except BaseException:  # noqa: BLE001 - a copy of the template must not go on as one
        traceback.print_exc()
    finally:
        # No clean-up of what the template has: buffers, sockets, other decoders.
        sys.stderr.flush()
        os._exit(status)


def _keep_only(given: Descriptors) -> None:
    """Put the descriptors where they are looked for, and close all others: the template's, other decoders'."""
    # First out of the way of each other, above every number that will be theirs.
    low = SOURCE + 1
    moved = [os.dup(descriptor) for descriptor in [given.stderr, given.data, given.source]]
    while min(moved) < low:
        moved = [os.dup(descriptor) if descriptor < low else descriptor for descriptor in moved]
    for descriptor, number in zip(moved, (STDERR, DATA, SOURCE), strict=True):
        os.dup2(descriptor, number)
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))
