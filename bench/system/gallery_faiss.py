"""The same search by FAISS's HNSW in memory, as a mark to compare with: M and construction effort are our index's."""

import time
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from bench.system.libraries import Library
from matcher.embedding.repository.ann_index import EF_CONSTRUCTION, M
from matcher.matches.repository.ranking import EF_SEARCH, SPARE


@dataclass(frozen=True)
class Found:
    """`times` [queries] in seconds, one query at a time; `tracks`: for each query the numbers of the nearest."""

    times: npt.NDArray[np.float64]
    tracks: list[list[int]]


class Gallery:
    """The library's windows in an index; `built_s`: how long making it took."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._index = faiss.IndexHNSWFlat(library.gallery.shape[1], M)
        self._index.hnsw.efConstruction = EF_CONSTRUCTION
        started = time.perf_counter()
        self._index.add(library.gallery.astype(np.float32))
        self.built_s = time.perf_counter() - started

    def search(self, limit: int) -> Found:
        """The nearest `limit` tracks, looking at as many windows and with as much effort as our index."""
        each = self._library.windows
        look = 1 + SPARE * limit * each
        self._index.hnsw.efSearch = EF_SEARCH
        times, tracks = [], []
        for query in self._library.queries:
            started = time.perf_counter()
            _, rows = self._index.search(query[None], look)
            tracks.append(list(dict.fromkeys((rows[0] // each).tolist()))[:limit])
            times.append(time.perf_counter() - started)
        return Found(np.array(times), tracks)
