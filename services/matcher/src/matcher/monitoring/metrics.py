"""`/metrics` for Prometheus: what this process answers, and how the whole system's jobs stand, asked at each scrape."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matcher.access.scopes import Scope as AccessScope
from matcher.access.scopes import needs
from matcher.errors import PROBLEM_KEY
from matcher.monitoring.state import Library, StateReader, SystemState
from matcher.tables import JobState

router = APIRouter(tags=["operations"])
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


@dataclass(frozen=True)
class Metrics:
    """This application's registry. Labels have few values: routes are templates, and there is no id anywhere."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    problems: Counter
    state: StateReader

    @classmethod
    def make(cls, state: StateReader) -> "Metrics":
        registry = CollectorRegistry()
        ProcessCollector(namespace="needledrop", registry=registry)
        route = ["method", "route"]
        return cls(
            registry,
            Counter("needledrop_http_requests", "Requests answered.", [*route, "status"], registry=registry),
            Histogram(
                "needledrop_http_seconds", "From a request to the end of its answer.", route, buckets=BUCKETS,
                registry=registry,
            ),
            Counter("needledrop_problems", "Problems answered, by their code.", ["code"], registry=registry),
            state,
        )  # fmt: skip


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
@needs(AccessScope.READ)
async def metrics(request: Request) -> Response:
    """Prometheus's text format. What can't be asked within two seconds is left out, and `needledrop_up` says so."""
    found = metrics_of(request)
    jobs = _StateMetrics(await found.state.read())
    text = generate_latest(found.registry) + b"".join(_exposed(jobs))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def metrics_of(request: Request) -> Metrics:
    found = request.app.state.metrics
    assert isinstance(found, Metrics)
    return found


class Measured:
    """Counts and times every request, the refused ones, too. Plain ASGI: it neither buffers nor wraps the body."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        # What no route took is no label of its own: the caller chooses it.
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        if code := scope.get(PROBLEM_KEY):
            self._metrics.problems.labels(code).inc()


class _StateMetrics(Collector):
    def __init__(self, state: SystemState) -> None:
        self._state = state

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = {("database",): self._state.library, ("queue",): self._state.queues}
        yield _gauge("up", "Whether a part answered.", ["part"], {key: part is not None for key, part in up.items()})
        queued = {(name,): length for name, length in (self._state.queues or {}).items()}
        yield _gauge("queue_messages", "Messages that nobody has taken.", ["queue"], queued)
        if library := self._state.library:
            yield from _jobs(library)
            files = {(kind,): count for kind, (count, _) in library.assets.items()}
            yield _gauge("assets", "Files.", ["kind"], files)
            stored = {(kind,): size for kind, (_, size) in library.assets.items()}
            yield _gauge("asset_bytes", "Bytes of files.", ["kind"], stored)
            active = {library.model: 1} if library.model else {}
            yield _gauge("model_active", "The model that ranks.", ["model", "kind"], active)


def _jobs(library: Library) -> Iterator[GaugeMetricFamily]:
    by = {(count.kind, count.state): count for count in library.jobs}
    yield _gauge("jobs", "Jobs.", ["kind", "state"], {key: count.jobs for key, count in by.items()})
    again = {key: count.again for key, count in by.items()}
    yield _gauge("job_attempts_again", "Attempts beyond each job's first.", ["kind", "state"], again)
    expired = {(count.kind,): count.expired for count in library.jobs if count.state == JobState.RUNNING}
    yield _gauge("jobs_lease_expired", "Running jobs without a sign of life.", ["kind"], expired)
    oldest = {(kind,): backlog.oldest_s for kind, backlog in library.backlog.items()}
    yield _gauge("oldest_queued_job_seconds", "How long the oldest job that may run has waited.", ["kind"], oldest)


def _gauge(name: str, text: str, labels: list[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"needledrop_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _exposed(collector: Collector) -> Iterator[bytes]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    yield generate_latest(registry)
