"""Labels and their weights as the operators take them, and what is made of each example's loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manyclass import _core
from manyclass._arrays import Array
from manyclass._scalars import as_integer, as_name
from manyclass.ragged_labels import RaggedLabels
from manyclass.torch._tensors import IDS, as_numpy, biases_of, check_tensor

Targets = tuple[Tensor, Tensor | None, Tensor | None]
# weights, biases, labels, row_splits, label_weights, inputs.
Tensors = tuple[Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None, Tensor]


def read_labels(
    labels: Tensor | RaggedLabels, num_true: int, label_weights: Tensor | None
) -> Targets:
    """Return labels, the splits of ragged ones, and weights; a vector is a matrix of one column."""
    columns = as_integer(num_true, "num_true")
    if isinstance(labels, RaggedLabels):
        check_tensor(labels.values, "labels.values", IDS)
        check_tensor(labels.row_splits, "labels.row_splits", IDS)
        if columns != 1:
            raise ValueError(
                f"num_true is {columns}; ragged labels have no fixed number: leave it at 1"
            )
        return labels.values, labels.row_splits, label_weights
    check_tensor(labels, "labels", IDS)
    if labels.ndim == 1:
        labels = labels.unsqueeze(1)
        if label_weights is not None and label_weights.ndim == 1:
            label_weights = label_weights.unsqueeze(1)
    if labels.ndim == 2 and labels.shape[1] != columns:
        raise ValueError(
            f"labels must have shape [batch, num_true] = [{labels.shape[0]}, {columns}], got "
            f"{list(labels.shape)}"
        )
    return labels, None, label_weights


def core_arguments(tensors: Tensors, label_smoothing: float) -> tuple[Any, Any, Any, Any]:
    """Return weights, biases, targets and inputs as the core takes them."""
    weights, biases, labels, row_splits, label_weights, inputs = tensors
    table = as_numpy(weights)
    targets = (
        as_numpy(labels),
        None if row_splits is None else as_numpy(row_splits),
        None if label_weights is None else as_numpy(label_weights),
        label_smoothing,
    )
    return table, biases_of(biases, table), targets, as_numpy(inputs)


def reduced(loss: Array, reduction: str) -> Tensor:
    """Return the loss of each example, or their mean or sum, as a tensor."""
    if reduction == "mean":
        loss = _core.mean_loss(loss)
    elif reduction == "sum":
        loss = _core.total_loss(loss)
    return torch.from_numpy(loss)


def check_reduction(reduction: str) -> None:
    """Refuse what is no name of a reduction."""
    if as_name(reduction, "reduction") not in ("none", "mean", "sum"):
        raise ValueError(f'reduction is {reduction!r}; it must be "none", "mean" or "sum"')


def num_true_of(labels: Tensor | RaggedLabels) -> int:
    """Return the number of columns of labels; 1 of a vector, and of what is refused later."""
    return labels.shape[1] if isinstance(labels, Tensor) and labels.ndim == 2 else 1
