"""What a sampled loss was given, once it is checked."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from manyclass._sampled_arguments import LossOptions, read_options
from manyclass._scalars import as_integer, as_real
from manyclass.torch._candidates import Proposal, Sampled, check_sampled_values
from manyclass.torch._targets import Tensors, check_reduction, read_labels
from manyclass.torch._tensors import FLOATS, check_optional, check_tensor


class Step(NamedTuple):
    """A step of training, before candidates are drawn."""

    tensors: Tensors
    num_sampled: int
    num_classes: int
    sampled_values: Sampled | None
    proposal: Proposal
    label_smoothing: float
    options: LossOptions
    reduction: str


def read_step(
    arguments: tuple[Any, ...],
    sampled_values: Any,
    proposal: Proposal,
    options: tuple[Any, ...],
    label_weights: Tensor | None,
    label_smoothing: float,
    reduction: str,
) -> Step:
    """Check what TensorFlow's function and ours have in common, then ours."""
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
    if sampled_values is not None and proposal[0] is not None:
        raise ValueError("sampled_values and sampler are both given; only one may be")
    remove_accidental_hits, mask_repeats, log_q_correction, num_threads = options
    loss_options = read_options(
        remove_accidental_hits, mask_repeats, log_q_correction, "div", num_threads
    )
    smoothing = as_real(label_smoothing, "label_smoothing")
    check_reduction(reduction)
    given = None if sampled_values is None else check_sampled_values(sampled_values, size)
    tensors = (weights, biases, ids, row_splits, label_weights, inputs)
    return Step(tensors, size, classes, given, proposal, smoothing, loss_options, reduction)


def needs_gradients(step: Step) -> bool:
    """Return whether there will be a backward pass: weights, biases or inputs want gradients."""
    if not torch.is_grad_enabled():
        return False
    weights, biases, *_, inputs = step.tensors
    return (
        weights.requires_grad
        or inputs.requires_grad
        or (biases is not None and biases.requires_grad)
    )
