"""The `matcher` command: one word a process."""

import signal
from threading import Event
from types import FrameType

import typer
import uvicorn

from matcher.access.binding import require_key
from matcher.access.commands import app as key_commands
from matcher.app import create_app
from matcher.db import Database
from matcher.dispatcher import SERVICE as DISPATCHER
from matcher.dispatcher import Dispatcher
from matcher.embedding.index_keeper import IndexKeeper
from matcher.kinds import KINDS
from matcher.migrating import upgrade
from matcher.models.service import install_bundle
from matcher.operations import commands
from matcher.server import BoundedProtocol
from matcher.settings import MatcherSettings
from matcher.trainer import SERVICE as TRAINER
from matcher.trainer import Trainer
from needledrop.commands import CommandGroup
from needledrop.log import configure_logging, get_logger
from needledrop_models.archive import open_bundle
from needledrop_worker.celery import run_worker
from needledrop_worker.health import beating

app = typer.Typer(
    cls=CommandGroup, help="Needledrop's matcher: API, dispatcher, worker, migrations.", no_args_is_help=True
)
app.add_typer(key_commands, name="keys")
log = get_logger(__name__)
BEATS_WITHIN_S = 30.0


@app.command()
def api() -> None:
    """Serve the REST API and the page."""
    settings = MatcherSettings()
    configure_logging(settings, "matcher")
    log.info("starting", settings=settings.describe())
    require_key(settings)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=15,
        timeout_keep_alive=15,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


@app.command()
def dispatcher() -> None:
    """Publish jobs and requeue those whose lease ran out."""
    settings = MatcherSettings()
    configure_logging(settings, DISPATCHER)
    log.info("starting", settings=settings.describe())
    stop = _stop_event()
    IndexKeeper(
        settings.database_url.get_secret_value(),
        settings.index_from_windows,
        settings.index_memory_mb,
        settings.index_workers,
    ).start(stop)
    Dispatcher(settings, Database(settings.database_url.get_secret_value()), KINDS).run(stop)


@app.command("dispatcher-health")
def dispatcher_health() -> None:
    """Exit status 0 where the dispatcher on this host did a whole round within the last half minute."""
    raise typer.Exit(0 if beating(DISPATCHER, BEATS_WITHIN_S) else 1)


@app.command()
def worker() -> None:
    """Read the extractors' answers, embed features, write the database."""
    from matcher.worker import make_worker  # noqa: PLC0415  reads the settings

    run_worker(make_worker(KINDS))


@app.command()
def trainer() -> None:
    """Train metrics and put them into use, one of each at a time."""
    settings = MatcherSettings()
    configure_logging(settings, TRAINER)
    log.info("starting", settings=settings.describe())
    Trainer(settings, KINDS).run(_stop_event())


@app.command("trainer-health")
def trainer_health() -> None:
    """Exit status 0 where the trainer on this host looked for work within the last half minute."""
    raise typer.Exit(0 if beating(TRAINER, BEATS_WITHIN_S) else 1)


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema and put the bundle's metric into use, each of its files checked."""
    settings = MatcherSettings()
    configure_logging(settings, "migrate")
    url = settings.database_url.get_secret_value()
    upgrade(url)
    bundle = open_bundle(settings.bundle)
    bundle.verify()
    model_id, queued = install_bundle(Database(url), bundle)
    log.info("model in use", model=model_id, queued=queued)


def _stop_event() -> Event:
    """Set once this process is told to stop."""
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


app.command("backup")(commands.backup)
app.command("restore")(commands.restore)
app.command("verify")(commands.verify)
app.command("collect-orphans")(commands.collect_orphans)
