"""What a key may do, and what a route asks for: declared where it stands, by `@needs(Scope.READ)` or `@public`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])
_MARK = "__needledrop_rule__"


class Scope(StrEnum):
    """Each scope holds those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Rule:
    """What a route asks for: `scope` None lets everyone in. `uploads`: its body is a file, of any length, streamed."""

    scope: Scope | None
    uploads: bool = False


PUBLIC = Rule(None)


def needs(scope: Scope, *, uploads: bool = False) -> Callable[[EndpointT], EndpointT]:
    """Declare what the endpoint asks for; stands below the route's decorator."""
    return _marked(Rule(scope, uploads))


def public(endpoint: EndpointT) -> EndpointT:
    """Declare that anyone may call, from anywhere, without a key: health and the page's own files."""
    return _marked(PUBLIC)(endpoint)


def rule_of(endpoint: object) -> Rule | None:
    """What the endpoint declares, None where it says nothing."""
    rule = getattr(endpoint, _MARK, None)
    return rule if isinstance(rule, Rule) else None


def _marked(rule: Rule) -> Callable[[EndpointT], EndpointT]:
    def mark(endpoint: EndpointT) -> EndpointT:
        setattr(endpoint, _MARK, rule)
        return endpoint

    return mark
