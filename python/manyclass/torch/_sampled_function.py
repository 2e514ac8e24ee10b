"""The sampled losses outside of graphs: a function of autograd, which costs less than operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from manyclass.torch._backward import gradients_of_inputs, refuse_second_derivatives
from manyclass.torch._candidates import as_core_candidates
from manyclass.torch._sampled_passes import Arguments, Gradients, SampledPasses
from manyclass.torch._sampled_step import Step, needs_gradients
from manyclass.torch._targets import core_arguments


def read_arguments(step: Step) -> Arguments:
    """Return a step as the core takes it; nothing is drawn yet."""
    candidates = as_core_candidates(
        step.sampled_values, step.proposal, step.num_sampled, step.num_classes
    )
    weights, biases, targets, inputs = core_arguments(step.tensors, step.label_smoothing)
    return Arguments(weights, biases, targets, inputs, candidates, *step.options)


def apply(passes: SampledPasses, step: Step, sparse: bool) -> Tensor:
    """Compute the reduced loss, with a graph of autograd if that is wanted."""
    if not needs_gradients(step):
        return passes.loss(read_arguments(step), step.reduction)
    weights, biases, *_, inputs = step.tensors
    result: Tensor = _SampledLoss.apply(weights, biases, inputs, passes, step, sparse)  # type: ignore[no-untyped-call]
    return result


def forward(ctx: Any, passes: SampledPasses, step: Step) -> Tensor:
    """Compute the reduced loss; keep what the backward pass needs."""
    ctx.passes, ctx.arguments, ctx.reduction = passes, read_arguments(step), step.reduction
    loss, ctx.there, ctx.candidates = passes.forward(ctx.arguments, step.reduction)
    # Those that change before the backward pass are refused there.
    ctx.save_for_backward(*step.tensors, *(step.sampled_values or ()))
    ctx.set_materialize_grads(False)
    return loss


def take_gradients(ctx: Any, grad_loss: Tensor) -> Gradients:
    """Return the gradients, which are the caller's: autograd copies what somebody else has, too.

    A second backward pass over a retained graph computes anew.
    """
    there, ctx.there = ctx.there, None
    result: Gradients = ctx.passes.backward(
        ctx.arguments, ctx.candidates, ctx.reduction, grad_loss, there
    )
    return result


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
        ctx.sparse = sparse
        return forward(ctx, passes, step)

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor | None) -> Any:
        refuse_second_derivatives()
        if grad_loss is None:
            return (None,) * 6
        tables = ctx.saved_tensors[:2]  # raises if a tensor of the step has changed
        indices, rows, bias_rows, inputs = take_gradients(ctx, grad_loss)
        tensor = torch.from_numpy
        gradients = tensor(indices[np.newaxis]), tensor(rows), tensor(bias_rows), tensor(inputs)
        needed = ctx.needs_input_grad[:3]
        return *gradients_of_inputs(needed, tables, gradients, ctx.sparse), None, None, None
