"""The dispatcher: publishes queued jobs, and puts jobs back whose lease ran out. Only it publishes."""

from collections.abc import Mapping, Sequence
from threading import Event
from uuid import UUID

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError as BrokerError

from matcher.db import Database, OperationalError
from matcher.jobs.kind import JobKinds, QueuedKind
from matcher.jobs.listening import listening
from matcher.jobs.outcomes import JobOutcomes
from matcher.jobs.repository import JobRepository
from matcher.settings import MatcherSettings
from matcher.tables import Job
from needledrop.errors import ErrorCode
from needledrop.log import get_logger
from needledrop.messages import REPLY_QUEUE, JobRequest, Payload, Task
from needledrop_worker.celery import KEY_PREFIX, make_celery
from needledrop_worker.health import beat

SERVICE = "dispatcher"
BATCH = 200
UNREAD_PATIENCE = 10
"""So many times longer is waited while the extractors' answers wait to be read."""

PUBLISHED_KEY = KEY_PREFIX + "dispatcher.published"
"""There as long as the broker has kept what was published."""
log = get_logger(__name__)


class Dispatcher:
    """One round is `run_once`; `run` does rounds until `stop` is set, woken by new jobs."""

    def __init__(self, settings: MatcherSettings, database: Database, kinds: JobKinds) -> None:
        self._settings = settings
        self._kinds = kinds
        self._database = database
        self._celery: Celery = make_celery(SERVICE, settings)
        self._redis = redis.Redis.from_url(
            settings.redis_url.get_secret_value(), socket_timeout=5, socket_connect_timeout=5
        )

    def run(self, stop: Event) -> None:
        while not stop.is_set():
            try:
                self._rounds(stop)
            except (OperationalError, psycopg.OperationalError, redis.RedisError, BrokerError) as error:
                log.warning("database or queue can't be reached", error=str(error).splitlines()[0])
                stop.wait(1)

    def run_once(self) -> tuple[int, int]:
        """Put expired jobs back, publish what is queued; how many of each."""
        return self._requeue_expired(), self._publish()

    def _requeue_expired(self) -> int:
        queued = [kind.name for kind in self._kinds.queued]
        claimed = [kind.name for kind in self._kinds.claimed]
        # While answers wait to be read, a lease may only look expired; far past it, it has.
        grace = UNREAD_PATIENCE * self._settings.lease_s if self._waiting(REPLY_QUEUE) else 0.0
        with self._database.begin() as session:
            jobs = JobRepository(session)
            expired = [*jobs.expired(queued, grace), *jobs.expired(claimed, 0.0)]
            outcomes = JobOutcomes(session, self._kinds, self._settings)
            for job in expired:
                self._put_back(outcomes, job)
            if expired:
                jobs.announce()
        return len(expired)

    def _put_back(self, outcomes: JobOutcomes, job: Job) -> None:
        log.warning("lease expired", job_id=str(job.id), kind=job.kind, attempt=job.attempt, worker=job.worker)
        detail = f"its worker went silent (try {job.tries} of {self._settings.max_attempts})"
        if not outcomes.try_again(job, ErrorCode.LEASE_EXPIRED, detail):
            log.error("given up", job_id=str(job.id), kind=job.kind, attempt=job.attempt)

    def _publish(self) -> int:
        if not self._redis.exists(PUBLISHED_KEY):
            with self._database.begin() as session:
                log.warning("the queue is new or was emptied", queued=JobRepository(session).unpublish())
            self._redis.set(PUBLISHED_KEY, 1)
        return sum(map(self._publish_kind, self._kinds.queued))

    def _publish_kind(self, kind: QueuedKind) -> int:
        # Where answers wait to be read, a claim may be among them.
        patience_s = self._settings.republish_s * (UNREAD_PATIENCE if self._waiting(REPLY_QUEUE) else 1)
        lost_after_s = None if self._waiting(kind.queue) else patience_s
        published = 0
        while True:
            with self._database.begin() as session:
                jobs = JobRepository(session)
                room = jobs.room(kind.name, kind.at_once)
                limit = BATCH if room is None else min(BATCH, room)
                batch = jobs.to_publish(kind.name, lost_after_s, limit) if limit else []
                if batch:
                    self._send(kind, batch, kind.payloads(session, batch))
                    jobs.mark_published(batch)
            published += len(batch)
            if len(batch) < BATCH:
                return published

    def _send(self, kind: QueuedKind, jobs: Sequence[Job], payloads: Mapping[UUID, Payload]) -> None:
        for job in jobs:
            request = JobRequest(job_id=job.id, attempt=job.attempt, kind=kind.name, payload=payloads.get(job.id, {}))
            self._celery.send_task(
                Task.JOB, args=[request.dump()], queue=kind.queue, time_limit=kind.limit_s(self._settings)
            )

    def _waiting(self, queue: str) -> int:
        """Messages that no worker has taken yet."""
        return int(self._redis.llen(KEY_PREFIX + queue))

    def _rounds(self, stop: Event) -> None:
        """Rounds for as long as one connection lasts, each woken by a new job or by the clock."""
        with listening(self._settings) as connection:
            while not stop.is_set():
                self.run_once()
                beat(SERVICE)
                for _ in connection.notifies(timeout=self._settings.dispatch_poll_s, stop_after=1):
                    pass
