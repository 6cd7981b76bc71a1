from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.client.backend import Backend

from needledrop_client import ApiError, Client, training


@pytest.fixture
def client(backend: Backend) -> Iterator[Client]:
    with Client(backend.url, timeout_s=10) as client:
        yield client


def test_a_pair_is_uploaded_listed_and_deleted(client: Client, backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(b"film")
    assert client.add_pair(file, title="Dance").id == "id-1"
    assert backend.uploads == [("/pairs", "film.mp4", b"film", {"title": "Dance"})]
    assert len(list(client.pairs())) == backend.tracks
    client.delete_pair("id-1")
    assert backend.deleted == ["/pairs/id-1"]


def test_a_choice_names_the_track_and_its_start(client: Client, backend: Backend) -> None:
    assert client.choose("c", "a", start_s=2.5).rank == 3
    assert backend.wishes == [("POST", "/match/c/choices", {"audio_id": "a", "start_s": 2.5})]
    assert [choice.audio_id for choice in client.choices("c")] == ["a"]


def test_a_training_says_its_recipe_name_seed_and_sources(client: Client, backend: Backend) -> None:
    assert client.train("va_metric2", name="Mine", seed=3, use=["pairs", "choices"]).state == "training"
    wanted = {"recipe": "va_metric2", "name": "Mine", "seed": 3, "use": ["pairs", "choices"]}
    assert backend.wishes == [("POST", "/models", wanted)]


def test_a_training_without_a_recipe_leaves_it_to_the_server(client: Client, backend: Backend) -> None:
    client.train()
    assert backend.wishes == [("POST", "/models", {"seed": 0, "use": ["pairs"]})]


def test_too_few_pairs_are_an_error_with_its_code(client: Client, backend: Backend) -> None:
    backend.too_few = True
    with pytest.raises(ApiError) as caught:
        client.train()
    assert (caught.value.status, caught.value.code) == (409, "too_few_pairs")


def test_the_models_tell_which_is_active_and_what_it_covers(client: Client) -> None:
    assert [(model.id, model.active, model.coverage.embedded) for model in client.models()] == [
        ("m-2", False, 2),
        ("m-1", True, 2),
    ]


def test_progress_is_watched_to_its_end(client: Client) -> None:
    told = list(client.watch("m"))
    assert [(progress.state, progress.epoch) for progress in told] == [("training", 1), ("training", 2), ("ready", 2)]
    assert told[1].figures == {"loss": 0.5}


def test_a_server_that_stops_is_asked_again_and_nothing_is_told_twice(client: Client, backend: Backend) -> None:
    backend.stops = 2
    assert [(progress.state, progress.epoch) for progress in client.watch("m")] == [
        ("training", 1),
        ("training", 2),
        ("ready", 2),
    ]
    assert backend.asked == 3


def test_a_model_that_is_gone_is_not_asked_for_again(client: Client, backend: Backend) -> None:
    backend.gone = True
    assert [progress.epoch for progress in client.watch("m")] == [1]
    assert backend.asked == 1


def test_a_model_that_is_deleted_while_the_server_is_away_ends_the_watch(client: Client, backend: Backend) -> None:
    backend.stops = 1
    watched = client.watch("m")
    assert next(watched).epoch == 1
    client.delete_model("m")
    assert list(watched) == []


def test_a_server_that_stays_away_is_an_error_in_the_end(
    client: Client, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "AWAY_S", 0.1)
    backend.stops = 1
    watched = client.watch("m")
    assert next(watched).epoch == 1
    backend.starting = 1000
    with pytest.raises(ApiError, match="database_unavailable"):
        next(watched)
    assert backend.asked > 2


def test_a_server_that_never_answered_is_not_waited_for(client: Client, backend: Backend) -> None:
    backend.starting = 1
    with pytest.raises(ApiError):
        list(client.watch("m"))
    assert backend.asked == 1


def test_watching_an_unknown_model_is_an_error(client: Client) -> None:
    with pytest.raises(ApiError):
        list(client.watch("m/none"))


def test_a_report_is_read_as_figures_table_and_pictures(client: Client) -> None:
    assert client.report("m") == {"pairs": 100}
    assert client.report_table("m") == "| R@1 |"
    assert client.report_picture("m", "recall") == b"PNG"


def test_activation_and_its_end_name_the_model(client: Client, backend: Backend) -> None:
    client.activate("m", reextract=True)
    client.cancel_activation("m")
    client.delete_model("m")
    assert backend.wishes == [("POST", "/models/m/activate", {"reextract": True})]
    assert backend.deleted == ["/models/m/activation", "/models/m"]
