"""What uploaded files can become: each domain that takes files declares its target, the application holds them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import Request

from matcher.context import Context
from matcher.uploads.fields import UploadFields
from matcher.uploads.idempotency.service import Made
from matcher.uploads.receiving import Upload


@dataclass(frozen=True)
class UploadTarget:
    """`kind` is its name in tus metadata; `fields`: what may come with a file; `add` makes the file one of these."""

    kind: str
    fields: type[UploadFields]
    add: Callable[[Context, Upload], Made]


UploadTargets = Mapping[str, UploadTarget]
"""By their kind."""


def targets_of(request: Request) -> UploadTargets:
    found = request.app.state.upload_targets
    assert isinstance(found, Mapping)
    return found
