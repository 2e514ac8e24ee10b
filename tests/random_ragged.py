"""Strategies: arguments of the losses with any number of labels, with weights and smoothing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from ragged_reference import RaggedProblem
from random_problems import make_problem
from reference import Sample


class RaggedExample(NamedTuple):
    """One example of a property test."""

    problem: RaggedProblem
    sample: Sample
    grad_loss: np.ndarray | None
    options: dict[str, Any]
    num_threads: int


def make_ragged_problem(
    seed: int,
    *,
    num_classes: int = 20,
    dim: int = 8,
    most_labels: int = 4,
    batch: int = 5,
    weighted: bool = False,
    label_smoothing: float = 0.0,
    dtype: Any = np.float32,
) -> RaggedProblem:
    """Return a problem whose examples have 0 to ``most_labels`` labels, repeated ones among them.

    Weights of labels are 0 here and there, and all of them for some examples.
    """
    rng = np.random.default_rng(seed)
    dense = make_problem(seed, num_classes=num_classes, dim=dim, batch=batch, dtype=dtype)
    rows = [rng.integers(0, num_classes, rng.integers(0, most_labels + 1)) for _ in range(batch)]
    label_weights = None
    if weighted:
        label_weights = [
            (rng.uniform(0.0, 1.0, len(row)) * (rng.uniform(size=len(row)) < 0.8)).astype(dtype)
            for row in rows
        ]
    return RaggedProblem(
        dense.weights, dense.biases, rows, dense.inputs, label_weights, label_smoothing
    )


def make_ragged_sample(
    seed: int, problem: RaggedProblem, num_sampled: int, *, shape: str = "one for each"
) -> Sample:
    """Return candidates, repeated ones among them, and counts in one of the shapes allowed."""
    rng = np.random.default_rng(seed)
    size = sum(map(len, problem.rows))
    shapes = {"one for each": (size,), "column": (size, 1), "one": (1,), "scalar": ()}
    return Sample(
        rng.integers(0, len(problem.weights), num_sampled),
        np.asarray(rng.uniform(0.05, 3.0, shapes[shape]), np.float32),
        rng.uniform(0.05, 3.0, num_sampled).astype(np.float32),
    )


@st.composite
def ragged_examples(draw: st.DrawFn, *, smoothing: bool = True) -> RaggedExample:
    """Shapes, dtypes and options; the values follow from a seed."""
    seed = draw(st.integers(0, 10_000))
    problem = make_ragged_problem(
        seed,
        num_classes=draw(st.integers(8, 60)),
        dim=draw(st.integers(1, 70)),
        most_labels=draw(st.integers(0, 9)),
        batch=draw(st.integers(0, 40)),
        weighted=draw(st.booleans()),
        label_smoothing=draw(st.sampled_from([0.0, 0.1, 0.75])) if smoothing else 0.0,
        dtype=draw(st.sampled_from([np.float32, np.float64])),
    )
    sample = make_ragged_sample(
        seed + 1,
        problem,
        draw(st.integers(0, 80)),
        shape=draw(st.sampled_from(["one for each", "column", "one", "scalar"])),
    )
    grad_loss = None
    if draw(st.booleans()):
        rng = np.random.default_rng(seed + 2)
        grad_loss = rng.standard_normal(len(problem.rows)).astype(problem.weights.dtype)
    remove_hits = draw(st.booleans())
    options = {
        "remove_accidental_hits": remove_hits,
        "mask_repeats": remove_hits and draw(st.booleans()),
        "log_q_correction": draw(st.sampled_from(["all", "sampled", "none"])),
    }
    return RaggedExample(problem, sample, grad_loss, options, draw(st.integers(1, 3)))
