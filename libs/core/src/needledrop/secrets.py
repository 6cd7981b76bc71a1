"""Secrets as files, one a secret, where a variable of the environment would be seen by too many."""

import os
from pathlib import Path

FOLDER = "/run/secrets"


def read_secret(name: str) -> str | None:
    """The content of a file of the folder `NEEDLEDROP_SECRETS_DIR`, None where it is absent or empty."""
    path = Path(os.environ.get("NEEDLEDROP_SECRETS_DIR", FOLDER)) / name
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def bucket_credentials() -> dict[str, str]:
    """What files say of a bucket's key, as obstore names it; what is not there it reads from `AWS_*`."""
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {name: value for name in names if (value := read_secret(name))}
