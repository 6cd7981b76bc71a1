import re
from pathlib import Path

import matcher
from matcher import locks

SOURCE = Path(matcher.__file__).parent


def test_no_two_locks_share_a_key() -> None:
    keys = [int(key) for key in locks.LockKey.__members__.values()]
    assert len(set(keys)) == len(keys)


def test_keys_are_numbers_nowhere_else() -> None:
    numbered = {path for path in SOURCE.rglob("*.py") if re.search(r"\b7319\d{3}\b|lock\w*\(\d", path.read_text())}
    assert numbered == {Path(locks.__file__)}
