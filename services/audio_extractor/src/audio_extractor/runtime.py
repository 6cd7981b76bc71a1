"""Starting TensorFlow in this process: quietly, with the threads and on the device that the settings name."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from needledrop.errors import ErrorCode, NeedledropError
from needledrop.log import get_logger
from needledrop.settings import CoreSettings

log = get_logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """`tf`: the tensorflow module (untyped). `device`: where to put tensors, in TensorFlow's words."""

    tf: Any
    device: str


def start_tensorflow(settings: CoreSettings) -> Runtime:
    """Import TensorFlow and set it up; takes seconds the first time in a process.

    Threads and device are TensorFlow's for the whole process: RuntimeError where a later call asks for others.
    `NeedledropError` where the settings name a GPU that is not there.
    """
    with _native_messages_to_log():
        tf = _import()
        if settings.threads:
            tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        device = _choose_device(tf, settings.device)
        # TF32 keeps 10 bits of mantissa: features made with it would differ from those made on a CPU.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        with tf.device(device):
            tf.zeros(1)
    return Runtime(tf, device)


def _import() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Without it, importing TensorFlow imports Keras 3, which costs seconds and is not used.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import tensorflow as tf  # noqa: PLC0415

    return tf


def _choose_device(tf: Any, wanted: str) -> str:
    gpus = tf.config.list_physical_devices("GPU") if wanted != "cpu" else []
    if wanted == "cpu" or (wanted == "auto" and not gpus):
        tf.config.set_visible_devices([], "GPU")
        return "/CPU:0"
    name, _, number = wanted.partition(":")
    index = int(number) if number.isdecimal() else 0
    if name not in {"auto", "cuda"} or index >= len(gpus):
        raise NeedledropError(
            ErrorCode.DEVICE_UNAVAILABLE, f"no device “{wanted}”: TensorFlow finds {len(gpus)} GPUs here"
        )
    tf.config.set_visible_devices([gpus[index]], "GPU")
    tf.config.experimental.set_memory_growth(gpus[index], True)
    return "/GPU:0"


@contextmanager
def _native_messages_to_log() -> Iterator[None]:
    """Log at debug level what TensorFlow's C++ writes to standard error while it starts: it heeds no log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            for line in file.read().decode(errors="replace").splitlines():
                log.debug("tensorflow", message=line)
