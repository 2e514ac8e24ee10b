"""The sampled losses as operators of PyTorch, with their gradients.

One pass gives a step's loss and gradients, so the gradients are computed in the forward pass, for
the upstream gradient that is expected. The backward pass hands them over if that is what comes,
scales them if it is another number for all examples, and computes anew if the numbers differ.

In a graph (`torch.compile`, `torch.export`) operators stand for this; outside, a function of
autograd, which costs less a call, does the same by the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manyclass import _core
from manyclass._arrays import Array
from manyclass.torch._backward import refuse_second_derivatives, rows_as_gradient
from manyclass.torch._targets import core_arguments, reduced
from manyclass.torch._tensors import as_numpy

# What every operator begins with; the order of the arguments everywhere in this module.
_STEP = (
    "Tensor weights, Tensor? biases, Tensor labels, Tensor? row_splits, Tensor? label_weights, "
    "Tensor inputs, Tensor candidates, Tensor true_expected_count, Tensor sampled_expected_count, "
    "float label_smoothing, bool remove_accidental_hits, bool mask_repeats, str log_q_correction, "
    "int num_threads, str reduction"
)
_NUM_TENSORS = 9
_NUM_ARGUMENTS = 15
_REDUCTION = 14
_NO_GRADIENTS = (None,) * 16  # sparse comes last
Step = tuple[Any, ...]
# The touched rows, the gradients of weights and biases there, and that of inputs.
Gradients = tuple[Tensor, Tensor, Tensor, Tensor]
Result = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
_InputGradients = tuple[Tensor | None, ...]


class SampledOperator:
    """A sampled loss: `loss` and `compute_loss` without, `operator` and `apply` with gradients.

    The first of each is for graphs.
    """

    def __init__(
        self, name: str, loss: Callable[..., Any], loss_and_grad: Callable[..., Any]
    ) -> None:
        self._core_loss = loss
        self._core_loss_and_grad = loss_and_grad
        define = torch.library.custom_op
        self.loss = define(
            f"manyclass::{name}_loss",
            self.compute_loss,
            mutates_args=(),
            schema=f"({_STEP}) -> Tensor",
        )
        self.loss.register_fake(_fake_loss)
        self.operator = define(
            f"manyclass::{name}_loss_and_grad",
            self.forward,
            mutates_args=(),
            schema=f"({_STEP}, bool sparse) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
        )
        self.operator.register_fake(_fake_loss_and_grad)
        self._gradients_operator = define(
            f"manyclass::{name}_gradients",
            self._new_gradients,
            mutates_args=(),
            schema=f"({_STEP}, Tensor grad_loss, Tensor indices, Tensor rows, Tensor bias_rows, "
            "Tensor grad_inputs) -> (Tensor, Tensor, Tensor)",
        )
        self._gradients_operator.register_fake(_fake_gradients)
        self.operator.register_autograd(self._graph_backward, setup_context=_setup_context)
        function: Any = type(
            f"{name}_loss",
            (torch.autograd.Function,),
            {
                "forward": staticmethod(self._eager_forward),
                "backward": staticmethod(self._eager_backward),
            },
        )
        self.apply: Callable[..., Tensor] = function.apply

    def compute_loss(self, *step: Any) -> Tensor:
        """Compute the loss of each example."""
        return reduced(self._core_loss(*_core_arguments(step)), step[_REDUCTION])

    def forward(self, *inputs: Any) -> Result:
        """Return the reduced loss and the gradients for an upstream gradient of 1."""
        step = inputs[:_NUM_ARGUMENTS]
        arguments = _core_arguments(step)
        loss, *gradients = self._core_loss_and_grad(*arguments, _upstream(step, 1.0))
        return reduced(loss, step[_REDUCTION]), *_as_gradients(*gradients)

    def gradients(self, step: Step, grad_loss: Tensor, there: Gradients | None) -> Gradients:
        """Return the gradients for an upstream gradient: those that are there, if they fit."""
        upstream = as_numpy(grad_loss)
        if there is not None and upstream.size == 0:
            return there
        if there is None or not _is_constant(upstream):
            arguments = _core_arguments(step)
            every = upstream if upstream.ndim else _upstream(step, upstream.item())
            return _as_gradients(*self._core_loss_and_grad(*arguments, every)[1:])
        factor = upstream.flat[0]
        if factor == 1:
            return there
        indices, *values = there
        rows, bias_rows, inputs = (torch.from_numpy(as_numpy(tensor) * factor) for tensor in values)
        return indices, rows, bias_rows, inputs

    def _new_gradients(self, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return gradients in new memory: an operator must not hand over what it was given."""
        step, (grad_loss, *there) = arguments[:_NUM_ARGUMENTS], arguments[_NUM_ARGUMENTS:]
        indices, *values = there
        gradients = self.gradients(step, grad_loss, (indices, values[0], values[1], values[2]))
        rows, bias_rows, inputs = (
            new.clone() if new is old else new
            for new, old in zip(gradients[1:], values, strict=True)
        )
        return rows, bias_rows, inputs

    def _graph_backward(self, ctx: Any, grad_loss: Tensor | None, *_: None) -> Any:
        refuse_second_derivatives()
        if grad_loss is None:
            return _NO_GRADIENTS
        *tensors, indices, rows, bias_rows, inputs = ctx.saved_tensors
        gradients = self._gradients_operator(
            *(*tensors, *ctx.options, grad_loss, indices, rows, bias_rows, inputs)
        )
        return _of_inputs(ctx, tensors, (indices, *gradients))

    # A setup_context of its own would have autograd inspect a signature in each call.
    def _eager_forward(self, ctx: Any, *inputs: Any) -> Tensor:
        loss, *ctx.there = self.forward(*inputs)
        save_step(ctx, inputs, ())
        return loss

    def _eager_backward(self, ctx: Any, grad_loss: Tensor | None) -> Any:
        refuse_second_derivatives()
        if grad_loss is None:
            return _NO_GRADIENTS
        # Handed over for good: autograd copies what somebody else has, too. A second backward pass
        # over a retained graph computes anew.
        there, ctx.there = ctx.there, None
        tensors = ctx.saved_tensors
        return _of_inputs(ctx, tensors, self.gradients((*tensors, *ctx.options), grad_loss, there))


def _core_arguments(step: Step) -> tuple[Any, ...]:
    tensors, candidates = step[:6], step[6:_NUM_TENSORS]
    label_smoothing, remove_accidental_hits, mask_repeats, correction, num_threads = step[
        _NUM_TENSORS:_REDUCTION
    ]
    return (
        *core_arguments(tensors, label_smoothing),
        tuple(map(as_numpy, candidates)),
        *(remove_accidental_hits, mask_repeats, correction, "div", num_threads),
    )


def _upstream(step: Step, grad_loss: float) -> Array:
    """Return the gradient of each example's loss, from that of the reduced loss."""
    inputs = as_numpy(step[5])
    batch = len(inputs)
    share = grad_loss / batch if step[_REDUCTION] == "mean" and batch else grad_loss
    return np.full(batch, share, inputs.dtype)


def _is_constant(upstream: Array) -> bool:
    return upstream.ndim == 0 or bool((upstream == upstream[0]).all())


def _as_gradients(weights: Any, biases: Any, inputs: Array) -> Gradients:
    (rows, indices), (bias_rows, _) = weights[0], biases[0]
    tensor = torch.from_numpy
    return tensor(indices), tensor(rows), tensor(bias_rows), tensor(inputs)


def save_step(ctx: Any, inputs: Step, there: Iterable[Tensor]) -> None:
    """Keep for the backward pass what the step was made of, and tensors that are there."""
    ctx.save_for_backward(*inputs[:_NUM_TENSORS], *there)
    ctx.options, ctx.sparse = inputs[_NUM_TENSORS:_NUM_ARGUMENTS], inputs[_NUM_ARGUMENTS]
    ctx.set_materialize_grads(False)


def _setup_context(ctx: Any, inputs: Step, output: Result) -> None:
    save_step(ctx, inputs, output[1:])
    ctx.mark_non_differentiable(*output[1:])


def _of_inputs(ctx: Any, tensors: Sequence[Tensor], gradients: Gradients) -> _InputGradients:
    """Return what a backward pass returns: a gradient for each input that wants one."""
    indices, rows, bias_rows, inputs = gradients
    result: list[Tensor | None] = list(_NO_GRADIENTS)
    if ctx.needs_input_grad[0]:
        result[0] = rows_as_gradient(indices, rows, tensors[0], ctx.sparse)
    if ctx.needs_input_grad[1]:
        result[1] = rows_as_gradient(indices, bias_rows, tensors[1], ctx.sparse)
    if ctx.needs_input_grad[5]:
        result[5] = inputs
    return tuple(result)


def _fake_loss(*step: Any) -> Tensor:
    inputs: Tensor = step[5]
    return inputs.new_empty(inputs.shape[:1] if step[_REDUCTION] == "none" else ())


def _fake_loss_and_grad(*step: Any) -> Result:
    weights, labels, inputs = step[0], step[2], step[5]
    rows = torch.library.get_ctx().new_dynamic_size()  # how many classes are touched
    return (
        _fake_loss(*step),
        labels.new_empty((rows,)),
        weights.new_empty((rows, weights.shape[1])),
        weights.new_empty((rows,)),
        inputs.new_empty(inputs.shape),
    )


def _fake_gradients(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    rows, bias_rows, inputs = map(torch.empty_like, arguments[-3:])
    return rows, bias_rows, inputs


SAMPLED_SOFTMAX = SampledOperator(
    "sampled_softmax", _core.sampled_softmax_loss, _core.sampled_softmax_loss_and_grad
)
NCE = SampledOperator("nce", _core.nce_loss, _core.nce_loss_and_grad)
