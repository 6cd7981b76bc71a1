"""Starting a process that imports a large framework."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from needledrop.bundle import Bundle
from needledrop.features import Modality
from needledrop_worker.memory import keep_memory


@contextmanager
def starting(bundle: Bundle, modality: Modality) -> Iterator[None]:
    """A block that imports a framework and loads a side's model: the files are hashed meanwhile, nothing is collected.

    From then on the process keeps the memory that it frees. `BundleError` where the bundle has no such side.
    """
    bundle.check_ahead(modality)
    keep_memory()
    with without_collections():
        yield


@contextmanager
def without_collections() -> Iterator[None]:
    """A block that makes what stays for good, an import or a model: nothing in it is looked through for garbage.

    Python looks through new objects again and again while there are more of them; importing PyTorch or TensorFlow, a
    tenth of the time is that. What is there at the block's end is never looked through later either.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
