"""The passes of a sampled loss over what the core takes.

One pass gives a step's loss and gradients, so the gradients are computed in the forward pass, for
the upstream gradient that is expected. The backward pass hands them over if that is what comes,
scales them if it is another number for all examples, and computes anew if the numbers differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from manyclass import _core
from manyclass._arrays import Array, IdArray
from manyclass.torch._targets import reduced
from manyclass.torch._tensors import as_numpy

# The touched rows, the gradients of weights and biases there, and that of inputs. Arrays: a tensor
# is made of those that somebody asks for.
Gradients = tuple[IdArray, Array, Array, Array]


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

    def forward(
        self, arguments: Arguments, reduction: str
    ) -> tuple[Tensor, Gradients, _core.Candidates]:
        """Return the loss, the gradients for an upstream gradient of 1, and their candidates."""
        loss, *gradients, drawn = self._loss_and_grad(
            *arguments, _upstream(arguments.inputs, reduction, 1.0)
        )
        candidates = arguments.candidates if drawn is None else drawn
        return reduced(loss, reduction), _of_one_table(*gradients), candidates

    def backward(
        self,
        arguments: Arguments,
        candidates: _core.Candidates,
        reduction: str,
        grad_loss: Tensor,
        there: Gradients | None,
    ) -> Gradients:
        """Return the gradients for an upstream gradient: those that are there, if they fit."""
        factor = _common_factor(grad_loss)
        if there is None or factor is None:
            every = (
                as_numpy(grad_loss)
                if grad_loss.ndim
                else _upstream(arguments.inputs, reduction, grad_loss.item())
            )
            anew = arguments._replace(candidates=candidates)
            return _of_one_table(*self._loss_and_grad(*anew, every)[1:4])
        if factor == 1:
            return there
        indices, *values = there
        with np.errstate(over="ignore", invalid="ignore"):  # as PyTorch's product
            rows, bias_rows, inputs = (array * factor for array in values)
        return indices, rows, bias_rows, inputs


def _upstream(inputs: Array, reduction: str, grad_loss: float) -> Array:
    """Return the gradient of each example's loss, from that of the reduced loss."""
    batch = len(inputs)
    share = grad_loss / batch if reduction == "mean" and batch else grad_loss
    upstream = np.empty(batch, inputs.dtype)
    upstream.fill(share)
    return upstream


def _common_factor(grad_loss: Tensor) -> float | None:
    """Return the upstream gradient of all examples, or None where they differ."""
    if grad_loss.ndim == 0:
        return grad_loss.item()
    if len(grad_loss) == 0:
        return 1.0
    upstream = as_numpy(grad_loss)
    first: float = upstream[0].item()
    return first if (upstream == first).all() else None


def _of_one_table(weights: Any, biases: Any, inputs: Array) -> Gradients:
    (rows, indices), (bias_rows, _) = weights[0], biases[0]
    return indices, rows, bias_rows, inputs


SAMPLED_SOFTMAX = SampledPasses(_core.sampled_softmax_loss, _core.sampled_softmax_loss_and_grad)
NCE = SampledPasses(_core.nce_loss, _core.nce_loss_and_grad)
