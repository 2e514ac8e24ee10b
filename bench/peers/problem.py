"""What a step works on, and what a peer's step must be able to do."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

import manyclass as mc

Array = NDArray[Any]
NUM_BATCHES = 16


class Shape(NamedTuple):
    """The size of a step."""

    batch: int
    candidates: int
    dim: int

    def __str__(self) -> str:
        return f"{self.batch} × {self.candidates} × {self.dim}"

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Read ``batch×candidates×dim``, written with × or x."""
        batch, candidates, dim = (int(number) for number in text.replace("×", "x").split("x"))
        return cls(batch, candidates, dim)


class Table(NamedTuple):
    """The rows of all classes."""

    weights: Array
    biases: Array


class Problem(NamedTuple):
    """A layer and batches for it."""

    table: Table
    labels: list[Array]
    """A batch each, [batch, 1]; a step takes one after the other, as training does."""
    inputs: Array
    num_sampled: int

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.table.weights)


class Result(NamedTuple):
    """What a step gives, for comparison; gradients of tables as rows of classes, repeats summed."""

    loss: Array
    weights: mc.IndexedSlices
    biases: mc.IndexedSlices
    inputs: Array


class Step(Protocol):
    """A peer's step over a problem."""

    def run(self, batch: int) -> object:
        """Draw candidates and compute with labels number ``batch``; what is timed."""

    def compute(self, batch: int, sampled: mc.SampledValues) -> Result:
        """Compute the same with candidates that are given."""

    def nbytes(self, output: Any) -> int:
        """Return the size of what `run` returned."""


def make_table(num_classes: int, dim: int) -> Table:
    """Return a table whose logits are about standard normal for standard normal inputs."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((num_classes, dim), dtype=np.float32)
    weights *= dim**-0.5
    return Table(weights, rng.standard_normal(num_classes, dtype=np.float32))


def make_problem(table: Table, batch: int, num_sampled: int) -> Problem:
    """Return a problem over the table, its labels log-uniform as the candidates are."""
    num_classes, dim = table.weights.shape
    draws = mc.LogUniformSampler(num_classes, seed=1).draw(NUM_BATCHES * batch)
    inputs = np.random.default_rng(2).standard_normal((batch, dim), dtype=np.float32)
    return Problem(table, list(draws.reshape(NUM_BATCHES, batch, 1)), inputs, num_sampled)


def sum_by_class(ids: Array, rows: Array, table: Array) -> mc.IndexedSlices:
    """Return a gradient of the table with each class once, ascending, summed in double."""
    classes, place = np.unique(ids, return_inverse=True)
    total = np.zeros((len(classes), *rows.shape[1:]))
    np.add.at(total, place, rows)
    return mc.IndexedSlices(total, classes, table.shape)
