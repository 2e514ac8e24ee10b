"""The sampled losses of ``manyclass``, with autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manyclass._scalars import as_flag
from manyclass._seeds import SeedLike
from manyclass.ragged_labels import RaggedLabels
from manyclass.samplers import Sampler
from manyclass.torch import _sampled_function, _sampled_operators, _sampled_passes
from manyclass.torch._sampled_step import read_step


def sampled_softmax_loss(
    weights: Tensor,
    biases: Tensor | None,
    labels: Tensor | RaggedLabels,
    inputs: Tensor,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "none",
    sparse: bool = True,
    num_threads: int | None = None,
) -> Tensor:
    """Compute the sampled softmax loss; gradients flow to weights, biases and inputs.

    `manyclass.sampled_softmax_loss` on tensors, which tells what the other parameters mean. Losses
    and gradients have its bits. The backward pass uses the candidates of the forward pass.

    Parameters
    ----------
    weights : Tensor of float32 or float64, shape [num_classes, dim]
        On the CPU, used where it lies: rows must be contiguous, their stride is free.
    biases : Tensor, shape [num_classes], optional
        Of the dtype of weights; None for a model without.
    labels : Tensor of int64, shape [batch, num_true] or [batch], or RaggedLabels of tensors
        The true classes.
    inputs : Tensor, shape [batch, dim]
        Of the dtype of weights.
    reduction : {"none", "mean", "sum"}
        What is returned: the loss of each example, or their mean or sum. To have it done here
        spares the backward pass a multiplication of the gradients.
    sparse : bool, default True
        Whether the gradients of weights and biases are sparse COO tensors of the touched rows, for
        ``torch.optim.SparseAdam``, ``Adagrad`` and ``SGD``; else they are dense. Memory and time
        for dense ones grow with num_classes.

    Returns
    -------
    Tensor
        Shape [batch], or [] if reduced, in the dtype of inputs.

    Raises
    ------
    ValueError, TypeError
        As the function of NumPy arrays; also if a tensor is on another device, needs a copy to be
        used, or requires a gradient that it cannot have. A seed that is a
        ``numpy.random.Generator`` is for use outside of graphs.

    Notes
    -----
    `torch.compile` and `torch.export` have operators for it. A graph knows a sampler by a number:
    it draws from the sampler of this process, and only while that exists.

    Each call draws: under ``torch.utils.checkpoint``, the second forward pass has other candidates,
    unless ``seed`` or ``sampled_values`` is given.
    """
    del name
    step = read_step(
        (weights, biases, labels, inputs, num_sampled, num_classes, num_true),
        sampled_values,
        (sampler, seed),
        (remove_accidental_hits, mask_repeats, log_q_correction, num_threads),
        label_weights,
        label_smoothing,
        reduction,
    )
    as_sparse = as_flag(sparse, "sparse")
    if torch.compiler.is_compiling():
        return _sampled_operators.SAMPLED_SOFTMAX.apply(step, as_sparse)
    return _sampled_function.apply(_sampled_passes.SAMPLED_SOFTMAX, step, as_sparse)


def nce_loss(
    weights: Tensor,
    biases: Tensor | None,
    labels: Tensor | RaggedLabels,
    inputs: Tensor,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    seed: SeedLike = None,
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: Tensor | None = None,
    reduction: str = "none",
    sparse: bool = True,
    num_threads: int | None = None,
) -> Tensor:
    """Compute the noise-contrastive loss; gradients flow to weights, biases and inputs.

    `manyclass.nce_loss` on tensors, which tells what the parameters mean; tensors, ``reduction``
    and ``sparse`` are as in `sampled_softmax_loss`.

    Returns
    -------
    Tensor
        Shape [batch], or [] if reduced, in the dtype of inputs.
    """
    del name
    step = read_step(
        (weights, biases, labels, inputs, num_sampled, num_classes, num_true),
        sampled_values,
        (sampler, seed),
        (remove_accidental_hits, mask_repeats, log_q_correction, num_threads),
        label_weights,
        0.0,
        reduction,
    )
    as_sparse = as_flag(sparse, "sparse")
    if torch.compiler.is_compiling():
        return _sampled_operators.NCE.apply(step, as_sparse)
    return _sampled_function.apply(_sampled_passes.NCE, step, as_sparse)
