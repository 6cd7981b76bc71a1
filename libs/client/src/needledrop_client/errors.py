"""What can go wrong between a program and the API."""

from typing import Self

import httpx
from pydantic import BaseModel, ValidationError


class ClientError(Exception):
    """Base of this package's errors."""


class UnreachableError(ClientError):
    """No answer came: nothing listens there, or the connection broke or timed out."""


class WaitTimeoutError(ClientError):
    """What was waited for did not come in time; the server may still be working on it."""


class UnexpectedAnswerError(ClientError):
    """An answer of another form than the API's: another server listens there, or one of an incompatible version."""


class ApiError(ClientError):
    """The API refused, with its problem document (RFC 9457). `code` is stable and meant for programs."""

    def __init__(self, status: int, code: str, title: str, detail: str, instance: str = "") -> None:
        super().__init__(f"{code}: {detail or title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.instance = instance

    @classmethod
    def of(cls, response: httpx.Response) -> Self:
        """The error that an answer of status 400 or above stands for; `http_NNN` where it is no problem document."""
        try:
            problem = _Problem.model_validate_json(response.content)
        except ValidationError:
            code = f"http_{response.status_code}"
            return cls(response.status_code, code, response.reason_phrase, "the answer is no problem document")
        return cls(response.status_code, problem.code, problem.title, problem.detail, problem.instance)


class _Problem(BaseModel):
    code: str
    title: str = ""
    detail: str = ""
    instance: str = ""
