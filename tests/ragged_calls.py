"""The losses, called with a problem of ragged labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import manyclass as mc
from agreement import assert_same_bits, assert_same_slices
from ragged_reference import RaggedProblem
from reference import Sample

Result = tuple[np.ndarray, mc.Gradients]
Loss = Callable[..., Result]


def call_sampled(function: Loss, problem: RaggedProblem, sample: Sample, **options: Any) -> Result:
    """Loss and gradients of a sampled loss."""
    if function is not mc.nce_loss_and_grad:
        options["label_smoothing"] = problem.label_smoothing
    arguments = {
        "weights": problem.weights,
        "biases": problem.biases,
        "labels": problem.labels(),
        "inputs": problem.inputs,
        "num_sampled": len(sample.candidates),
        "num_classes": len(problem.biases),
        "sampled_values": mc.SampledValues(*sample),
        "label_weights": problem.flat_weights(),
    }
    return function(**arguments | options)


def call_full(problem: RaggedProblem, **options: Any) -> Result:
    """Loss and gradients of the full softmax."""
    arguments = {
        "weights": problem.weights,
        "biases": problem.biases,
        "labels": problem.labels(),
        "inputs": problem.inputs,
        "label_weights": problem.flat_weights(),
        "label_smoothing": problem.label_smoothing,
    }
    return mc.full_softmax_loss_and_grad(**arguments | options)


def assert_same_results(actual: Result, expected: Result) -> None:
    """Hold losses and gradients, sparse or dense, to the same bytes."""
    assert_same_bits(actual[0], expected[0])
    for mine, other in zip(actual[1], expected[1], strict=True):
        if isinstance(mine, mc.IndexedSlices):
            assert_same_slices(mine, other)
        else:
            assert_same_bits(mine, other)


def dense(gradient: Any) -> np.ndarray:
    """Return a gradient as an array."""
    return gradient.to_dense() if isinstance(gradient, mc.IndexedSlices) else gradient
