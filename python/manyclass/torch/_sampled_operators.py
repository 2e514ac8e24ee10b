"""The sampled losses as operators of PyTorch, for graphs: `torch.compile` and `torch.export`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manyclass.torch import _sampled_passes
from manyclass.torch._backward import gradients_of_inputs, refuse_second_derivatives
from manyclass.torch._candidates import draw_in_graph
from manyclass.torch._sampled_passes import Arguments, SampledPasses
from manyclass.torch._sampled_step import Step, needs_gradients
from manyclass.torch._targets import core_arguments
from manyclass.torch._tensors import as_numpy

# What every operator begins with; the order of the arguments everywhere in this module.
_STEP = (
    "Tensor weights, Tensor? biases, Tensor labels, Tensor? row_splits, Tensor? label_weights, "
    "Tensor inputs, Tensor candidates, Tensor true_expected_count, Tensor sampled_expected_count, "
    "float label_smoothing, bool remove_accidental_hits, bool mask_repeats, str log_q_correction, "
    "int num_threads, str reduction"
)
_NUM_TENSORS = 9
_NUM_OPERANDS = 15
_REDUCTION = 14
_NO_GRADIENTS = (None,) * 16  # sparse comes last
Result = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class SampledOperators:
    """A sampled loss without gradients, with them, and the gradients of a backward pass."""

    def __init__(self, name: str, passes: SampledPasses) -> None:
        self._passes = passes
        define = torch.library.custom_op
        self.loss = define(
            f"manyclass::{name}_loss",
            self._compute_loss,
            mutates_args=(),
            schema=f"({_STEP}) -> Tensor",
        )
        self.loss.register_fake(_fake_loss)
        self.loss_and_grad = define(
            f"manyclass::{name}_loss_and_grad",
            self._forward,
            mutates_args=(),
            schema=f"({_STEP}, bool sparse) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
        )
        self.loss_and_grad.register_fake(_fake_loss_and_grad)
        self._gradients = define(
            f"manyclass::{name}_gradients",
            self._new_gradients,
            mutates_args=(),
            schema=f"({_STEP}, Tensor grad_loss, Tensor indices, Tensor rows, Tensor bias_rows, "
            "Tensor grad_inputs) -> (Tensor, Tensor, Tensor)",
        )
        self._gradients.register_fake(_fake_gradients)
        self.loss_and_grad.register_autograd(self._backward, setup_context=_setup_context)

    def apply(self, step: Step, sparse: bool) -> Tensor:
        """Compute the reduced loss."""
        operands = _operands(step)
        if not needs_gradients(step):
            return self.loss(*operands)  # type: ignore[no-any-return]
        return self.loss_and_grad(*operands, sparse)[0]  # type: ignore[no-any-return]

    def _compute_loss(self, *operands: Any) -> Tensor:
        return self._passes.loss(_arguments(operands), operands[_REDUCTION])

    def _forward(self, *inputs: Any) -> Result:
        loss, gradients, _ = self._passes.forward(_arguments(inputs), inputs[_REDUCTION])
        indices, rows, bias_rows, grad_inputs = map(torch.from_numpy, gradients)
        return loss, indices, rows, bias_rows, grad_inputs

    def _new_gradients(self, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return gradients in new memory: an operator must not hand over what it was given."""
        grad_loss, *tensors = inputs[_NUM_OPERANDS:]
        indices, *there = map(as_numpy, tensors)
        arguments = _arguments(inputs)
        _, *gradients = self._passes.backward(
            *(arguments, arguments.candidates, inputs[_REDUCTION], grad_loss),
            (indices, there[0], there[1], there[2]),
        )
        rows, bias_rows, grad_inputs = (
            torch.from_numpy(new.copy() if new is old else new)
            for new, old in zip(gradients, there, strict=True)
        )
        return rows, bias_rows, grad_inputs

    def _backward(self, ctx: Any, grad_loss: Tensor | None, *_: None) -> Any:
        refuse_second_derivatives()
        if grad_loss is None:
            return _NO_GRADIENTS
        *tensors, indices, rows, bias_rows, inputs = ctx.saved_tensors
        gradients = self._gradients(
            *(*tensors, *ctx.options, grad_loss, indices, rows, bias_rows, inputs)
        )
        needed = ctx.needs_input_grad
        weights, biases, grad_inputs = gradients_of_inputs(
            (needed[0], needed[1], needed[5]),
            (tensors[0], tensors[1]),
            (indices.unsqueeze(0), *gradients),
            ctx.sparse,
        )
        return weights, biases, None, None, None, grad_inputs, *_NO_GRADIENTS[6:]


def _operands(step: Step) -> tuple[Any, ...]:
    """Return what operators take, in the order of the schema; candidates are drawn."""
    sampled = step.sampled_values
    if sampled is None:
        sampled = draw_in_graph(step.tensors[2], step.proposal, step.num_sampled, step.num_classes)
    *sampling, _, num_threads = step.options
    options = step.label_smoothing, *sampling, num_threads, step.reduction
    return *step.tensors, *sampled, *options


def _arguments(operands: tuple[Any, ...]) -> Arguments:
    smoothing, hits, masked, correction, num_threads = operands[_NUM_TENSORS:_REDUCTION]
    ids, true_counts, counts = map(as_numpy, operands[6:_NUM_TENSORS])
    arrays = *core_arguments(operands[:6], smoothing), (ids, true_counts, counts)
    return Arguments(*arrays, hits, masked, correction, "div", num_threads)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Result) -> None:
    ctx.save_for_backward(*inputs[:_NUM_TENSORS], *output[1:])
    ctx.options, ctx.sparse = inputs[_NUM_TENSORS:_NUM_OPERANDS], inputs[_NUM_OPERANDS]
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[1:])


def _fake_loss(*operands: Any) -> Tensor:
    inputs: Tensor = operands[5]
    return inputs.new_empty(inputs.shape[:1] if operands[_REDUCTION] == "none" else ())


def _fake_loss_and_grad(*operands: Any) -> Result:
    weights, labels, inputs = operands[0], operands[2], operands[5]
    rows = torch.library.get_ctx().new_dynamic_size()  # how many classes are touched
    return (
        _fake_loss(*operands),
        labels.new_empty((rows,)),
        weights.new_empty((rows, weights.shape[1])),
        weights.new_empty((rows,)),
        inputs.new_empty(inputs.shape),
    )


def _fake_gradients(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    rows, bias_rows, inputs = map(torch.empty_like, arguments[-3:])
    return rows, bias_rows, inputs


SAMPLED_SOFTMAX = SampledOperators("sampled_softmax", _sampled_passes.SAMPLED_SOFTMAX)
NCE = SampledOperators("nce", _sampled_passes.NCE)
