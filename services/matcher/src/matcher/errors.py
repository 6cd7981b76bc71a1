"""The API's errors: RFC 9457 problem+json with a stable code, translated here and nowhere else."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from matcher.db import DataError, InterfaceError, OperationalError, PoolTimeout
from needledrop.errors import ErrorCode, NeedledropError, StorageError
from needledrop.log import get_logger

log = get_logger(__name__)
PROBLEM_KEY = "needledrop.problem"
"""Where a request's scope holds the code that it is answered with, for the metrics."""


class Problem(BaseModel):
    """RFC 9457 problem details, with the code that programs decide by. Some codes bring figures of their own."""

    model_config = ConfigDict(extra="allow")
    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str


class Failure(BaseModel):
    """Why a file can't be used: a stable code (docs/api.md) and a sentence."""

    code: str
    detail: str


class ApiError(HTTPException):
    """An answer other than success: its status, its code, a sentence for the user, and `figures` for programs.

    An HTTPException, since the framework lets just those through where it reads a body.
    """

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None, **figures: int | bool
    ) -> None:
        super().__init__(status, detail, headers)
        self.status = status
        self.code = code
        self.headers: dict[str, str] = headers or {}
        self.figures = figures

    def __str__(self) -> str:
        return f"{self.status_code} {self.code}: {self.detail}"


def not_found(what: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "not_found", f"there is no such {what}")


EXPECTED = (ApiError, NeedledropError, OperationalError, InterfaceError, PoolTimeout, DataError)
"""What `answer` has an answer for; anything else is a fault of ours."""


def install_error_handlers(app: FastAPI) -> None:
    for kind in EXPECTED:
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen)


def answer(request: Request, error: Exception) -> Response:
    """The problem that one of the EXPECTED errors is told as."""
    if isinstance(error, ApiError):
        return problem(request, error.status, error.code, error.detail, error.headers, error.figures)
    if isinstance(error, NeedledropError):
        return _core_error(request, error)
    if isinstance(error, DataError):
        return _unstorable(request, error)
    return _database_error(request, error)


def problem(
    request: Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    figures: Mapping[str, int | bool] = MappingProxyType({}),
) -> Response:
    request.scope[PROBLEM_KEY] = code
    body = Problem(title=status.phrase, status=status, detail=detail, code=code, instance=request.url.path)
    return JSONResponse({**body.model_dump(), **figures}, status, headers, media_type="application/problem+json")


def _core_error(request: Request, error: NeedledropError) -> Response:
    if error.code is ErrorCode.STORAGE_FULL:
        log.error("no room left", exc_info=error)
        return problem(request, HTTPStatus.INSUFFICIENT_STORAGE, error.code, error.detail)
    if isinstance(error, StorageError) and error.code is not ErrorCode.STORAGE_MISSING:
        log.error("media store failed", code=error.code, exc_info=error)
        return problem(
            request, HTTPStatus.SERVICE_UNAVAILABLE, error.code, "the media store can't be used at the moment"
        )
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, error.code, error.detail)


def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "request_invalid", f"{where}: {first['msg']}")


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    # The framework's word for a body that can't be read at all: no UTF-8, nested too deeply, a number too long.
    code = "body_malformed" if status is HTTPStatus.BAD_REQUEST else status.name.lower()
    detail = "there is nothing at this address" if status is HTTPStatus.NOT_FOUND else str(error.detail)
    return problem(request, status, code, detail, dict(error.headers or {}))


def _database_error(request: Request, error: Exception) -> Response:
    log.error("database failed", exc_info=error)
    return problem(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "database_unavailable",
        "the database can't be reached at the moment",
        {"Retry-After": "2"},
    )


def _unstorable(request: Request, error: DataError) -> Response:
    """A value that no column holds: text with a NUL, a number beyond its type."""
    log.warning("value refused by the database", path=request.url.path, exc_info=error)
    return problem(
        request, HTTPStatus.UNPROCESSABLE_ENTITY, "request_invalid", "the request holds a value that can't be stored"
    )


def _unforeseen(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    return problem(
        request, HTTPStatus.INTERNAL_SERVER_ERROR, ErrorCode.INTERNAL, "an internal error; the log has the cause"
    )
