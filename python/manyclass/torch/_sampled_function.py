"""The sampled losses outside of graphs: a function of autograd, which costs less than operators."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manyclass.torch._backward import gradients_of_inputs, refuse_second_derivatives
from manyclass.torch._candidates import as_core_candidates
from manyclass.torch._sampled_passes import Arguments, SampledPasses
from manyclass.torch._sampled_step import Step, needs_gradients
from manyclass.torch._targets import core_arguments


def read_arguments(step: Step) -> Arguments:
    """Return a step as the core takes it; nothing is drawn yet."""
    weights, biases, targets, inputs = core_arguments(step.tensors, step.label_smoothing)
    hits, masked, correction, num_threads = step.options
    candidates = as_core_candidates(
        step.sampled_values, step.proposal, step.num_sampled, step.num_classes
    )
    return Arguments(
        *(weights, biases, targets, inputs, candidates),
        *(hits, masked, correction, "div", num_threads),
    )


def apply(passes: SampledPasses, step: Step, sparse: bool) -> Tensor:
    """Compute the reduced loss, with a graph of autograd if that is wanted."""
    if not needs_gradients(step):
        return passes.loss(read_arguments(step), step.reduction)
    weights, biases, *_, inputs = step.tensors
    result: Tensor = _SampledLoss.apply(weights, biases, inputs, passes, step, sparse)  # type: ignore[no-untyped-call]
    return result


def save_for_backward(ctx: Any, step: Step) -> None:
    """Keep the tensors of a step: those that change before the backward pass are refused there."""
    ctx.save_for_backward(*step.tensors, *(step.sampled_values or ()))
    ctx.set_materialize_grads(False)


# A setup_context of its own would have autograd inspect a signature in each call.
class _SampledLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        weights: Tensor,
        biases: Tensor | None,
        inputs: Tensor,
        passes: SampledPasses,
        step: Step,
        sparse: bool,
    ) -> Tensor:
        del weights, biases, inputs  # in the step; named here for autograd
        loss, ctx.there, ctx.again = passes.forward(read_arguments(step), step.reduction)
        ctx.passes, ctx.reduction, ctx.sparse = passes, step.reduction, sparse
        save_for_backward(ctx, step)
        return loss

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor | None) -> Any:
        refuse_second_derivatives()
        if grad_loss is None:
            return (None,) * 6
        # Handed over for good: autograd copies what somebody else has, too. A second backward pass
        # over a retained graph computes anew.
        there, ctx.there = ctx.there, None
        tables = ctx.saved_tensors[:2]
        gradients = ctx.passes.backward(ctx.again, ctx.reduction, grad_loss, there)
        needed = ctx.needs_input_grad[:3]
        return *gradients_of_inputs(needed, tables, gradients, ctx.sparse), None, None, None
