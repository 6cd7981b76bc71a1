"""The decoding process: `python -m needledrop.media.child audio|frames SIZE DESCRIPTOR LIMITS`, data to stdout."""

import os
import sys

# What PyAV and Pillow would else import only when a file needs it: by then nothing can be opened any more.
import PIL.ImageFile  # noqa: F401

from needledrop.errors import MediaError
from needledrop.media.confinement import confine
from needledrop.media.limits import Limits
from needledrop.media.tasks import send_audio, send_frames
from needledrop.media.wire import EXIT_OUT_OF_MEMORY, write_error

TASKS = {"audio": send_audio, "frames": send_frames}


def main(task: str, size: str, descriptor: str, limits_json: str) -> None:
    """Do one task. Only a `MediaError` is reported; on anything else the process dies and the parent says so."""
    pipe = sys.stdout.buffer
    limits = Limits.from_json(limits_json)
    confine(limits)
    try:
        TASKS[task](int(descriptor), int(size), limits, pipe)
    except MediaError as error:
        write_error(pipe, error)
    except MemoryError:
        # Reporting would need memory too.
        os._exit(EXIT_OUT_OF_MEMORY)


if __name__ == "__main__":
    main(*sys.argv[1:])
