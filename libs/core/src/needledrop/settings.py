"""Settings that every process reads once at start: from files of secrets, then from `NEEDLEDROP_*` variables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from needledrop.errors import ErrorCode, SettingsError
from needledrop.secrets import read_secret


class CoreSettings(BaseSettings):
    """What all processes share. Services add their own by subclassing."""

    model_config = SettingsConfigDict(env_prefix="NEEDLEDROP_", env_ignore_empty=True, extra="ignore", frozen=True)

    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"), description="The Redis-protocol server that carries the queues."
    )
    media_url: str = Field(
        default="file:///var/lib/needledrop/media",
        description="The media store: file:///folder or s3://bucket/prefix (credentials from AWS_*).",
    )
    bundle: Path = Field(default=Path("/models/demo"), description="The model bundle: a folder or a .tar.zst of one.")
    scratch: Path | None = Field(default=None, description="Folder for temporary files; the system's own if unset.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    device: str = Field(default="auto", description="Where models run: auto, cpu, cuda or cuda:N.")
    task_hard_limit_s: int = Field(
        default=3600, ge=10, description="A task that runs longer is killed and counted as lost."
    )
    stop_s: float = Field(
        default=20, gt=0, description="A worker that is told to stop has so long to finish; then it gives its job back."
    )
    threads: int | None = Field(default=None, ge=1, description="CPU threads a model may use; all cores if unset.")

    def __init__(self, **values: Any) -> None:
        """Read the settings; `SettingsError` names each variable that is wrong, and not what it holds."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(ErrorCode.SETTINGS_INVALID, "; ".join(_complaints(error))) from error

    def describe(self) -> dict[str, str]:
        """Every setting as text, secrets masked: printed once at start."""
        return {name: str(value) for name, value in self.model_dump(mode="python").items()}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _SecretFiles(settings_cls), env_settings


def _complaints(error: ValidationError) -> Iterator[str]:
    for complaint in error.errors(include_url=False, include_input=False):
        name = "_".join(map(str, complaint["loc"]))
        yield f"NEEDLEDROP_{name.upper()}: {complaint['msg']}"


class _SecretFiles(PydanticBaseSettingsSource):
    """A secret setting from the file `needledrop_NAME`, where there is one."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        is_secret = field.annotation is SecretStr
        return read_secret(f"needledrop_{field_name}") if is_secret else None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}
