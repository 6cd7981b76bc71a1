"""The dispatcher: publishes queued jobs, and puts jobs back whose lease ran out. Only it publishes."""

from collections.abc import Sequence
from threading import Event

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from matcher.db import Database
from matcher.jobs.repository import CHANNEL, JobRepository
from matcher.models.jobs import ModelJobRepository
from matcher.models.retries import try_again
from matcher.settings import MatcherSettings
from matcher.tables import Job, ModelJob, ModelJobKind
from needledrop.errors import ErrorCode
from needledrop.features import Modality
from needledrop.log import get_logger
from needledrop.messages import EXTRACT_ROUTES, ExtractRequest, ModelTask, Queue, Task
from needledrop_storage.keys import media_key
from needledrop_worker.celery import KEY_PREFIX, make_celery
from needledrop_worker.health import beat

SERVICE = "dispatcher"
BATCH = 200
UNREAD_PATIENCE = 10
"""So many times longer is waited while the extractors' answers wait to be read."""

PUBLISHED_KEY = KEY_PREFIX + "dispatcher.published"
"""There as long as the broker has kept what was published."""
MODEL_ROUTES: dict[ModelJobKind, tuple[Task, Queue]] = {
    ModelJobKind.TRAIN: (Task.MODEL_TRAIN, Queue.TRAINING),
    ModelJobKind.ACTIVATE: (Task.MODEL_EMBED, Queue.MATCHER),
}
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
        grace = UNREAD_PATIENCE * self._settings.lease_s if self._waiting(Queue.MATCHER) else 0.0
        with self._database.begin() as session:
            jobs = JobRepository(session)
            expired = jobs.expired(grace)
            for job in expired:
                self._put_back(jobs, job)
            trainings = ModelJobRepository(session).expired()
            for training in trainings:
                self._put_model_job_back(session, training)
        return len(expired) + len(trainings)

    def _put_back(self, jobs: JobRepository, job: Job) -> None:
        log.warning("lease expired", job_id=str(job.id), attempt=job.attempt, worker=job.worker)
        detail = f"its worker went silent (try {job.tries} of {self._settings.max_attempts})"
        kept = jobs.retry(
            job, self._settings.max_attempts, self._settings.retry_backoff_s, ErrorCode.LEASE_EXPIRED, detail
        )
        if not kept:
            log.error("given up", job_id=str(job.id), attempt=job.attempt)

    def _put_model_job_back(self, session: Session, job: ModelJob) -> None:
        log.warning("lease expired", job_id=str(job.id), kind=job.kind, attempt=job.attempt, worker=job.worker)
        detail = f"given up: no worker finished it in {job.attempt} attempts"
        try_again(session, job, self._settings, ErrorCode.LEASE_EXPIRED, detail)

    def _publish(self) -> int:
        if not self._redis.exists(PUBLISHED_KEY):
            with self._database.begin() as session:
                log.warning("the queue is new or was emptied", queued=JobRepository(session).unpublish())
            self._redis.set(PUBLISHED_KEY, 1)
        return self._publish_extractions() + sum(map(self._publish_model_job, ModelJobKind))

    def _publish_model_job(self, kind: ModelJobKind) -> int:
        task, queue = MODEL_ROUTES[kind]
        with self._database.begin() as session:
            jobs = ModelJobRepository(session)
            job = jobs.to_publish(kind, not self._waiting(queue), self._settings.republish_s)
            if job is None:
                return 0
            message = ModelTask(job_id=job.id, attempt=job.attempt)
            self._celery.send_task(task, args=[message.dump()], queue=queue)
            jobs.mark_published(job)
        return 1

    def _publish_extractions(self) -> int:
        idle = [modality for modality, (_, queue) in EXTRACT_ROUTES.items() if not self._waiting(queue)]
        # Where answers wait to be read, a claim may be among them.
        patience_s = self._settings.republish_s * (UNREAD_PATIENCE if self._waiting(Queue.MATCHER) else 1)
        published = 0
        while True:
            with self._database.begin() as session:
                jobs = JobRepository(session)
                batch = jobs.to_publish(idle, patience_s, BATCH)
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
