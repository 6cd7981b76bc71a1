"""What a kind of job is. Which kinds there are, `matcher.kinds` says, and nothing else lists them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from matcher.db import Session
from matcher.jobs.attempt import Attempt, Claim
from matcher.resources import Resources
from matcher.settings import MatcherSettings
from matcher.tables import Job
from needledrop.messages import JobDone, Payload, Stage

Hook = Callable[[Session, Job], None]
"""Called with a locked job, in the transaction that changes it."""
End = Callable[[JobDone], None]
"""Makes use of what a worker has done, and ends the job in the same transaction."""


def _nothing(_session: Session, _job: Job) -> None:
    pass


def _no_payloads(_session: Session, _jobs: Sequence[Job]) -> Mapping[UUID, Payload]:
    return {}


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """What all kinds have.

    `limit_s`: an attempt that takes longer is ended. `at_once`: how many may run at a time, None for any number.
    `on_failed`: what follows where the job has ended without being done. `on_retry`: what precedes another try that a
    person asks for; `ApiError` where there can't be one.
    """

    name: str
    limit_s: Callable[[MatcherSettings], int]
    at_once: int | None = None
    on_failed: Hook = _nothing
    on_retry: Hook = _nothing


@dataclass(frozen=True, kw_only=True)
class QueuedKind(JobKind):
    """Work of workers without the database: `queue` brings them the jobs.

    `payloads`: what these need, by the jobs' ids. `end`: what becomes of the result; where it is None, the result is
    kept as the job's figures. `end_stage`: what a person is told meanwhile.
    """

    queue: str
    payloads: Callable[[Session, Sequence[Job]], Mapping[UUID, Payload]] = _no_payloads
    end: Callable[[Resources], End] | None = None
    end_stage: Stage = Stage.FINISHING


@dataclass(frozen=True, kw_only=True)
class ClaimedKind(JobKind):
    """Work of the trainer, which takes the jobs from the database.

    `run` does an attempt; it may end the job itself, together with what it writes. `clean_up` removes what attempts
    have left on the machine, once nobody will go on from it.
    """

    run: Callable[[Resources, Attempt], None]
    clean_up: Callable[[Resources, Claim], None] = lambda _resources, _claim: None


class JobKinds(Mapping[str, JobKind]):
    """Kinds by their names, in the order in which they were given."""

    def __init__(self, *kinds: JobKind) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def __getitem__(self, name: str) -> JobKind:
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def with_kind(self, kind: JobKind) -> "JobKinds":
        """These kinds and one more, or another of the same name in its place."""
        return JobKinds(*{**self._kinds, kind.name: kind}.values())

    @property
    def queued(self) -> list[QueuedKind]:
        return [kind for kind in self.values() if isinstance(kind, QueuedKind)]

    @property
    def claimed(self) -> list[ClaimedKind]:
        return [kind for kind in self.values() if isinstance(kind, ClaimedKind)]

    @property
    def queues(self) -> list[str]:
        """The queues that bring jobs to workers, each once."""
        return list(dict.fromkeys(kind.queue for kind in self.queued))
