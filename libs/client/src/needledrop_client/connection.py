"""The connection: requests, their errors, and answers read as what they should be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from needledrop_client.errors import ApiError, UnexpectedAnswerError, UnreachableError

PAGE = 100
KEPT_WITHIN_S = 900.0
"""How long the server may take, after an upload's last byte, to bring some gigabytes into a bucket."""

_A = TypeVar("_A", bound=BaseModel)


class Connection:
    """Talks to one Needledrop server. Methods raise `ApiError`, `UnreachableError` and `UnexpectedAnswerError`."""

    def __init__(
        self, base_url: str = "http://127.0.0.1:8000", timeout_s: float = 60.0, *, api_key: str | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._http = httpx.Client(base_url=base_url, timeout=timeout_s, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _upload(self, url: str, path: Path, fields: dict[str, str]) -> httpx.Response:
        # A name that is no text, as on old file systems, is sent with marks in place of what can't be.
        name = path.name.encode("utf-8", "replace").decode()
        timeout = httpx.Timeout(self._timeout_s, read=max(self._timeout_s, KEPT_WITHIN_S))
        with path.open("rb") as file:
            return self._request("POST", url, files={"file": (name, file)}, data=fields, timeout=timeout)

    def _get(self, url: str, cursor: str | None) -> httpx.Response:
        params: dict[str, str | int] = {"limit": PAGE}
        if cursor is not None:
            params["cursor"] = cursor
        return self._request("GET", url, params=params)

    def _request(
        self,
        method: str,
        url: str,
        params: dict[str, str | int] | None = None,
        data: dict[str, str] | None = None,
        files: dict[str, tuple[str, object]] | None = None,
        json: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Response:
        try:
            response = self._http.request(
                method,
                url,
                params=params,
                data=data,
                files=files,  # type: ignore[arg-type]
                json=json,
                headers=headers,
                timeout=timeout or self._http.timeout,
            )
        except httpx.TransportError as error:
            raise UnreachableError(f"{self._http.base_url} does not answer: {error}") from error
        if response.is_error:
            raise ApiError.of(response)
        return response

    @contextmanager
    def _stream(self, url: str) -> Iterator[httpx.Response]:
        try:
            with self._http.stream("GET", url) as response:
                if response.is_error:
                    response.read()
                    raise ApiError.of(response)
                yield response
        except httpx.TransportError as error:
            raise UnreachableError(f"{self._http.base_url} does not answer: {error}") from error


def read(kind: type[_A], response: httpx.Response) -> _A:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise UnexpectedAnswerError(f"{response.url.path} did not answer with a {kind.__name__}: {error}") from error
