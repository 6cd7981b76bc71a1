"""The OpenAPI document: the framework's, with what every route shares said once — problems, keys, scopes."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from matcher.access.guard import COOKIE
from matcher.access.rules import RuleTable
from matcher.access.scopes import Rule
from matcher.errors import Problem

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
OF_KEYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
OF_ALL = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
SECURITY_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer nd_…`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, behind a proxy."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The page, once it has signed in."},
}
_VALIDATION = {"HTTPValidationError", "ValidationError"}
_METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}


def install_openapi(app: FastAPI, rules: RuleTable) -> None:
    """Have the application serve the completed document."""
    generate = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate(), rules)
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


def _completed(document: dict[str, Any], rules: RuleTable) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in _VALIDATION:
        schemas.pop(name, None)
    components["securitySchemes"] = SECURITY_SCHEMES
    known = {(ruled.path, method.lower()): ruled.rule for ruled in rules.routes for method in ruled.methods}
    for path, method, operation in _operations(document):
        _complete(operation, known[path, method])
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield path, method, operation


def _complete(operation: dict[str, Any], rule: Rule) -> None:
    """Every error is a problem document; `default` stands for those that a proxy or the server itself may add."""
    responses = operation["responses"]
    shared = (
        *OF_ALL,
        *(OF_KEYS if rule.scope else ()),
        *((HTTPStatus.REQUEST_ENTITY_TOO_LARGE,) if rule.uploads else ()),
    )
    for status in shared:
        responses.setdefault(str(status.value), {"description": status.phrase})
    responses.setdefault("default", {"description": "Another error"})
    for status, response in responses.items():
        own = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "Problem")
        if (status == "default" or int(status) >= HTTPStatus.BAD_REQUEST) and (
            own.endswith("Problem") or own.rsplit("/", 1)[-1] in _VALIDATION
        ):
            response["content"] = PROBLEM
    if rule.scope:
        operation["security"] = [{name: []} for name in SECURITY_SCHEMES]
        operation["x-scope"] = rule.scope.value
        operation["description"] = (
            f"{operation.get('description', '')}\n\nTakes a key with the scope `{rule.scope}`.".strip()
        )
