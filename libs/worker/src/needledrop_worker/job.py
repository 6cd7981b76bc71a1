"""One attempt of a job, from its request to its answer, whatever its kind."""

from collections.abc import Callable
from typing import Protocol

from needledrop.errors import ErrorCode, MediaError, NeedledropError
from needledrop.log import get_logger
from needledrop.messages import JobDone, JobFailed, JobMessage, JobProgress, JobRequest, Payload, Stage
from needledrop_worker.heartbeat import HEARTBEAT_S, Heartbeat

log = get_logger(__name__)
Send = Callable[[JobMessage], None]


class Advance(Protocol):
    """Says how far a job is: `value` from 0 to 1, None where that is not known. Renews its lease."""

    def __call__(self, value: float | None, stage: Stage = Stage.WORKING) -> None: ...


Handler = Callable[[Payload, Advance], Payload]
"""Does the work of a kind: (payload, advance) → result. What it raises ends the attempt."""


def run_job(request: JobRequest, handler: Handler, send: Send, worker: str, heartbeat_s: float = HEARTBEAT_S) -> None:
    """Do one attempt: claim the job, work, report. A `NeedledropError` is reported, never raised.

    A sign of life goes out every `heartbeat_s` seconds at least, whatever the job is at.
    """

    def say(stage: Stage, value: float | None) -> None:
        send(JobProgress(job_id=request.job_id, attempt=request.attempt, stage=stage, progress=value, worker=worker))

    try:
        with Heartbeat(say, heartbeat_s) as heartbeat:
            result = handler(request.payload, heartbeat.advance)
    except NeedledropError as error:
        log.warning("job failed", kind=request.kind, code=error.code, detail=error.detail)
        send(failure(request, error.code, error.detail, is_retryable(error, request.attempt)))
        return
    send(JobDone(job_id=request.job_id, attempt=request.attempt, kind=request.kind, result=result))
    log.info("job done", kind=request.kind)


def failure(request: JobRequest, code: ErrorCode, detail: str, retryable: bool = True) -> JobFailed:
    """What to say of an attempt that failed."""
    return JobFailed(job_id=request.job_id, attempt=request.attempt, code=code, detail=detail, retryable=retryable)


def is_retryable(error: NeedledropError, attempt: int) -> bool:
    """Whether another attempt may end better.

    A file that can't be decoded stays so; a store may be mended, a decoder may have been starved. The last is tried
    once more and no oftener: a file that hangs its decoder would hold a worker for hours.
    """
    if isinstance(error, MediaError):
        return attempt < 2 and error.code in {ErrorCode.DECODER_CRASHED, ErrorCode.DECODER_TIMEOUT}
    return True
