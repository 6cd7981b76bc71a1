"""Taking the pieces of an upload, and adding the file once it is whole."""

import hashlib
from http import HTTPStatus
from uuid import UUID

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request

from matcher.bodies import body_of
from matcher.context import Context
from matcher.errors import ApiError, not_found
from matcher.uploads.files import FLUSH_BYTES
from matcher.uploads.receiving import describe_upload
from matcher.uploads.resumable.headers import TUS
from matcher.uploads.resumable.partials import Announced, Partials, Tail
from matcher.uploads.targets import UploadTargets


class ResumableService:
    def __init__(self, context: Context, targets: UploadTargets) -> None:
        self._context = context
        self._targets = targets
        self.partials = Partials(context.uploads, context.settings.uploads_keep_s)

    async def append(self, request: Request, upload_id: UUID, state: Announced, offset: int) -> Announced:
        """Take the body as what follows at `offset`; what came of it stays, however it ends.

        `ApiError`: `offset_mismatch`, `upload_locked`, `not_found`, and those of bodies and of adding a file.
        """
        with self.partials.tail(upload_id) as tail:
            # Another request may have finished it, or ended it, before this one had it for itself.
            state = await anyio.to_thread.run_sync(self.partials.find, upload_id, state.caller)
            if self.partials.offset(upload_id, state) != offset:
                raise ApiError(
                    HTTPStatus.CONFLICT,
                    "offset_mismatch",
                    "the upload goes on at another byte",
                    {**TUS, "Upload-Offset": str(self.partials.offset(upload_id, state))},
                )
            body_of(request.scope).allow(state.length - offset)
            if offset < state.length:
                if tail is None:
                    raise not_found("upload")
                await self._take(request, tail)
                if tail.offset < state.length:
                    return state
            return await anyio.to_thread.run_sync(self.finish, upload_id, state)

    def finish(self, upload_id: UUID, state: Announced) -> Announced:
        """Add the file, whose bytes are all there; done already: nothing. May be repeated after any crash."""
        if state.location:
            return state
        path = self.partials.data(upload_id)
        if state.sha256 is None:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            state = state.model_copy(update={"sha256": digest})
            self.partials.describe(upload_id, state)
        assert state.sha256 is not None
        target = self._targets.get(state.kind)
        if target is None:
            raise not_found("upload")
        upload = describe_upload(path, state.sha256, state.length, state.filename, state.media_type, state.fields)
        made = target.add(self._context, upload)
        state = state.model_copy(update={"location": made.headers["Location"]})
        self.partials.describe(upload_id, state)
        path.unlink(missing_ok=True)
        return state

    async def _take(self, request: Request, tail: Tail) -> None:
        buffer = bytearray()

        async def store() -> None:
            nonlocal buffer
            data, buffer = buffer, bytearray()
            await anyio.to_thread.run_sync(tail.append, data, limiter=self._context.disk)

        try:
            async for chunk in request.stream():
                buffer += chunk
                if len(buffer) >= FLUSH_BYTES:
                    await store()
        except ClientDisconnect as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, "upload_incomplete", "the upload broke off", TUS) from error
        finally:
            await store()
            await anyio.to_thread.run_sync(tail.sync, limiter=self._context.disk)
