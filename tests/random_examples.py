"""A strategy: arguments and options that every sampled loss must take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from random_problems import LAYOUTS, make_problem, make_sample, problem_laid_out
from reference import Problem, Sample


class Example(NamedTuple):
    """One example of a property test."""

    problem: Problem
    sample: Sample
    grad_loss: np.ndarray | None
    remove_hits: bool
    num_threads: int


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Shapes, dtypes, layouts and options; the values follow from a seed."""
    seed = draw(st.integers(0, 10_000))
    problem = make_problem(
        seed,
        num_classes=draw(st.integers(4, 60)),
        dim=draw(st.integers(1, 70)),
        batch=draw(st.integers(0, 40)),
        num_true=draw(st.integers(1, 4)),
        dtype=draw(st.sampled_from([np.float32, np.float64])),
    )
    num_sampled = draw(st.integers(0, 80))
    repeats = num_sampled > len(problem.weights) or draw(st.booleans())
    sample = make_sample(seed + 1, problem, num_sampled, repeats=repeats)
    grad_loss = None
    if draw(st.booleans()):
        rng = np.random.default_rng(seed + 2)
        grad_loss = rng.standard_normal(len(problem.labels)).astype(problem.weights.dtype)
    return Example(
        problem_laid_out(problem, draw(st.sampled_from(LAYOUTS))),
        sample,
        grad_loss,
        draw(st.booleans()),
        draw(st.integers(1, 3)),
    )
