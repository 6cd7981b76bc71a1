"""`start_s` by embeddings second by second, where the model makes them."""

import numpy as np
from sqlalchemy import select

from matcher.embedding.embedded import Embedded, Owned, StepRows, WindowRow
from matcher.embedding.repository.embeddings import EmbeddingRepository
from matcher.tables import Embedding
from tests.api import Api


def give_steps(api: Api, steps: dict[str, np.ndarray], hop_s: float, clip: str) -> None:
    """Write the embeddings of each asset again, with these steps beside them."""
    with api.database.begin() as session:
        embeddings = EmbeddingRepository(session)
        for asset, vectors in steps.items():
            column = Embedding.clip_id if asset == clip else Embedding.track_id
            found = session.scalars(select(Embedding).where(column == asset).order_by(Embedding.window)).all()
            windows = [WindowRow(window.start_s, window.vector) for window in found]
            rows = StepRows(hop_s if asset != clip else 1.0, vectors.astype(np.float16))
            owned = Owned(found[0].track_id, found[0].clip_id, Embedded(windows, rows))
            embeddings.replace("test-model", [owned])


def unit_rows(rows: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_a_track_starts_where_the_clip_fits_best_and_the_order_stays(api: Api) -> None:
    clip = api.add_clip("clip", [[0, 0]])
    near, far = api.add_track("near", [[1, 0]] * 60), api.add_track("far", [[5, 0]] * 60)
    bare = api.add_track("bare", [[9, 0]])
    before = api.client.get(f"/match/{clip}").json()["results"]
    assert [result["start_s"] for result in before] == [0, 0, 0]
    first, second = unit_rows(60, 1), unit_rows(60, 2)
    scene = first[17:29] + second[40:52]
    give_steps(api, {clip: scene, near: first, far: second}, 1.0, clip)
    after = api.client.get(f"/match/{clip}").json()["results"]
    assert [(result["audio"]["id"], result["start_s"]) for result in after] == [(near, 17), (far, 40), (bare, 0)]
    assert [result["distance"] for result in after] == [result["distance"] for result in before]


def test_a_track_of_another_hop_is_aligned_in_seconds(api: Api) -> None:
    clip, track = api.add_clip("clip", [[0, 0]]), api.add_track("track", [[1, 0]] * 50)
    rows = unit_rows(50, 3)
    give_steps(api, {clip: rows[21:26], track: rows}, 0.96, clip)
    [result] = api.client.get(f"/match/{clip}").json()["results"]
    assert result["start_s"] == 20, "row 21 begins at 20.16 s"


def test_without_steps_of_the_clip_a_track_starts_with_its_best_window(api: Api) -> None:
    clip, track = api.add_clip("clip", [[0, 0]]), api.add_track("track", [[5, 5], [1, 1]])
    give_steps(api, {track: unit_rows(9, 4)}, 1.0, clip)
    assert api.client.get(f"/match/{clip}").json()["results"][0]["start_s"] == 1.0
