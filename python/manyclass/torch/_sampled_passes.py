"""The passes of a sampled loss over what the core takes.

One pass gives a step's loss and gradients, so the gradients are computed in the forward pass, for
the upstream gradient that is expected. The backward pass hands them over if that is what comes,
scales them if it is another number for all examples, and computes anew if the numbers differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from manyclass import _core
from manyclass._arrays import Array
from manyclass.torch._targets import reduced
from manyclass.torch._tensors import as_numpy

# The touched rows, the gradients of weights and biases there, and that of inputs.
Gradients = tuple[Tensor, Tensor, Tensor, Tensor]


class Arguments(NamedTuple):
    """What the core's functions take, in their order."""

    weights: Array
    biases: Array
    targets: _core.Targets
    inputs: Array
    candidates: _core.Candidates
    remove_accidental_hits: bool
    mask_repeats: bool
    log_q_correction: str
    partition_strategy: str
    num_threads: int


class SampledPasses:
    """A loss, and its gradients, of the functions of the core that compute them."""

    def __init__(self, loss: Callable[..., Array], loss_and_grad: Callable[..., Any]) -> None:
        self._loss, self._loss_and_grad = loss, loss_and_grad

    def loss(self, arguments: Arguments, reduction: str) -> Tensor:
        """Compute the loss of each example, or what it is reduced to."""
        return reduced(self._loss(*arguments), reduction)

    def forward(self, arguments: Arguments, reduction: str) -> tuple[Tensor, Gradients, Arguments]:
        """Return the loss, the gradients for an upstream gradient of 1, and how to compute anew."""
        loss, *gradients, drawn = self._loss_and_grad(
            *arguments, _upstream(arguments.inputs, reduction, 1.0)
        )
        again = arguments if drawn is None else arguments._replace(candidates=drawn)
        return reduced(loss, reduction), _as_gradients(*gradients), again

    def backward(
        self, again: Arguments, reduction: str, grad_loss: Tensor, there: Gradients | None
    ) -> Gradients:
        """Return the gradients for an upstream gradient: those that are there, if they fit."""
        upstream = as_numpy(grad_loss)
        if there is not None and upstream.size == 0:
            return there
        if there is None or not _is_constant(upstream):
            every = (
                upstream if upstream.ndim else _upstream(again.inputs, reduction, upstream.item())
            )
            return _as_gradients(*self._loss_and_grad(*again, every)[1:4])
        factor = upstream.flat[0]
        if factor == 1:
            return there
        indices, *values = there
        rows, bias_rows, inputs = (torch.from_numpy(as_numpy(tensor) * factor) for tensor in values)
        return indices, rows, bias_rows, inputs


def _upstream(inputs: Array, reduction: str, grad_loss: float) -> Array:
    """Return the gradient of each example's loss, from that of the reduced loss."""
    batch = len(inputs)
    share = grad_loss / batch if reduction == "mean" and batch else grad_loss
    return np.full(batch, share, inputs.dtype)


def _is_constant(upstream: Array) -> bool:
    return upstream.ndim == 0 or bool((upstream == upstream[0]).all())


def _as_gradients(weights: Any, biases: Any, inputs: Array) -> Gradients:
    (rows, indices), (bias_rows, _) = weights[0], biases[0]
    tensor = torch.from_numpy
    return tensor(indices), tensor(rows), tensor(bias_rows), tensor(inputs)


SAMPLED_SOFTMAX = SampledPasses(_core.sampled_softmax_loss, _core.sampled_softmax_loss_and_grad)
NCE = SampledPasses(_core.nce_loss, _core.nce_loss_and_grad)
