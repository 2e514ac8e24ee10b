"""Random arguments of a loss, reproducible from a seed, in every layout that is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reference import Problem, Sample

LAYOUTS = ("contiguous", "column slice", "reversed rows", "every second row")

Array = npt.NDArray[Any]


def make_problem(
    seed: int,
    *,
    num_classes: int = 20,
    dim: int = 8,
    batch: int = 5,
    num_true: int = 1,
    dtype: npt.DTypeLike = np.float32,
) -> Problem:
    """Return arrays whose logits are about standard normal."""
    rng = np.random.default_rng(seed)
    return Problem(
        weights=(rng.standard_normal((num_classes, dim)) / np.sqrt(dim)).astype(dtype),
        biases=(0.5 * rng.standard_normal(num_classes)).astype(dtype),
        labels=rng.integers(0, num_classes, (batch, num_true)),
        inputs=rng.standard_normal((batch, dim)).astype(dtype),
    )


def make_sample(seed: int, problem: Problem, num_sampled: int, *, repeats: bool = False) -> Sample:
    """Return candidates and expected counts; ``repeats`` lets an id come twice."""
    rng = np.random.default_rng(seed)
    num_classes = len(problem.weights)
    if repeats:
        candidates = rng.integers(0, num_classes, num_sampled)
    else:
        candidates = rng.permutation(num_classes)[:num_sampled]
    return Sample(
        candidates,
        rng.uniform(0.05, 3.0, problem.labels.shape).astype(np.float32),
        rng.uniform(0.05, 3.0, num_sampled).astype(np.float32),
    )


def laid_out(array: Array, layout: str) -> Array:
    """Return a matrix of the same values whose rows lie in memory as ``layout`` says."""
    rows, columns = array.shape
    if layout == "contiguous":
        return np.ascontiguousarray(array)
    if layout == "column slice":
        wide = np.full((rows, columns + 5), -1, array.dtype)
        view = wide[:, 2 : 2 + columns]
    elif layout == "reversed rows":
        view = np.full((rows, columns), -1, array.dtype)[::-1]
    else:
        view = np.full((2 * rows, columns), -1, array.dtype)[::2]
    view[...] = array
    return view


def problem_laid_out(problem: Problem, layout: str) -> Problem:
    """Return the problem with all its matrices in one layout."""
    weights, biases, labels, inputs = problem
    return Problem(
        laid_out(weights, layout), biases, laid_out(labels, layout), laid_out(inputs, layout)
    )
