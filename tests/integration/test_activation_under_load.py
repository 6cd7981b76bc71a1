"""Rankings while the model is switched: each is wholly one model's, in the order of a plain loop over its vectors."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from matcher.embedding import reembedding
from tests.api import LOPSIDED, Api, weighted
from tests.integration.activating import active, add_model, do_activation

TRACKS = 24
ASKERS = 3
QUERY = np.array([[3, 1, 2]], np.uint8)
Matrices = dict[str, npt.NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 3)


def looped_order(kind: str, matrices: Matrices) -> list[str]:
    """Track ids by the distance of their nearest row, each distance on its own; ties by id."""
    [query] = weighted(kind, QUERY)
    nearest = [
        (min(float(np.sqrt(((row - query) ** 2).sum())) for row in weighted(kind, matrix)), track)
        for track, matrix in matrices.items()
    ]
    return [track for _, track in sorted(nearest)]


def matrices(count: int, seed: int) -> Iterator[npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield rng.integers(0, 6, (1 + number % 4, 3)).astype(np.uint8)


def test_no_answer_is_mixed_while_models_are_switched_and_tracks_are_added(api: Api) -> None:
    library = {api.add_track(f"t{n}", m.tolist()): m for n, m in enumerate(matrices(TRACKS, 1))}
    later = list(matrices(6, 2))
    clip = api.add_clip("clip", QUERY.tolist())
    model = add_model(api)
    kinds = {"test-model": "va_metric2", model: LOPSIDED}
    assert looped_order(LOPSIDED, library) != looped_order("va_metric2", library)

    answers: list[tuple[str, int, list[str]]] = []
    errors: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            response = api.client.get(f"/match/{clip}", params={"limit": 500})
            if response.status_code != 200:
                errors.append(response.text)
                return
            body = response.json()
            ids = [result["audio"]["id"] for result in body["results"]]
            answers.append((body["model"]["id"], body["total"], ids))

    def add_one() -> None:
        if later:
            matrix = later.pop()
            library[api.add_track(f"late {len(later)}", matrix.tolist())] = matrix

    def wait_for_an_answer_of(wanted: str) -> None:
        deadline = time.monotonic() + 60
        while all(answered != wanted for answered, _, _ in list(answers)):
            assert errors == []
            assert time.monotonic() < deadline, f"{wanted} answers nobody"
            time.sleep(0.02)

    askers = [threading.Thread(target=ask, daemon=True) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    wait_for_an_answer_of("test-model")
    api.client.post(f"/models/{model}/activate")
    do_activation(api, add_one)
    assert active(api) == model
    wait_for_an_answer_of(model)
    api.client.post("/models/test-model/activate")
    do_activation(api)
    assert active(api) == "test-model"
    stop.set()
    for asker in askers:
        asker.join()

    assert errors == []
    assert {answered for answered, _, _ in answers} == set(kinds), "both models answered"
    for answered, total, ids in answers:
        assert len(set(ids)) == len(ids) == total >= TRACKS
        assert ids == looped_order(kinds[answered], {track: library[track] for track in ids})


def test_a_cursor_goes_on_in_its_models_ranking_after_a_switch_until_that_is_gone(api: Api) -> None:
    library = {api.add_track(f"t{n}", m.tolist()): m for n, m in enumerate(matrices(9, 3))}
    clip = api.add_clip("clip", QUERY.tolist())
    first = api.client.get(f"/match/{clip}", params={"limit": 4}).json()
    model = add_model(api)
    api.client.post(f"/models/{model}/activate")
    do_activation(api)
    rest = api.client.get(f"/match/{clip}", params={"limit": 50, "cursor": first["next_cursor"]}).json()
    assert (active(api), rest["model"]["id"]) == (model, "test-model")
    paged = [result["audio"]["id"] for result in first["results"] + rest["results"]]
    assert paged == looped_order("va_metric2", library)

    own = api.client.get(f"/match/{clip}", params={"limit": 4}).json()
    assert own["model"]["id"] == model
    api.client.post("/models/test-model/activate")
    assert api.client.delete(f"/models/{model}").status_code == 204
    answer = api.client.get(f"/match/{clip}", params={"cursor": own["next_cursor"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "cursor_expired")
