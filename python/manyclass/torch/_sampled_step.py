"""What a sampled loss was given, as its operators take it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manyclass._sampled_arguments import read_options
from manyclass._scalars import as_integer, as_real
from manyclass.torch._candidates import Proposal, check_sampled_values, draw
from manyclass.torch._sampled_operators import Step
from manyclass.torch._targets import check_reduction, check_tensors, read_labels
from manyclass.torch._tensors import FLOATS, check_optional, check_tensor


def read_step(
    arguments: tuple[Any, ...],
    sampled_values: Any,
    proposal: Proposal,
    options: tuple[Any, ...],
    label_weights: Tensor | None,
    label_smoothing: float,
    reduction: str,
) -> Step:
    """Check what TensorFlow's function and ours have in common, then ours, then draw candidates."""
    weights, biases, labels, inputs, num_sampled, num_classes, num_true = arguments
    check_tensor(weights, "weights", FLOATS, has_gradient=True)
    check_optional(biases, "biases", (weights.dtype,), has_gradient=True)
    check_tensor(inputs, "inputs", (weights.dtype,), has_gradient=True)
    check_optional(label_weights, "label_weights", (weights.dtype,))
    ids, row_splits, label_weights = read_labels(labels, num_true, label_weights)
    size, classes = as_integer(num_sampled, "num_sampled"), as_integer(num_classes, "num_classes")
    if weights.ndim == 2 and not 1 <= classes <= weights.shape[0]:
        raise ValueError(
            f"num_classes is {classes}; it must be at least 1 and at most the {weights.shape[0]} "
            "rows of weights"
        )
    if sampled_values is not None and proposal.sampler is not None:
        raise ValueError("sampled_values and sampler are both given; only one may be")
    remove_accidental_hits, mask_repeats, log_q_correction, num_threads = options
    hits, masked, correction, _, threads = read_options(
        remove_accidental_hits, mask_repeats, log_q_correction, "div", num_threads
    )
    smoothing = as_real(label_smoothing, "label_smoothing")
    check_reduction(reduction)
    if sampled_values is not None:
        sampled = check_sampled_values(sampled_values, size)
    else:
        tensors = (weights, biases, ids, row_splits, label_weights, inputs)
        if not torch.compiler.is_compiling():  # before anything is drawn
            check_tensors(tensors, smoothing)
        sampled = draw(ids, size, classes, proposal)
    return (
        *(weights, biases, ids, row_splits, label_weights, inputs, *sampled),
        *(smoothing, hits, masked, correction, threads, reduction),
    )


def needs_gradients(step: Step) -> bool:
    """Return whether there will be a backward pass: weights, biases or inputs want gradients."""
    tables = (step[0], step[1], step[5])
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tables)
