"""The ranking against a plain loop over every window of every track."""

import numpy as np

from tests.integration.conftest import HOP_S, Api


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
