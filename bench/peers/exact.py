"""The exact softmax by manyclass and by those it is compared with: loss, gradients, top k.

A task is a batch of a size; its peers have the same layer, inputs and labels, float32. What a peer
gives is compared with manyclass before it is timed.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Protocol

import numpy as np

from peers import Peers
from peers.problem import Array, Table

NUM_BATCHES = 2
K = 10
OURS = "manyclass"

LOSS: Peers = {
    OURS: ("manyclass_exact", "Loss", "manyclass"),
    "PyTorch linear, cross_entropy": ("torch_exact", "Loss", "torch"),
    "PyTorch linear_cross_entropy": ("torch_exact", "LinearLoss", "torch"),
}
GRADIENTS: Peers = {
    OURS: ("manyclass_exact", "Gradients", "manyclass"),
    "manyclass, out=": ("manyclass_exact", "GradientsInto", "manyclass"),
    "manyclass, row blocks": ("manyclass_exact", "GradientRows", "manyclass"),
    "PyTorch linear, cross_entropy": ("torch_exact", "Gradients", "torch"),
    "PyTorch linear_cross_entropy": ("torch_exact", "LinearGradients", "torch"),
}
TOP_K: Peers = {
    OURS: ("manyclass_exact", "TopK", "manyclass"),
    "PyTorch matmul, topk": ("torch_exact", "TopK", "torch"),
    "faiss IndexFlatIP": ("faiss_exact", "TopK", "faiss"),
}
# manyclass with float32 and bfloat16, in its rows and in its products. None has float32's numbers.
BFLOAT16_LOSS: Peers = {
    OURS: LOSS[OURS],
    "manyclass, rows of bfloat16": ("manyclass_exact", "LossOfStored", "ml_dtypes"),
    "manyclass, computed in bfloat16": ("manyclass_exact", "RoundedLoss", "ml_dtypes"),
    "manyclass, both": ("manyclass_exact", "RoundedLossOfStored", "ml_dtypes"),
}
BFLOAT16_TOP_K: Peers = {
    OURS: TOP_K[OURS],
    "manyclass, rows of bfloat16": ("manyclass_exact", "TopKOfStored", "ml_dtypes"),
    "manyclass, computed in bfloat16": ("manyclass_exact", "RoundedTopK", "ml_dtypes"),
    "manyclass, both": ("manyclass_exact", "RoundedTopKOfStored", "ml_dtypes"),
}
ROWS_OF_BFLOAT16 = ("manyclass, rows of bfloat16", "manyclass, both")


class Task(NamedTuple):
    """What is to be computed for a batch of a size."""

    name: str
    batch: int
    peers: Peers
    products: int
    """How many products of batch, classes and dim it takes at least."""

    def __str__(self) -> str:
        return f"{self.name}, batch {self.batch}"


class ExactProblem(NamedTuple):
    """A layer and batches for it."""

    table: Table
    inputs: list[Array]
    labels: list[Array]
    """[batch, 1] each."""


class ExactWork(Protocol):
    """A peer's way of one task."""

    def run(self, batch: int) -> Any:
        """Compute for batch number ``batch``; what is timed."""

    def arrays(self, output: Any) -> dict[str, Array]:
        """Return what `run` gave, for comparison; a copy is not needed."""


def make_exact_problem(table: Table, batch: int) -> ExactProblem:
    """Return a problem over the table."""
    rng = np.random.default_rng(2)
    num_classes, dim = table.weights.shape
    return ExactProblem(
        table,
        [rng.standard_normal((batch, dim), dtype=np.float32) for _ in range(NUM_BATCHES)],
        [rng.integers(0, num_classes, (batch, 1)) for _ in range(NUM_BATCHES)],
    )


def make_work(task: Task, name: str, problem: ExactProblem, num_threads: int) -> ExactWork:
    """Return the peer's way; the peer is imported now, if it has not been."""
    module, work, _ = task.peers[name]
    made: ExactWork = getattr(importlib.import_module(f"peers.{module}"), work)(
        problem, num_threads
    )
    return made
