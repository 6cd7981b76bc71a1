"""The headers of tus."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from http import HTTPStatus

from fastapi import Request

from matcher.errors import ApiError
from matcher.uploads.fields import pick_fields
from matcher.uploads.resumable.partials import Announced
from matcher.uploads.targets import UploadTargets

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination"
CONTENT_TYPE = "application/offset+octet-stream"
TUS = {"Tus-Resumable": VERSION}


def require_version(request: Request) -> None:
    """Every request but OPTIONS names the version; `ApiError(tus_version)` where it isn't ours."""
    if request.headers.get("tus-resumable") != VERSION:
        raise ApiError(
            HTTPStatus.PRECONDITION_FAILED,
            "tus_version",
            f"the header Tus-Resumable must say {VERSION}",
            {**TUS, "Tus-Version": VERSION},
        )


def require_content_type(request: Request) -> None:
    if request.headers.get("content-type") != CONTENT_TYPE:
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", f"the Content-Type must be {CONTENT_TYPE}", TUS
        )


def number(request: Request, name: str) -> int:
    """A header that is a count of bytes; `ApiError(request_invalid)`."""
    value = request.headers.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise ApiError(HTTPStatus.BAD_REQUEST, "request_invalid", f"the header {name} must be a count of bytes", TUS)
    return int(value)


def announced(request: Request, caller: str, targets: UploadTargets) -> Announced:
    """What a creation says of its file: `Upload-Length`, and in `Upload-Metadata` kind, filename, filetype and the
    target's fields. `ApiError(metadata_invalid)`."""
    length = number(request, "Upload-Length")
    metadata = _metadata(request.headers.get("upload-metadata", ""))
    target = targets.get(metadata.get("kind", ""))
    if target is None:
        raise _invalid(f"the metadata must say the kind: {_one_of(list(targets))}")
    return Announced(
        caller=caller,
        length=length,
        kind=target.kind,
        filename=metadata.get("filename") or metadata.get("name", ""),
        media_type=metadata.get("filetype") or metadata.get("type", ""),
        fields=pick_fields(target.fields, metadata),
    )


def progress(offset: int, expires_at: float, state: Announced) -> dict[str, str]:
    """What every answer about an upload says. `Content-Location`: what it became."""
    headers = {**TUS, "Upload-Offset": str(offset), "Upload-Expires": formatdate(expires_at, usegmt=True)}
    return {**headers, "Content-Location": state.location} if state.location else headers


def _metadata(header: str) -> Mapping[str, str]:
    """`name base64, name base64, …`."""
    found = {}
    for pair in filter(None, map(str.strip, header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            raise _invalid("the header Upload-Metadata can't be read") from error
    return found


def _one_of(kinds: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))


def _invalid(detail: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "metadata_invalid", detail, TUS)
