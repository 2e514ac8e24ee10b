"""The exact best classes, and exact evaluation, of tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from manyclass import evaluation, serving
from manyclass.ragged_labels import RaggedLabels
from manyclass.torch._targets import read_labels
from manyclass.torch._tensors import FLOATS, as_numpy, biases_of, check_optional, check_tensor


def top_k(
    weights: Tensor, biases: Tensor | None, inputs: Tensor, k: int, **options: Any
) -> tuple[Tensor, Tensor]:
    """Find the classes of the k largest logits of each example, exactly; no gradients.

    Parameters
    ----------
    weights, biases, inputs
        As in `sampled_softmax_loss`.
    k : int
        From 1 to the number of classes.
    **options
        Those of `manyclass.top_k`: ``excluded``, ``log_probabilities``, ``compute_dtype``,
        ``num_threads``.

    Returns
    -------
    values : Tensor, shape [batch, k]
        The logits, largest first, or their log probabilities.
    indices : Tensor of int64, shape [batch, k]
        Their classes.

    Raises
    ------
    ValueError, TypeError
        As `manyclass.top_k`; tensors as in `sampled_softmax_loss`.
    """
    arrays = _arrays(weights, biases, inputs)
    values, indices = serving.top_k(*arrays, k, **options)
    return torch.from_numpy(values), torch.from_numpy(indices)


def evaluate(
    weights: Tensor,
    biases: Tensor | None,
    labels: Tensor | RaggedLabels,
    inputs: Tensor,
    num_true: int = 1,
    *,
    k: int | Iterable[int] = (1, 5, 10),
    progress: bool | None = None,
    num_threads: int | None = None,
) -> evaluation.Evaluation:
    """Compute the exact loss and the usual metrics of ranking, in one pass over the classes.

    `manyclass.evaluate` on tensors, which tells what the parameters are.

    Returns
    -------
    Evaluation
        Its fields are numbers of Python, not tensors.
    """
    table, offsets, rows = _arrays(weights, biases, inputs)
    ids, row_splits, _ = read_labels(labels, num_true, None)
    targets = (
        as_numpy(ids) if row_splits is None else RaggedLabels(as_numpy(ids), as_numpy(row_splits))
    )
    return evaluation.evaluate(
        *(table, offsets, targets, rows, num_true),
        k=k,
        progress=progress,
        num_threads=num_threads,
    )


def _arrays(weights: Tensor, biases: Tensor | None, inputs: Tensor) -> tuple[Any, Any, Any]:
    check_tensor(weights, "weights", FLOATS, has_gradient=True)
    check_optional(biases, "biases", (weights.dtype,), has_gradient=True)
    check_tensor(inputs, "inputs", (weights.dtype,), has_gradient=True)
    table = as_numpy(weights)
    return table, biases_of(biases, table), as_numpy(inputs)
