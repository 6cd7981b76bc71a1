"""The ranking against a plain loop over every window of every track."""

from uuid import uuid4

import numpy as np

from tests.api import HOP_S, Api


def test_the_ranking_is_that_of_a_plain_loop_and_pages_give_all_of_it(api: Api) -> None:
    rng = np.random.default_rng(5)
    # Small whole numbers, which halfvec holds exactly; few of them, so that there are ties.
    library = {api.add_track(f"t{n}", (m := rng.integers(0, 4, (1 + n % 5, 3))).tolist()): m for n in range(40)}
    query = np.array([1, 2, 3])
    clip = api.add_clip("clip", [query.tolist(), [9, 9, 9]])

    expected = []
    for track_id, matrix in library.items():
        distances = [float(np.linalg.norm(row - query)) for row in matrix]
        best = min(range(len(distances)), key=lambda index: distances[index])
        expected.append((distances[best], track_id, best * HOP_S))
    expected.sort()

    results, cursor = [], None
    while True:
        page = api.client.get(f"/match/{clip}", params={"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
        assert (page["status"], page["total"], page["clip_id"]) == ("done", 40, clip)
        results += page["results"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [r["rank"] for r in results] == list(range(1, 41))
    assert [r["audio"]["id"] for r in results] == [track_id for _, track_id, _ in expected]
    assert [r["start_s"] for r in results] == [start for _, _, start in expected]
    np.testing.assert_allclose([r["distance"] for r in results], [d for d, _, _ in expected], rtol=1e-6)
    np.testing.assert_allclose([r["score"] for r in results], [1 / (1 + d) for d, _, _ in expected], rtol=1e-6)


def test_only_ready_tracks_have_a_place(api: Api) -> None:
    ready = api.add_track("ready", [[1, 1, 1]])
    api.add_track("queued")
    clip = api.add_clip("clip", [[1, 1, 1]])
    answer = api.client.get(f"/match/{clip}").json()
    assert [r["audio"]["id"] for r in answer["results"]] == [ready]
    assert answer["total"] == 1


def test_an_empty_library_gives_an_empty_ranking(api: Api) -> None:
    clip = api.add_clip("clip", [[1, 1, 1]])
    answer = api.client.get(f"/match/{clip}").json()
    assert (answer["status"], answer["results"], answer["total"], answer["next_cursor"]) == ("done", [], 0, None)


def test_a_clip_in_progress_is_answered_with_202_and_its_stage(api: Api) -> None:
    clip = api.add_clip("clip")
    answer = api.client.get(f"/match/{clip}")
    assert answer.status_code == 202
    assert answer.json() == {"clip_id": clip, "status": "queued", "stage": "queued", "progress": None}
    assert int(answer.headers["retry-after"]) >= 1


def test_the_answer_names_the_model_and_says_that_its_backbones_are_untrained(api: Api) -> None:
    clip = api.add_clip("clip", [[1, 1, 1]])
    model = api.client.get(f"/match/{clip}").json()["model"]
    assert model == {"id": "test-model", "kind": "va_metric2", "bundle": "test", "untrained_backbones": True}
    assert api.client.get("/about").json()["model"] == model


def test_filters_narrow_the_ranking_and_leave_its_order(api: Api) -> None:
    clip = api.add_clip("clip", [[0, 0, 0]])
    ids = [api.add_track(f"t{n}", [[n, 0, 0]] * (n + 1)) for n in range(6)]
    for number, tags in ((1, ["Jazz"]), (3, ["  JAZZ ", "slow"]), (4, ["slow"])):
        assert api.client.patch(f"/audio/{ids[number]}", json={"tags": tags}).status_code == 200

    def found(**filters: object) -> list[str]:
        answer = api.client.get(f"/match/{clip}", params=filters).json()
        assert answer["total"] == len(answer["results"])
        assert [r["rank"] for r in answer["results"]] == list(range(1, answer["total"] + 1))
        return [result["audio"]["id"] for result in answer["results"]]

    assert found(tag="jazz") == [ids[1], ids[3]]
    assert found(tag=["slow", "Jazz"]) == [ids[3]]
    assert found(min_duration=3, max_duration=5) == ids[2:5]
    assert found(tag="slow", max_duration=4) == [ids[3]]
    assert found(tag="none") == []
    assert api.client.get(f"/match/{clip}", params={"min_duration": -1}).json()["code"] == "request_invalid"


def test_similar_tracks_stand_by_their_nearest_window_to_the_tracks_mean(api: Api) -> None:
    track = api.add_track("track", [[0, 0, 0], [4, 0, 0]])
    near, far = api.add_track("near", [[9, 9, 9], [2, 0, 1]]), api.add_track("far", [[2, 3, 0]])
    answer = api.client.get(f"/audio/{track}/similar").json()
    assert [(r["audio"]["id"], r["rank"], r["distance"]) for r in answer["results"]] == [(near, 1, 1.0), (far, 2, 3.0)]
    assert answer["results"][0]["start_s"] == 1.0
    assert len(api.client.get(f"/audio/{track}/similar", params={"limit": 1}).json()["results"]) == 1
    waiting = api.add_track("waiting")
    assert api.client.get(f"/audio/{waiting}/similar").json()["code"] == "track_not_ready"
    assert api.client.get(f"/audio/{uuid4()}/similar").json()["code"] == "not_found"
