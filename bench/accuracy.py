"""Accuracy of losses and gradients against the float64 oracle of the tests.

Each number is the largest error of an array, relative to the array's largest entry. The oracle
(tests/reference.py) is NumPy in double precision on the same inputs. For float64 it is no more
exact than what it judges: the number is the difference of two roundings.

The first three cases have logits that are about standard normal. In the last they are 1,000 times
as large. Prints a Markdown table.

With `--compute-dtype bfloat16` the sampled losses of float32 arrays, and the full softmax's loss,
computed in that: their errors against the same oracle, which include what rounding the operands
does, and against the oracle on rounded operands (tests/bfloat16_reference.py), which do not. The
mean is that of a batch's losses.

    python bench/accuracy.py [--compute-dtype bfloat16]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import manyclass as mc

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import bfloat16_reference
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


def make_case(shape: Shape, dtype: type) -> tuple[reference.Problem, reference.Sample]:
    """Return the arguments of a loss."""
    problem = random_problems.make_problem(
        1, num_classes=shape.num_classes, dim=shape.dim, batch=shape.batch, dtype=dtype
    )
    problem = problem._replace(
        biases=problem.biases * dtype(shape.scale), inputs=problem.inputs * dtype(shape.scale)
    )
    return problem, random_problems.make_sample(2, problem, shape.num_sampled)


def losses(shape: Shape, dtype: type) -> Iterator[tuple[str, Result, Result]]:
    """Yield the name of each loss, what it gives and what it should give."""
    problem, sample = make_case(shape, dtype)
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


BFLOAT16_SHAPES = (
    *SHAPES[:3],
    Shape(10_000, 128, 128, 512, 0.01),
    Shape(10_000, 128, 128, 512, 10.0),
    Shape(10_000, 128, 128, 512, 100.0),
    Shape(20_000, 256, 256, 8192, 1.0),
)


def print_bfloat16() -> None:
    """Print the errors of what is computed in bfloat16."""
    print(
        "| classes × dim, batch, candidates | logits | loss function | loss | mean | gradients |",
        end="",
    )
    print(" beyond rounding: loss | gradients |")
    print("| --- | ---: | --- |" + " ---: |" * 5)
    functions = {
        "sampled softmax": (mc.sampled_softmax_loss_and_grad, "sampled_softmax"),
        "NCE": (mc.nce_loss_and_grad, "nce"),
    }
    for shape in BFLOAT16_SHAPES:
        size = f"{shape.num_classes:,} × {shape.dim}, {shape.batch}, {shape.num_sampled}"
        problem, sample = make_case(shape, np.float32)
        for name, (function, oracle) in functions.items():
            counts = shape.num_sampled, shape.num_classes, 1
            actual = function(*problem, *counts, sample, compute_dtype="bfloat16")
            exact = getattr(reference, oracle)(problem, sample)
            rounded = getattr(bfloat16_reference, oracle)(problem, sample)
            loss, gradients = errors_of(actual, exact)
            mean = abs(actual[0].mean(dtype=np.float64) / exact[0].mean() - 1)
            values = loss, mean, gradients, *errors_of(actual, rounded)
            cells = [f"{value:.0e}" for value in values]
            print(f"| {size} | × {shape.scale:g} | {name} | " + " | ".join(cells) + " |")
        loss = mc.full_softmax_loss(*problem, compute_dtype="bfloat16")
        exact_loss, _ = reference.full_softmax(problem)
        rounded_loss, _ = reference.full_softmax(bfloat16_reference.with_rounded_operands(problem))
        mean = abs(loss.mean(dtype=np.float64) / exact_loss.mean() - 1)
        errors = f"{error(loss, exact_loss):.0e} | {mean:.0e} |  | {error(loss, rounded_loss):.0e}"
        print(f"| {size} | × {shape.scale:g} | full softmax | {errors} |  |")


def print_arrays_dtypes() -> None:
    """Print the errors of what is computed in the dtype of the arrays."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compute-dtype", choices=["bfloat16"])
    if parser.parse_args().compute_dtype is None:
        print_arrays_dtypes()
    else:
        print_bfloat16()
    print(f"\ninstruction set: {mc.show_config()['target']}")


if __name__ == "__main__":
    main()
