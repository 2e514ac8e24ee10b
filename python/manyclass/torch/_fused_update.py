"""A sampled loss whose backward pass updates weights and biases, instead of returning gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manyclass.row_optimizer import RowOptimizer
from manyclass.samplers import Sampler
from manyclass.torch import _sampled_function
from manyclass.torch._backward import refuse_second_derivatives
from manyclass.torch._sampled_passes import SAMPLED_SOFTMAX
from manyclass.torch._sampled_step import Step, read_step
from manyclass.torch._tensors import as_numpy


class _UpdatingLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        weights: Tensor,
        biases: Tensor | None,
        inputs: Tensor,
        optimizer: RowOptimizer,
        step: Step,
    ) -> Tensor:
        del weights, biases, inputs  # in the step; named here for autograd
        ctx.optimizer = optimizer
        return _sampled_function.forward(ctx, SAMPLED_SOFTMAX, step)

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor | None) -> Any:
        refuse_second_derivatives()
        if grad_loss is None:
            return (None,) * 5
        # Raises if the rows have changed since the forward pass, by another backward pass too.
        weights, biases, *_ = ctx.saved_tensors
        indices, rows, bias_rows, inputs = _sampled_function.take_gradients(ctx, grad_loss)
        parts = [(as_numpy(weights), indices, rows, "weight: ")]
        if biases is not None:
            parts.append((as_numpy(biases), indices, bias_rows, "bias: "))
        ctx.optimizer._take_step(parts, ctx.arguments.num_threads)
        torch.autograd.graph.increment_version([weights] if biases is None else [weights, biases])
        grad_inputs = torch.from_numpy(inputs) if ctx.needs_input_grad[2] else None
        return None, None, grad_inputs, None, None


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
        (sampler if sampled_values is None else None, None),
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
    weights, biases, *_, inputs = step.tensors
    result: Tensor = _UpdatingLoss.apply(weights, biases, inputs, optimizer, step)  # type: ignore[no-untyped-call]
    return result
