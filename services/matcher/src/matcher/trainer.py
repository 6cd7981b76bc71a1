"""The trainer: one training at a time, from the queue `training`."""

import tempfile
from functools import cache
from pathlib import Path

from celery import Celery

from matcher.db import Database
from matcher.models.fitting import fit
from matcher.models.training import Trainer
from matcher.settings import MatcherSettings
from needledrop.celery import consume, make_celery
from needledrop.health import canary_queue, install_canary, touch
from needledrop.log import configure_logging, job_context
from needledrop.memory import keep_memory
from needledrop.messages import ModelTask, Queue, Task
from needledrop.storage import MediaStore
from needledrop.watchdog import end_process, guard

SERVICE = "trainer"


def make_trainer() -> Celery:
    """The trainer's Celery app. Database pool and models are made in the pool process that uses them."""
    settings = MatcherSettings()
    app = make_celery(SERVICE, settings.model_copy(update={"task_hard_limit_s": settings.training_hard_limit_s}))
    consume(app, Queue.TRAINING, canary_queue(SERVICE))
    configure_logging(settings, SERVICE)
    install_canary(app, SERVICE)

    @cache
    def trainer() -> Trainer:
        keep_memory()
        return Trainer(
            Database(settings.database_url.get_secret_value()),
            MediaStore(settings.media_url, settings.scratch),
            fit,
            settings.training_dir or (settings.scratch or Path(tempfile.gettempdir())) / "needledrop-training",
            settings,
            alive=lambda: touch(SERVICE),
        )

    def on_train(body: dict[str, object]) -> None:
        message = ModelTask.read(body)
        with job_context(job_id=message.job_id, attempt=message.attempt):
            try:
                trainer().run(message)
            except MemoryError:
                end_process()

    app.task(name=Task.MODEL_TRAIN)(on_train)
    guard(app, SERVICE, settings)
    return app
