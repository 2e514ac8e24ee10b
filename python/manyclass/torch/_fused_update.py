"""A sampled loss whose backward pass updates weights and biases, instead of returning gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manyclass.indexed_slices import IndexedSlices
from manyclass.row_optimizer import RowOptimizer
from manyclass.samplers import Sampler
from manyclass.torch._backward import refuse_second_derivatives
from manyclass.torch._candidates import Proposal
from manyclass.torch._sampled_operators import SAMPLED_SOFTMAX, save_step
from manyclass.torch._sampled_step import read_step
from manyclass.torch._tensors import as_numpy


class _UpdatingLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, optimizer: RowOptimizer, *inputs: Any) -> Tensor:
        loss, *ctx.there = SAMPLED_SOFTMAX.forward(*inputs)
        ctx.optimizer = optimizer
        save_step(ctx, inputs, ())
        return loss

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor | None) -> Any:
        refuse_second_derivatives()
        no_gradients: list[Tensor | None] = [None] * len(ctx.needs_input_grad)
        if grad_loss is None:
            return tuple(no_gradients)
        # Raises if the rows have changed since the forward pass, by another backward pass too.
        tensors = ctx.saved_tensors
        there, ctx.there = ctx.there, None
        indices, rows, bias_rows, inputs = SAMPLED_SOFTMAX.gradients(
            (*tensors, *ctx.options), grad_loss, there
        )
        variables, slices = [tensors[0]], [rows]
        if tensors[1] is not None:
            variables, slices = [*variables, tensors[1]], [*slices, bias_rows]
        ctx.optimizer.step(
            (as_numpy(variable), IndexedSlices(values.numpy(), indices.numpy(), variable.shape))
            for variable, values in zip(variables, slices, strict=True)
        )
        torch.autograd.graph.increment_version(variables)
        no_gradients[6] = inputs if ctx.needs_input_grad[6] else None
        return tuple(no_gradients)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def loss(
    optimizer: RowOptimizer,
    arguments: tuple[Any, ...],
    sampler: Sampler,
    sampled_values: Any,
    label_weights: Tensor | None,
    options: dict[str, Any],
    num_threads: int | None,
) -> Tensor:
    """Return the sampled softmax loss; its backward pass takes a step of the optimizer."""
    step = read_step(
        arguments,
        sampled_values,
        Proposal(sampler if sampled_values is None else None, None),
        (
            options["remove_accidental_hits"],
            options["mask_repeats"],
            options["log_q_correction"],
            num_threads,
        ),
        label_weights,
        options["label_smoothing"],
        options["reduction"],
    )
    result: Tensor = _UpdatingLoss.apply(optimizer, *step, True)  # type: ignore[no-untyped-call]
    return result
