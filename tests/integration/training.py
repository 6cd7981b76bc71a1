"""The trainer's part for the tests of training: a fit that is quick and leaves what a real one does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from matcher.tables import ModelJob
from matcher.training.attempt import Epoch, Fit, Trainer, Work
from needledrop.bundle import FileRef
from needledrop.messages import ModelTask
from needledrop.metric import WEIGHTS, MetricCard, MetricSide
from tests.integration.conftest import LOPSIDED, Api

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


def trainer(api: Api, fit: Fit, folder: Path, **settings: object) -> Trainer:
    return Trainer(api.database, api.store, fit, folder, api.settings.model_copy(update=settings), alive=lambda: None)


def task_of(api: Api, model: str) -> ModelTask:
    with api.database.begin() as session:
        job = session.scalars(select(ModelJob).where(ModelJob.model_id == model, ModelJob.kind == "train")).one()
        return ModelTask(job_id=job.id, attempt=job.attempt)


def add_pairs(api: Api, count: int = 10) -> list[str]:
    return [api.add_pair(f"film {n}", [[n, 1, 2], [n, 3, 4]], [[n, 5, 6]]) for n in range(count)]


def ask(api: Api, **wanted: object) -> str:
    answer = api.client.post("/models", json={"recipe": "needledrop", **wanted})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
