"""Which bundle an installation uses: two lines of the `.env` that Compose reads, and `make up`, too.

Compose mounts the folder `NEEDLEDROP_MODELS` as `/models`, and the processes open `NEEDLEDROP_BUNDLE` there.
"""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from needledrop.bundle import Bundle, no_pca
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality
from needledrop_models.archive import open_bundle

MODELS, BUNDLE = "NEEDLEDROP_MODELS", "NEEDLEDROP_BUNDLE"
MOUNTED = PurePosixPath("/models")
PLAIN = re.compile(r"[\w./+:@-]+")


def choose(path: Path, env_file: Path) -> Bundle:
    """Verify a bundle, a folder or an archive that is unpacked beside itself, and make it the installation's.

    Only the two lines of `env_file` are changed, or added. `BundleError` where the bundle is not whole.
    """
    bundle = open_bundle(path.resolve(), strict=True)
    bundle.verify()
    for modality in Modality:
        if bundle.side(modality).pca is None:
            raise no_pca(modality)
    _ = bundle.metric
    _set(env_file, {MODELS: str(bundle.root.parent), BUNDLE: str(MOUNTED / bundle.root.name)})
    return bundle


def chosen(env_file: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The chosen bundle's folder on this machine, None where none is chosen; `BundleError` where it isn't there.

    The environment's `NEEDLEDROP_BUNDLE` comes before the file.
    """
    lines = _read(env_file)
    path = _on_host(environ.get(BUNDLE) or lines.get(BUNDLE), environ.get(MODELS) or lines.get(MODELS), env_file.parent)
    return open_bundle(path).root if path else None


def _on_host(bundle: str | None, models: str | None, base: Path) -> Path | None:
    """Where the containers' `/models/NAME` lies outside of them; a named volume lies nowhere."""
    if not bundle:
        return None
    inside = PurePosixPath(bundle)
    if not inside.is_relative_to(MOUNTED) or Path(bundle).exists():
        return base / bundle
    if not models or "/" not in models:
        return None
    return base / models / inside.relative_to(MOUNTED)


def _read(env_file: Path) -> dict[str, str]:
    try:
        lines = env_file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {key.strip(): value.strip().strip("'\"") for key, value in pairs}


def _set(env_file: Path, values: dict[str, str]) -> None:
    """Write the values, each where its line was, or at the end."""
    left = {key: f"{key}={_quoted(value)}" for key, value in values.items()}
    lines = env_file.read_text(encoding="utf-8").splitlines() if env_file.exists() else []
    kept = [left.pop(key, line) if (key := line.split("=", 1)[0].strip()) in values else line for line in lines]
    staged = env_file.with_name(f".{env_file.name}.part")
    # The file may hold keys of a bucket: its copy is not to be readable by more people than it is.
    staged.touch(mode=0o600)
    staged.write_text("\n".join([*kept, *left.values()]) + "\n", encoding="utf-8")
    if env_file.exists():
        shutil.copymode(env_file, staged)
    staged.replace(env_file)


def _quoted(value: str) -> str:
    if "'" in value or "\n" in value:
        raise BundleError(ErrorCode.BUNDLE_INVALID, "the path of a bundle in use can't hold quotes or line ends")
    return value if PLAIN.fullmatch(value) else f"'{value}'"
