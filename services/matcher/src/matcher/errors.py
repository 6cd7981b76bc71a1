"""The API's errors: RFC 9457 problem+json with a stable code, translated here and nowhere else."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from needledrop.errors import ErrorCode, NeedledropError, StorageError
from needledrop.log import get_logger

log = get_logger(__name__)


class Problem(BaseModel):
    """RFC 9457 problem details, with the code that programs decide by. Some codes bring figures of their own."""

    model_config = ConfigDict(extra="allow")
    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str


class ApiError(Exception):
    """An answer other than success: its status, its code, a sentence for the user, and `figures` for programs."""

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None, **figures: int | bool
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.figures = figures


def not_found(what: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "not_found", f"there is no such {what}")


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(NeedledropError, _core_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    for error in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(error, _database_error)
    app.add_exception_handler(Exception, _unforeseen)


def problem(
    request: Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    figures: Mapping[str, int | bool] = MappingProxyType({}),
) -> Response:
    body = Problem(title=status.phrase, status=status, detail=detail, code=code, instance=request.url.path)
    return JSONResponse({**body.model_dump(), **figures}, status, headers, media_type="application/problem+json")


def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return problem(request, error.status, error.code, error.detail, error.headers, error.figures)


def _core_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, NeedledropError)
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
    code = status.name.lower()
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


def _unforeseen(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    return problem(
        request, HTTPStatus.INTERNAL_SERVER_ERROR, ErrorCode.INTERNAL, "an internal error; the log has the cause"
    )
