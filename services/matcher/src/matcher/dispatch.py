"""The dispatcher: publishes queued jobs, and puts jobs back whose lease ran out. Only it publishes."""

from collections.abc import Sequence
from threading import Event

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import OperationalError

from matcher.db import Database
from matcher.jobs.repository import CHANNEL, JobRepository, end_job
from matcher.jobs.tables import Job, JobState
from matcher.settings import MatcherSettings
from needledrop.celery import KEY_PREFIX, make_celery
from needledrop.errors import ErrorCode
from needledrop.features import Modality
from needledrop.health import beat
from needledrop.log import get_logger
from needledrop.messages import EXTRACT_ROUTES, ExtractRequest, Queue
from needledrop.storage import media_key

SERVICE = "dispatcher"
BATCH = 200
log = get_logger(__name__)


class Dispatcher:
    """One round is `run_once`; `run` does rounds until `stop` is set, woken by new jobs."""

    def __init__(self, settings: MatcherSettings, database: Database) -> None:
        self._settings = settings
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
        # While answers wait to be read, a lease may only look expired; far past it, it has.
        grace = 10 * self._settings.lease_s if self._waiting(Queue.MATCHER) else 0.0
        with self._database.begin() as session:
            jobs = JobRepository(session)
            expired = jobs.expired(grace)
            for job in expired:
                self._put_back(jobs, job)
        return len(expired)

    def _put_back(self, jobs: JobRepository, job: Job) -> None:
        if job.attempt < self._settings.max_attempts:
            log.warning("lease expired, trying again", job_id=str(job.id), attempt=job.attempt, worker=job.worker)
            jobs.retry(job)
            return
        log.error("lease expired, giving up", job_id=str(job.id), attempt=job.attempt)
        detail = f"given up: no worker finished it in {job.attempt} attempts"
        end_job(job, JobState.DEAD, ErrorCode.LEASE_EXPIRED, detail)

    def _publish(self) -> int:
        idle = [modality for modality, (_, queue) in EXTRACT_ROUTES.items() if not self._waiting(queue)]
        published = 0
        while True:
            with self._database.begin() as session:
                jobs = JobRepository(session)
                batch = jobs.to_publish(idle, self._settings.republish_s, BATCH)
                if batch:
                    self._send(batch)
                    jobs.mark_published(batch)
            published += len(batch)
            if len(batch) < BATCH:
                return published

    def _send(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            task, queue = EXTRACT_ROUTES[Modality(job.modality)]
            request = ExtractRequest(
                job_id=job.id,
                attempt=job.attempt,
                modality=Modality(job.modality),
                media_key=media_key(job.media_sha256),
                media_sha256=job.media_sha256,
                space=job.space,
            )
            self._celery.send_task(task, args=[request.dump()], queue=queue)

    def _waiting(self, queue: Queue) -> int:
        """Messages that no worker has taken yet."""
        return int(self._redis.llen(KEY_PREFIX + queue))

    def _rounds(self, stop: Event) -> None:
        """Rounds for as long as one connection lasts, each woken by a new job or by the clock."""
        url = self._settings.database_url.get_secret_value().replace("postgresql+psycopg", "postgresql", 1)
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            while not stop.is_set():
                self.run_once()
                beat(SERVICE)
                for _ in connection.notifies(timeout=self._settings.dispatch_poll_s, stop_after=1):
                    pass
