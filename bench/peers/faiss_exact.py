"""faiss: the exact search for the largest inner products."""

from __future__ import annotations

import faiss

from peers.exact import ExactProblem, K
from peers.problem import Array


class TopK:
    """An index that holds a copy of the weights."""

    def __init__(self, problem: ExactProblem, num_threads: int) -> None:
        faiss.omp_set_num_threads(num_threads)
        self.inputs = problem.inputs
        self.index = faiss.IndexFlatIP(problem.table.weights.shape[1])
        self.index.add(problem.table.weights)

    def run(self, batch: int) -> tuple[Array, Array]:
        values, classes = self.index.search(self.inputs[batch], K)
        return values, classes

    def arrays(self, output: tuple[Array, Array]) -> dict[str, Array]:
        return {"values": output[0], "classes": output[1]}
