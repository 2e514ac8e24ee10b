"""The exact loss over all classes as an operator of PyTorch, with its gradients.

Gradients of all rows are as large as weights: they are computed in the backward pass, in one pass
over the classes, for the upstream gradient as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from manyclass import _core
from manyclass.torch._backward import refuse_second_derivatives
from manyclass.torch._targets import core_arguments
from manyclass.torch._tensors import as_numpy

_STEP = (
    "Tensor weights, Tensor? biases, Tensor labels, Tensor? row_splits, Tensor? label_weights, "
    "Tensor inputs, float label_smoothing, int num_threads"
)
_NUM_TENSORS = 6
Gradients = tuple[Tensor, Tensor, Tensor]


def _core_arguments(step: tuple[Any, ...]) -> tuple[Any, ...]:
    *tensors, label_smoothing, num_threads = step
    return *core_arguments(tuple(tensors), label_smoothing), "div", num_threads


def _loss(*step: Any) -> Tensor:
    return torch.from_numpy(_core.full_softmax_loss(*_core_arguments(step)))


def _gradients(*arguments: Any) -> Gradients:
    *step, grad_loss = arguments
    upstream = np.ascontiguousarray(as_numpy(grad_loss))
    every = (*_core_arguments(tuple(step)), upstream, None)
    _, weights, biases, inputs = _core.full_softmax_loss_and_grad(*every)
    return torch.from_numpy(weights), torch.from_numpy(biases), torch.from_numpy(inputs)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    del output
    ctx.save_for_backward(*inputs[:_NUM_TENSORS])
    ctx.options = inputs[_NUM_TENSORS:]


def _all_gradients(ctx: Any, gradients: Gradients) -> tuple[Tensor | None, ...]:
    weights, biases, inputs = gradients
    needed = ctx.needs_input_grad
    return (
        *(weights if needed[0] else None, biases if needed[1] else None, None, None, None),
        *(inputs if needed[5] else None, None, None),
    )


class _Function(torch.autograd.Function):
    """The operator outside of graphs, where it costs less a call."""

    @staticmethod
    def forward(ctx: Any, *step: Any) -> Tensor:
        loss = _loss(*step)
        _setup_context(ctx, step, loss)
        return loss

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> Any:
        refuse_second_derivatives()
        return _all_gradients(ctx, _gradients(*ctx.saved_tensors, *ctx.options, grad_loss))


operator = torch.library.custom_op(
    "manyclass::full_softmax_loss", _loss, mutates_args=(), schema=f"({_STEP}) -> Tensor"
)
_gradients_operator = torch.library.custom_op(
    "manyclass::full_softmax_gradients",
    _gradients,
    mutates_args=(),
    schema=f"({_STEP}, Tensor grad_loss) -> (Tensor, Tensor, Tensor)",
)


@operator.register_fake
def _(*step: Any) -> Tensor:
    inputs: Tensor = step[5]
    return inputs.new_empty(inputs.shape[:1])


@_gradients_operator.register_fake
def _(*arguments: Any) -> Gradients:
    weights, inputs = arguments[0], arguments[5]
    return (
        weights.new_empty(weights.shape),
        weights.new_empty(weights.shape[:1]),
        inputs.new_empty(inputs.shape),
    )


def _backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
    refuse_second_derivatives()
    return _all_gradients(ctx, _gradients_operator(*ctx.saved_tensors, *ctx.options, grad_loss))


operator.register_autograd(_backward, setup_context=_setup_context)


def apply(*step: Any) -> Tensor:
    """Return the loss of each example, with gradients where they are asked for."""
    if torch.compiler.is_compiling():
        in_graph: Tensor = operator(*step)
        return in_graph
    result: Tensor = _Function.apply(*step)  # type: ignore[no-untyped-call]
    return result
