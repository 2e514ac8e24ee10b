"""Accuracy of losses and gradients against the float64 oracle of the tests.

Each number is the largest error of an array, relative to the array's largest entry. The oracle
(tests/reference.py) is NumPy in double precision on the same inputs. For float64 it is no more
exact than what it judges: the number is the difference of two roundings.

The first three cases have logits that are about standard normal. In the last they are 1,000 times
as large. Prints a Markdown table.

    python bench/accuracy.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import manyclass as mc

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import random_problems
import reference


class Shape(NamedTuple):
    """The size of a case, and what its logits are multiplied by."""

    num_classes: int
    dim: int
    batch: int
    num_sampled: int
    scale: float


SHAPES = (
    Shape(1000, 32, 64, 64, 1.0),
    Shape(10_000, 128, 128, 512, 1.0),
    Shape(10_000, 512, 64, 256, 1.0),
    Shape(10_000, 128, 128, 512, 1000.0),
)
DTYPES = (np.float32, np.float64)
Result = tuple[Any, Any]


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest error, relative to the largest entry."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def losses(shape: Shape, dtype: type) -> Iterator[tuple[str, Result, Result]]:
    """Yield the name of each loss, what it gives and what it should give."""
    problem = random_problems.make_problem(
        1, num_classes=shape.num_classes, dim=shape.dim, batch=shape.batch, dtype=dtype
    )
    problem = problem._replace(
        biases=problem.biases * dtype(shape.scale), inputs=problem.inputs * dtype(shape.scale)
    )
    sample = random_problems.make_sample(2, problem, shape.num_sampled)
    sampled: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "sampled softmax": (mc.sampled_softmax_loss_and_grad, reference.sampled_softmax),
        "NCE": (mc.nce_loss_and_grad, reference.nce),
    }
    for name, (function, oracle) in sampled.items():
        actual = function(*problem, shape.num_sampled, shape.num_classes, 1, sample)
        yield name, actual, oracle(problem, sample)
    yield "full softmax", mc.full_softmax_loss_and_grad(*problem), reference.full_softmax(problem)


def errors_of(actual: Result, expected: Result) -> tuple[float, float]:
    """Return the error of the loss and the largest one of the three gradients."""
    gradients = []
    for value, truth in zip(actual[1], expected[1], strict=True):
        dense = value.to_dense() if isinstance(value, mc.IndexedSlices) else value
        gradients.append(error(dense, truth))
    return error(actual[0], expected[0]), max(gradients)


def main() -> None:
    print("| classes × dim, batch, candidates | logits | loss function |", end="")
    for dtype in DTYPES:
        print(f" {dtype.__name__}: loss | gradients |", end="")
    print("\n| --- | ---: | --- |" + " ---: |" * (2 * len(DTYPES)))
    for shape in SHAPES:
        size = f"{shape.num_classes:,} × {shape.dim}, {shape.batch}, {shape.num_sampled}"
        rows: dict[str, list[str]] = {}
        for dtype in DTYPES:
            for name, actual, expected in losses(shape, dtype):
                cells = [f"{value:.0e}" for value in errors_of(actual, expected)]
                rows.setdefault(name, []).extend(cells)
        for name, cells in rows.items():
            print(f"| {size} | × {shape.scale:g} | {name} | " + " | ".join(cells) + " |")
    print(f"\ninstruction set: {mc.show_config()['target']}")


if __name__ == "__main__":
    main()
