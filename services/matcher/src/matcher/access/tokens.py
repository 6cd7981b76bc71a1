"""The secrets themselves: 256 random bits as text, kept as their SHA-256.

A slow hash protects what people choose. These are drawn at random and can't be guessed, so a fast one is as safe and
can be computed at each request.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass

KEY_START = "nd_"
SHOWN_CHARS = 8
_KEY = re.compile(r"nd_[\w-]{43}", re.ASCII)
_SESSION = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class Token:
    """`text` is shown once and never kept."""

    text: str

    @property
    def sha256(self) -> bytes:
        return digest(self.text)

    @property
    def prefix(self) -> str:
        """Enough to tell keys apart, too little to find the rest."""
        return self.text[: len(KEY_START) + SHOWN_CHARS]


def new_key() -> Token:
    return Token(KEY_START + secrets.token_urlsafe(32))


def new_session() -> Token:
    return Token(secrets.token_urlsafe(32))


def looks_like_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def looks_like_session(text: str) -> bool:
    return _SESSION.fullmatch(text) is not None


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
