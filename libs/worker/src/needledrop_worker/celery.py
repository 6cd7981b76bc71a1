"""The Celery application that every service makes the same way."""

from celery import Celery, current_task
from kombu import Queue as KombuQueue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from needledrop.messages import REPLIES, REPLY_QUEUE, JobMessage, JobProgress
from needledrop.settings import CoreSettings

KEY_PREFIX = "needledrop:"
"""Before every key in the broker, the queues' lists included."""

BROKER_ERRORS = (OperationalError, RedisError)
"""What sending raises where the broker is away, or full."""

SIGN_RETRIES = {"max_retries": 3, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 2}
ANSWER_RETRIES = {"max_retries": 20, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 3}


def make_celery(name: str, settings: CoreSettings) -> Celery:
    """A Celery app whose queue is only a wake-up call: JSON only, no results, acknowledged late, one message at a time.

    Every handler may run twice (`visibility_timeout`, lost acknowledgements), so handlers are idempotent and the
    database, not the queue, says what is done. See docs/adr/0001.
    """
    app = Celery(name, broker=settings.redis_url.get_secret_value(), set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        result_backend=None,
        task_acks_late=True,
        task_acks_on_failure_or_timeout=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_create_missing_queues=True,
        task_default_queue="unrouted",
        task_time_limit=settings.task_hard_limit_s,
        # No soft limit: its exception can fall into an import, and the process never works again.
        task_soft_time_limit=None,
        worker_lost_wait=2,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": settings.task_hard_limit_s + 600,
            "socket_timeout": 15,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 15,
            "global_keyprefix": KEY_PREFIX,
        },
        task_publish_retry=True,
        task_publish_retry_policy=SIGN_RETRIES,
        timezone="UTC",
    )
    return app


def run_worker(app: Celery, concurrency: int = 1) -> None:
    """Run the worker until it is told to stop. Each pool process holds one model, so concurrency is small."""
    app.worker_main(["worker", "--pool=prefork", f"--concurrency={concurrency}", "--loglevel=INFO", "--without-mingle"])


def consume(app: Celery, *queues: str) -> None:
    """Make workers of this app consume just these queues."""
    app.conf.task_queues = [KombuQueue(name, routing_key=name) for name in queues]


def reply(app: Celery, message: JobMessage) -> None:
    """Send a worker's answer to the matcher's queue. `BROKER_ERRORS` where the broker stays away for a while.

    An answer that ends the job is worth a long wait; a sign of life will be followed by another.
    """
    policy = SIGN_RETRIES if isinstance(message, JobProgress) else ANSWER_RETRIES
    app.send_task(REPLIES[type(message)], args=[message.dump()], queue=REPLY_QUEUE, retry=True, retry_policy=policy)


def redelivered() -> bool:
    """True where the message of the task that runs was delivered before: whoever had it did not acknowledge it."""
    return bool((current_task.request.delivery_info or {}).get("redelivered"))
