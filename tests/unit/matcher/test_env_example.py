"""`.env.example` shows each setting as it is where nothing is said."""

from pathlib import Path

import pytest

from matcher.settings import MatcherSettings

LINES = (Path(__file__).parents[3] / ".env.example").read_text(encoding="utf-8").splitlines()
SHOWN = dict(line.removeprefix("#NEEDLEDROP_").split("=", 1) for line in LINES if line.startswith("#NEEDLEDROP_"))
# What one might write there, not what is there.
EXAMPLES = {"BUNDLE", "MEDIA_URL"}
DEFAULTS = [
    (name.lower(), value)
    for name, value in SHOWN.items()
    if value and name not in EXAMPLES and name.lower() in MatcherSettings.model_fields
]


@pytest.mark.parametrize(("name", "value"), DEFAULTS)
def test_a_value_that_is_shown_is_the_default(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"NEEDLEDROP_{name.upper()}", value)
    assert getattr(MatcherSettings(), name) == MatcherSettings.model_fields[name].default


def test_settings_are_shown() -> None:
    assert {"index_from_windows", "lease_s", "max_upload_bytes"} <= dict(DEFAULTS).keys()
