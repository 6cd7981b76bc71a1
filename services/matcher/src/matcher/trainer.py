"""The trainer: one training at a time, from the queue `training`."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy.exc import OperationalError

from matcher.db import Database
from matcher.settings import MatcherSettings
from matcher.training.attempt import Trainer
from matcher.training.fitting import fit
from needledrop.log import configure_logging, get_logger, job_context
from needledrop.messages import ModelTask, Queue, Task
from needledrop_storage.store import MediaStore
from needledrop_worker.celery import consume, make_celery
from needledrop_worker.health import canary_queue, install_canary, touch
from needledrop_worker.memory import keep_memory
from needledrop_worker.watchdog import end_process, guard

SERVICE = "trainer"
log = get_logger(__name__)


def make_trainer() -> Celery:
    """The trainer's Celery app. Database pool and models are made in the pool process that uses them."""
    settings = MatcherSettings()
    app = make_celery(SERVICE, settings.model_copy(update={"task_hard_limit_s": settings.training_hard_limit_s}))
    consume(app, Queue.TRAINING, canary_queue(SERVICE))
    configure_logging(settings, SERVICE)
    install_canary(app, SERVICE)

    def make() -> Trainer:
        return Trainer(
            Database(settings.database_url.get_secret_value()),
            MediaStore(settings.media_url, settings.scratch),
            fit,
            settings.training_dir or (settings.scratch or Path(tempfile.gettempdir())) / "needledrop-training",
            settings,
            alive=lambda: touch(SERVICE),
        )

    @cache
    def trainer() -> Trainer:
        keep_memory()
        return make()

    def on_train(body: dict[str, object]) -> None:
        message = ModelTask.read(body)
        with job_context(job_id=message.job_id, attempt=message.attempt):
            try:
                trainer().run(message)
            except MemoryError:
                end_process()

    def give_back(task: str, args: list[Any]) -> None:
        """Runs in the process that has ended the one which trained."""
        if task == Task.MODEL_TRAIN:
            try:
                make().give_back(ModelTask.read(args[0]))
            except OperationalError as error:
                log.warning("left to its lease", error=str(error).splitlines()[0])

    app.task(name=Task.MODEL_TRAIN)(on_train)
    guard(app, SERVICE, settings, give_back)
    return app
