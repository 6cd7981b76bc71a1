"""The trainer's part for the tests of training: a fit that is quick and leaves what a real one does."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select, update

from matcher.jobs.attempt import Claim
from matcher.jobs.kind import ClaimedKind
from matcher.jobs.runner import JobRunner
from matcher.registry.model_jobs import ModelJob
from matcher.resources import Resources
from matcher.tables import Job
from matcher.training.run import Epoch, Fit, Training, Work
from needledrop.bundle import FileRef
from needledrop.metric import WEIGHTS, MetricCard, MetricSide
from tests.api import LOPSIDED, MADE_UP_KINDS, Api

EPOCHS = 3


@dataclass
class MadeUpFit:
    """Goes on from the epoch that the folder holds. `after_epoch` is called with each one's number."""

    after_epoch: Callable[[int], None] = lambda epoch: None
    began_at: list[int] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)

    def __call__(self, work: Work, progress: Callable[[Epoch], None]) -> MetricCard:
        state = work.folder / "epoch"
        done = int(state.read_text()) if state.exists() else 0
        self.began_at.append(done)
        self.works.append(work)
        for epoch in range(done + 1, EPOCHS + 1):
            state.write_text(str(epoch))
            progress(Epoch(epoch, EPOCHS, {"loss": 1 / epoch, "median_rank": float("nan")}))
            self.after_epoch(epoch)
        (work.folder / WEIGHTS).write_bytes(b"weights")
        for name, text in (("report.json", '{"pairs": 2}'), ("report.md", "| R@1 |\n"), ("recall.png", "PNG")):
            (work.folder / name).write_text(text)
        card = MetricCard(
            name=work.name,
            kind=LOPSIDED,
            weights=FileRef.of(work.folder, WEIGHTS),
            config={},
            audio=MetricSide(dim=3, hop_s=1.0, space=work.pairs.audio.space),
            video=MetricSide(dim=3, hop_s=1.0, space=work.pairs.video.space),
            training={"pairs": len(work.pairs), "loss": float("inf")},
        )
        card.save(work.folder)
        return card


@dataclass(frozen=True)
class MadeUpTrainer:
    """Does trainings as the trainer's processes do, with a fit that is quick."""

    api: Api
    runner: JobRunner
    kind: ClaimedKind

    def claim(self) -> Claim | None:
        return self.runner.claim(self.kind)

    def work(self) -> Claim:
        """Claim the training that is queued and do the attempt; a pause that it has to make is over."""
        with self.api.database.begin() as session:
            session.execute(update(Job).values(run_after=None))
        claim = self.claim()
        assert claim is not None, "no training may begin"
        self.runner.run(claim)
        return claim


def trainer(api: Api, fit: Fit, folder: Path, **settings: object) -> MadeUpTrainer:
    resources = Resources(api.settings.model_copy(update={"training_dir": folder, **settings}), api.database, api.store)
    training = Training(fit)
    declared = MADE_UP_KINDS[ModelJob.TRAIN]
    assert isinstance(declared, ClaimedKind)
    kind = replace(declared, run=training.run, clean_up=training.clean_up)
    return MadeUpTrainer(api, JobRunner(resources, MADE_UP_KINDS.with_kind(kind)), kind)


def training_job(api: Api, model: str) -> Job:
    with api.database.begin() as session:
        return session.scalars(select(Job).where(Job.model_id == model, Job.kind == ModelJob.TRAIN)).one()


def add_pairs(api: Api, count: int = 10) -> list[str]:
    return [api.add_pair(f"film {n}", [[n, 1, 2], [n, 3, 4]], [[n, 5, 6]]) for n in range(count)]


def ask(api: Api, **wanted: object) -> str:
    answer = api.client.post("/models", json={"recipe": "needledrop", **wanted})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
