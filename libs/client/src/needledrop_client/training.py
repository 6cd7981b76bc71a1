"""Calls for training data and models: give pairs and choices, train, watch, report, switch."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from needledrop_client.connection import Connection, read
from needledrop_client.errors import ApiError, ClientError, UnexpectedAnswerError, UnreachableError
from needledrop_client.training_models import (
    Choice,
    ChoiceList,
    ModelDetail,
    ModelList,
    ModelProgress,
    Pair,
    PairPage,
)

Source = Literal["pairs", "choices"]
LAST = ("done", "failed")
AWAY = (502, 503, 504)
"""Answers of a server that starts or stops, or of the proxy before it."""
GONE = 404
AWAY_S = 60.0
AGAIN_S = 1.0
_REPORT = TypeAdapter(dict[str, Any])


class TrainingCalls(Connection):
    """What concerns training data and models."""

    def add_pair(self, path: Path, title: str | None = None) -> Pair:
        """Upload a video with its own sound, as training data. The same bytes again give the same pair."""
        return read(Pair, self._upload("/pairs", path, {"title": title} if title is not None else {}))

    def pairs(self) -> Iterator[Pair]:
        """Every pair, page by page."""
        cursor: str | None = None
        while True:
            page = read(PairPage, self._get("/pairs", cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def pair(self, pair_id: str) -> Pair:
        return read(Pair, self._request("GET", f"/pairs/{pair_id}"))

    def delete_pair(self, pair_id: str) -> None:
        self._request("DELETE", f"/pairs/{pair_id}")

    def choose(self, clip_id: str, audio_id: str, start_s: float = 0.0) -> Choice:
        """Say which track was taken for the clip, and from where on."""
        chosen = {"audio_id": audio_id, "start_s": start_s}
        return read(Choice, self._request("POST", f"/match/{clip_id}/choices", json=chosen))

    def choices(self, clip_id: str) -> list[Choice]:
        """The tracks that were taken for the clip, newest first."""
        return read(ChoiceList, self._request("GET", f"/match/{clip_id}/choices")).items

    def train(
        self,
        recipe: str | None = None,
        *,
        name: str | None = None,
        seed: int = 0,
        use: Sequence[Source] = ("pairs",),
    ) -> ModelDetail:
        """Train a model; it comes back as `training`. `ApiError(too_few_pairs)` where there is too little to learn.

        `recipe` is one of those that the server's `/openapi.json` lists for `ModelIn`, by default the server's own.
        """
        wanted: dict[str, object] = {"seed": seed, "use": list(use)}
        if recipe is not None:
            wanted["recipe"] = recipe
        if name is not None:
            wanted["name"] = name
        return read(ModelDetail, self._request("POST", "/models", json=wanted))

    def models(self) -> list[ModelDetail]:
        """Every model, newest first."""
        return read(ModelList, self._request("GET", "/models")).items

    def model(self, model_id: str) -> ModelDetail:
        return read(ModelDetail, self._request("GET", f"/models/{model_id}"))

    def delete_model(self, model_id: str) -> None:
        """Delete a model that is not in use; a training that runs ends."""
        self._request("DELETE", f"/models/{model_id}")

    def watch(self, model_id: str) -> Iterator[ModelProgress]:
        """The model's progress at each change, until its training or activation is over or it is gone.

        Where the server breaks off or ends its answer before that, as it does when it stops, it is asked again, for as
        long as it is away for no more than a minute at a time; `UnreachableError` or `ApiError` after that, and at once
        where it never answered.
        """
        told: ModelProgress | None = None
        away_since: float | None = None
        while True:
            error: ClientError = UnreachableError("the events of the model ended before the last one")
            try:
                for event, data in self._events(model_id):
                    if event == "gone":
                        return
                    progress = _progress(data)
                    if progress != told or event in LAST:
                        yield progress
                    if event in LAST:
                        return
                    told, away_since = progress, None
            except (UnreachableError, ApiError) as caught:
                if told is not None and isinstance(caught, ApiError) and caught.status == GONE:
                    return
                if told is None or (isinstance(caught, ApiError) and caught.status not in AWAY):
                    raise
                error = caught
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since > AWAY_S:
                raise error
            time.sleep(AGAIN_S)

    def _events(self, model_id: str) -> Iterator[tuple[str, str]]:
        """Names and data of one answer's events."""
        with self._stream(f"/models/{model_id}/events") as response:
            event = ""
            for line in response.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    event = value
                elif field == "data":
                    yield event, value

    def report(self, model_id: str) -> dict[str, Any]:
        """The figures on pairs that were held out."""
        response = self._request("GET", f"/models/{model_id}/report")
        return _REPORT.validate_json(response.content)

    def report_table(self, model_id: str) -> str:
        """The figures as a table in markdown."""
        return self._request("GET", f"/models/{model_id}/report.md").text

    def report_picture(self, model_id: str, picture: Literal["recall", "similarity"]) -> bytes:
        """A PNG."""
        return self._request("GET", f"/models/{model_id}/report/{picture}.png").content

    def activate(self, model_id: str, *, reextract: bool = False) -> ModelDetail:
        """Put the model into use: at once, or as `embedding` where it first embeds the library in the background.

        `ApiError(space_mismatch)` where features are of other spaces; `reextract` has them extracted again first.
        """
        body: dict[str, object] = {"reextract": reextract}
        return read(ModelDetail, self._request("POST", f"/models/{model_id}/activate", json=body))

    def cancel_activation(self, model_id: str) -> None:
        """Call off an activation that is under way."""
        self._request("DELETE", f"/models/{model_id}/activation")


def _progress(data: str) -> ModelProgress:
    try:
        return ModelProgress.model_validate_json(data)
    except ValidationError as error:
        raise UnexpectedAnswerError(f"an event is no ModelProgress: {error}") from error
