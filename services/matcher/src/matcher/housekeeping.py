"""What the API clears away now and then: what killed processes left, and what is out of date."""

import anyio
import anyio.to_thread

from matcher.context import Context
from matcher.db import SQLAlchemyError
from matcher.uploads.files import sweep_abandoned
from matcher.uploads.idempotency.repository import IdempotencyRepository
from matcher.uploads.resumable.partials import Partials
from needledrop.log import get_logger

EVERY_S = 600.0
log = get_logger(__name__)


async def keep_house(context: Context) -> None:
    """Sweep at once, then every ten minutes until cancelled."""
    while True:
        await anyio.to_thread.run_sync(sweep, context)
        await anyio.sleep(EVERY_S)


def sweep(context: Context) -> None:
    """One round. What fails is tried again in the next."""
    try:
        # An upload from a folder of another file system is copied through the store's.
        folders = {context.uploads, context.store.staging}
        files = sum(sweep_abandoned(folder) for folder in folders)
        files += Partials(context.uploads, context.settings.uploads_keep_s).sweep()
        with context.database.begin() as session:
            keys = IdempotencyRepository(session).forget_older(context.settings.idempotency_keep_s)
    except (OSError, SQLAlchemyError) as error:
        log.warning("sweep failed", error=f"{type(error).__name__}: {error}".splitlines()[0])
        return
    if files or keys:
        log.info("swept", files=files, idempotency_keys=keys)
