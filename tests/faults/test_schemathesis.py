"""Requests made up from the OpenAPI document, alone and in chains along its links: no 5xx, errors as declared."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import FlakyStrategyDefinition, Unsatisfiable
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from matcher.access.keys import KeyWish, NewKey, create_key, get_key
from matcher.access.scopes import Scope
from matcher.db import Database
from tests.embedded import Servers
from tests.faults.chaos import SEED, Outcome, sized
from tests.serving import served
from tests.site import Site, site_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
QUIET = settings(
    deadline=None,
    database=None,
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
TIMEOUT_S = 60
PARTS = 4
# What tus sends a part of an upload as.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@dataclass
class Target:
    """The running API, and what it has answered so far."""

    url: str
    database: Database
    key: NewKey
    schema: BaseSchema
    statuses: Counter[int] = field(default_factory=Counter)

    def headers(self) -> dict[str, str]:
        """A key that opens everything: a new one where a request has revoked the one before."""
        if get_key(self.database, self.key.key.id).revoked_at is not None:
            self.key = make_key(self.database)
        return bearer(self.key)

    def check(self, case: Case[Any], response: Response) -> None:
        """Fails where the answer breaks what the document says, or an error is no problem document."""
        self.statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400 and case.method != "HEAD" and case.path != "/readyz":
            assert response.headers["content-type"] == ["application/problem+json"], response.headers
            assert response.json()["status"] == response.status_code
            assert response.json()["code"]

    @property
    def sent(self) -> int:
        return sum(self.statuses.values())


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of(servers, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def target(site: Site) -> Iterator[Target]:
    with served(site.app) as url:
        # Keys are made on the way; from the first one on, nothing is answered without one.
        key = make_key(site.database)
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=bearer(key))
        yield Target(url, site.database, key, schema)


def test_every_operation_answers_made_up_requests_as_declared(target: Target, tell: Callable[[Outcome], None]) -> None:
    broken: list[str] = []
    operations = [found.ok() for found in target.schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 40
    for operation, mode in itertools.product(operations, GenerationMode):

        @seed(SEED)
        @settings(QUIET, max_examples=sized(28, 260))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            target.check(case, case.call(base_url=target.url, headers=target.headers(), timeout=TIMEOUT_S))

        try:
            ask()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, f"{operation.label} can't be called"
        except (AssertionError, FailureGroup) as error:
            broken.append(f"{operation.label}: {error!r} {getattr(error, 'exceptions', '')}")
    tell(Outcome(14, "made-up requests", target.sent, 0, len(broken), 0, note=counted(target.statuses)))
    assert broken == []


def test_chains_of_requests_along_the_links_are_answered_as_declared(
    target: Target, tell: Callable[[Outcome], None]
) -> None:
    base = target.schema.as_state_machine()
    broken: list[str] = []

    class Chains(base):  # type: ignore[misc, valid-type]
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, object]:
            return {"base_url": target.url, "headers": target.headers(), "timeout": TIMEOUT_S}

        def validate_response(self, response: Response, case: Case[Any], *_: object, **__: object) -> None:
            try:
                target.check(case, response)
            except (AssertionError, FailureGroup) as error:
                broken.append(f"{case.method} {case.path}: {error!r} {getattr(error, 'exceptions', '')}")

    for part in range(PARTS):
        # What chains before have left decides what later ones can do; Hypothesis calls that flaky, and ends the part.
        with suppress(FlakyStrategyDefinition):
            run_state_machine_as_test(
                seed(SEED + part)(Chains),
                settings=settings(QUIET, max_examples=sized(10, 100), stateful_step_count=12),
            )
    tell(Outcome(14, "chains of requests", target.sent, 0, len(broken), 0, note=counted(target.statuses)))
    assert broken == []
    assert target.sent > 100
    assert target.statuses[401] < 0.1 * target.sent, "the chains went on without a key"


def make_key(database: Database) -> NewKey:
    return create_key(database, KeyWish("schemathesis", Scope.ADMIN, rate_per_s=1e6))


def bearer(key: NewKey) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.text}"}


def counted(statuses: Counter[int]) -> str:
    return ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
