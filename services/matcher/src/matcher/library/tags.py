"""What a tag looks like."""

import unicodedata
from collections.abc import Iterable

MAX_TAGS = 50
MAX_LENGTH = 100


def normal_tags(texts: Iterable[str]) -> list[str]:
    """Tags in the one form in which they are kept and looked for: composed, case folded, spaces made one; each once,
    sorted. Empty ones are left out."""
    folded = (" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts)
    return sorted({tag[:MAX_LENGTH] for tag in folded if tag})
