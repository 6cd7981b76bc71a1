"""Which bundle `make up` runs with."""

from pathlib import Path
from typing import Any

import pytest

from needledrop_local import up


@pytest.mark.parametrize("choice", [None, Path("/somewhere/official-yt8m")])
def test_the_chosen_bundle_is_the_one_that_runs(choice: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Path | None] = []

    def interrupted(*_: Any, bundle: Path | None, **__: Any) -> None:
        given.append(bundle)
        raise KeyboardInterrupt

    monkeypatch.setattr(up, "chosen", lambda _: choice)
    monkeypatch.setattr(up, "Stack", interrupted)
    up.run_up(Path("home"), 8000)
    assert given == [choice]
