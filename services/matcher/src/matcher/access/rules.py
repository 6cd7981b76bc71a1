"""The table route → rule, made once at start. A route that declares nothing stops the start: deny by default."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Match
from starlette.types import Scope as AsgiScope

from matcher.access.scopes import Rule, Scope, rule_of

ELSEWHERE = Rule(Scope.READ)
"""Addresses without a route: who has no key learns not even that there is none."""


class UndeclaredRouteError(Exception):
    """A route says not what it asks for."""


@dataclass(frozen=True)
class RuledRoute:
    route: RouteContext
    rule: Rule

    @property
    def path(self) -> str:
        return self.route.path or ""

    @property
    def methods(self) -> Sequence[str]:
        """Empty for what is mounted: it takes any."""
        return sorted(self.route.methods or ())


class RuleTable:
    """`paths` has the rules of what carries no declaration of ours: mounts, and the framework's own pages."""

    def __init__(self, routes: Sequence[BaseRoute], paths: Mapping[str, Rule]) -> None:
        self.routes = list(_ruled(routes, paths))

    def rule_for(self, scope: AsgiScope) -> Rule:
        """The rule of the route that the router will choose for this request."""
        partial: Rule | None = None
        for ruled in self.routes:
            match, _ = ruled.route.matches(scope)
            if match is Match.FULL:
                return ruled.rule
            if match is Match.PARTIAL and partial is None:
                partial = ruled.rule
        # Another method of a public address is no public route: it's answered to key holders with 405.
        return partial if partial is not None and partial.scope is not None else ELSEWHERE


def _ruled(routes: Sequence[BaseRoute], paths: Mapping[str, Rule]) -> Iterator[RuledRoute]:
    for route in iter_route_contexts(routes):
        rule = rule_of(route.endpoint) or paths.get(route.path or "")
        if rule is None:
            raise UndeclaredRouteError(
                f"{sorted(route.methods or ())} {route.path}: say who may call it, with @needs(…) or @public"
            )
        yield RuledRoute(route, rule)
