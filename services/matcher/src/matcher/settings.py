"""The matcher's settings: what all processes share, plus database, address, uploads and leases."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from needledrop.settings import CoreSettings


def _split(value: Any) -> Any:
    return tuple(part.strip().lower() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class MatcherSettings(CoreSettings):
    database_url: SecretStr = Field(
        default=SecretStr("postgresql+psycopg://needledrop@127.0.0.1:5432/needledrop"),
        description="PostgreSQL with pgvector, as an SQLAlchemy address for psycopg.",
    )
    host: str = Field(default="127.0.0.1", description="Address the API binds.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the API binds.")
    published_on: str | None = Field(
        default=None,
        description="In a container: the address of the host that the port is published on. Where that is a loopback "
        "address, the host itself counts as this machine.",
    )
    allowed_hosts: CommaList = Field(
        default=(), description="Names, parted by commas, that this server may be called by beside localhost."
    )
    trusted_proxies: CommaList = Field(
        default=(),
        description="Addresses or networks, parted by commas, whose X-Forwarded-… headers are believed.",
    )
    key_rate_per_s: float = Field(
        default=50, ge=0, description="Requests a second a key may make, ten seconds' worth at once; 0: any number."
    )
    key_daily_bytes: int | None = Field(default=None, ge=0, description="Bytes of uploads a key may send a day.")
    max_upload_bytes: int = Field(default=4 << 30, ge=1, description="Larger uploads are refused with 413.")
    uploads_dir: Path | None = Field(
        default=None,
        description="Folder of uploads under way. If unset: in a media folder itself, so that keeping a file is a "
        "rename; beside a bucket, among temporary files.",
    )
    upload_idle_s: float = Field(
        default=30, gt=0, description="A client that sends nothing of a body for so long is answered with 408."
    )
    upload_least_rate: int = Field(
        default=1024, ge=1, description="Bytes a second that a client must send on average, after the first idle time."
    )
    uploads_keep_s: float = Field(
        default=86400, gt=0, description="A resumable upload that nothing was sent of for so long is forgotten."
    )
    idempotency_keep_s: float = Field(
        default=86400, gt=0, description="How long the answer to a request with an Idempotency-Key is repeated."
    )
    lease_s: float = Field(
        default=120, gt=0, description="A running job without a sign of life for this long is tried again."
    )
    max_attempts: int = Field(default=5, ge=1, description="A job is given up after this many attempts.")
    retry_backoff_s: float = Field(
        default=5, gt=0, description="Pause before a job is tried again; doubled with each try, ten minutes at most."
    )
    republish_s: float = Field(
        default=15, gt=0, description="A queued job is published again after this long, if its queue is empty."
    )
    training_dir: Path | None = Field(
        default=None, description="Where trainings are kept while they run; a folder beside temporary files if unset."
    )
    training_hard_limit_s: int = Field(
        default=7 * 86400, ge=10, description="A training or activation that runs longer is ended and tried again."
    )
    index_from_windows: int = Field(
        default=50_000,
        ge=1,
        description="A library of so many windows gets an approximate index, below it every ranking is exact.",
    )
    index_memory_mb: int = Field(default=1024, ge=16, description="Memory of the database's for making an index.")
    index_workers: int = Field(
        default=2, ge=0, description="Database processes that help in making an index; they need /dev/shm."
    )
    dispatch_poll_s: float = Field(default=2, gt=0, description="Longest pause between two rounds of the dispatcher.")
