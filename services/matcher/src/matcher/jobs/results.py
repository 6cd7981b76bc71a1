"""What the messages of queued kinds' workers do to a job. Each may arrive late, twice, or of a stale attempt."""

from matcher.jobs.kind import End, JobKinds, QueuedKind
from matcher.jobs.outcomes import JobOutcomes
from matcher.jobs.repository import JobRepository, end_job
from matcher.resources import Resources
from matcher.tables import Job, JobState
from needledrop.errors import ErrorCode
from needledrop.log import get_logger
from needledrop.messages import JobDone, JobFailed, JobProgress, JobRepeated, Stage
from needledrop_worker.heartbeat import HEARTBEAT_S

SILENT_HEARTBEATS = 3
log = get_logger(__name__)


class JobResults:
    """Kinds' ends are made when the first job of the kind is done, and kept: they may hold a model."""

    def __init__(self, resources: Resources, kinds: JobKinds) -> None:
        self._database = resources.database
        self._settings = resources.settings
        self._resources = resources
        self._kinds = kinds
        self._ends: dict[str, End] = {}

    def progress(self, message: JobProgress) -> None:
        with self._database.begin() as session:
            current = JobRepository(session).progress(
                message.job_id,
                message.attempt,
                message.stage,
                message.progress,
                message.worker,
                self._settings.lease_s,
            )
        if not current:
            log.info("stale progress ignored")

    def done(self, message: JobDone, again: bool = False) -> None:
        """Do what the kind's end is, and end the job.

        `again`: the result was delivered before. Where a worker had begun with the end, that worker was lost over it,
        and the attempt counts as failed.
        """
        if again and self._was_lost_over_the_end(message):
            return
        if not self._begin_end(message):
            log.info("stale result ignored")
            return
        self._end(message.kind)(message)

    def failed(self, message: JobFailed) -> None:
        """End the job, or queue another attempt where that may help."""
        with self._database.begin() as session:
            job = JobRepository(session).lock(message.job_id, message.attempt)
            if job is None:
                log.info("stale failure ignored")
                return
            outcomes = JobOutcomes(session, self._kinds, self._settings)
            if message.code is ErrorCode.WORKER_STOPPED:
                outcomes.give_back(job)
            elif message.retryable:
                outcomes.try_again(job, message.code, message.detail)
            else:
                outcomes.fail(job, message.code, message.detail)
        log.warning("attempt failed", code=message.code, detail=message.detail, retryable=message.retryable)

    def repeated(self, message: JobRepeated) -> None:
        """An attempt's message came again. Its first reader is given a few heartbeats to show that it lives.

        Where the attempt was never claimed, it is lost.
        """
        with self._database.begin() as session:
            jobs = JobRepository(session)
            if jobs.shorten_lease(message.job_id, message.attempt, SILENT_HEARTBEATS * HEARTBEAT_S):
                return
            job = jobs.lock(message.job_id, message.attempt)
            if job is None:
                log.info("stale message ignored")
                return
            self._lost(
                JobOutcomes(session, self._kinds, self._settings), job, "a worker took it and was gone before it began"
            )

    def _end(self, kind: str) -> End:
        if kind not in self._ends:
            declared = self._kinds.get(kind)
            make = declared.end if isinstance(declared, QueuedKind) else None
            self._ends[kind] = make(self._resources) if make else self._keep_result
        return self._ends[kind]

    def _keep_result(self, message: JobDone) -> None:
        """The end of kinds that have none of their own."""
        with self._database.begin() as session:
            job = JobRepository(session).lock(message.job_id, message.attempt)
            if job is not None:
                job.figures = message.result or None
                end_job(job, JobState.DONE)

    def _was_lost_over_the_end(self, message: JobDone) -> bool:
        with self._database.begin() as session:
            job = JobRepository(session).lock(message.job_id, message.attempt)
            if job is None or job.stage != self._end_stage(message.kind):
                return False
            outcomes = JobOutcomes(session, self._kinds, self._settings)
            self._lost(outcomes, job, f"the worker was lost at the stage “{job.stage}”")
            return True

    def _lost(self, outcomes: JobOutcomes, job: Job, detail: str) -> None:
        outcomes.try_again(job, ErrorCode.WORKER_LOST, detail)

    def _begin_end(self, message: JobDone) -> bool:
        with self._database.begin() as session:
            return JobRepository(session).progress(
                message.job_id, message.attempt, self._end_stage(message.kind), None, "", self._settings.lease_s
            )

    def _end_stage(self, kind: str) -> Stage:
        declared = self._kinds.get(kind)
        return declared.end_stage if isinstance(declared, QueuedKind) else Stage.FINISHING
