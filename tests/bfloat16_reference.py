"""The oracle of losses computed in bfloat16: float64 on operands that ml_dtypes rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

import reference
from reference import Floats, Gradients, Problem, Sample

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)

LossOf = Callable[[Floats, Floats], tuple[Floats, Floats]]


def rounded(array: npt.NDArray[np.floating]) -> Floats:
    """Return the nearest bfloat16, ties to even; zeros for what is below the normal numbers."""
    with np.errstate(over="ignore", under="ignore"):
        single = array.astype(np.float32)
        nearest = single.astype(ml_dtypes.bfloat16).astype(np.float64)
    return np.where(np.abs(single) < SMALLEST_NORMAL, np.copysign(0.0, single), nearest)


def with_rounded_operands(problem: Problem) -> Problem:
    """Return the problem as the first product sees it."""
    weights, biases, labels, inputs = problem
    return Problem(rounded(weights), biases, labels, rounded(inputs))


def loss_and_gradients(
    loss_of: LossOf,
    problem: Problem,
    sample: Sample,
    grad_loss: npt.NDArray[np.floating] | None = None,
    remove_accidental_hits: bool = True,
) -> tuple[Floats, Gradients]:
    """Return the loss of each row, `reference.cross_entropy` or `logistic`, and dense gradients."""
    operands = with_rounded_operands(problem)
    logits = reference.sampled_logits(operands, sample, remove_accidental_hits)
    upstream = np.ones(len(problem.labels)) if grad_loss is None else grad_loss

    def exact(logits: Floats, targets: Floats) -> tuple[Floats, Floats]:
        loss, derivatives = loss_of(logits, targets)
        return loss, derivatives * upstream.astype(np.float64)[:, None]

    def once_rounded(logits: Floats, targets: Floats) -> tuple[Floats, Floats]:
        loss, derivatives = exact(logits, targets)
        return loss, rounded(derivatives)

    loss, products = reference.loss_and_gradients(once_rounded, logits, operands, sample, None)
    _, sums = reference.loss_and_gradients(exact, logits, operands, sample, None)
    return loss, Gradients(products.weights, sums.biases, products.inputs)


def sampled_softmax(problem: Problem, sample: Sample, **options: Any) -> tuple[Floats, Gradients]:
    """Return what `sampled_softmax_loss_and_grad` should give."""
    return loss_and_gradients(reference.cross_entropy, problem, sample, **options)


def nce(problem: Problem, sample: Sample, **options: Any) -> tuple[Floats, Gradients]:
    """Return what `nce_loss_and_grad` should give; hits stay unless asked otherwise."""
    options = {"remove_accidental_hits": False, **options}
    return loss_and_gradients(reference.logistic, problem, sample, **options)
