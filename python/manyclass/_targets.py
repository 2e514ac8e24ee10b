"""The targets of a loss: labels, their weights and label smoothing, as the core takes them."""

from __future__ import annotations

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, as_array, as_ids
from manyclass._scalars import as_integer, as_real
from manyclass.ragged_labels import RaggedLabels


def read_targets(
    labels: ArrayLike | RaggedLabels,
    num_true: int,
    label_weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
) -> _core.Targets:
    """Return labels, the splits of ragged ones, weights and smoothing; the core checks them.

    A tuple that is no `RaggedLabels` is a nested sequence like a list.
    """
    columns = as_integer(num_true, "num_true")
    row_splits = None
    if isinstance(labels, RaggedLabels):
        if columns != 1:
            raise ValueError(
                f"num_true is {columns}; ragged labels have no fixed number: leave it at 1"
            )
        ids = as_ids(labels.values, "labels.values")
        row_splits = as_ids(labels.row_splits, "labels.row_splits")
    else:
        ids = _as_matrix(labels, columns)
    weights = None if label_weights is None else as_array(label_weights, "label_weights")
    return ids, row_splits, weights, as_real(label_smoothing, "label_smoothing")


def _as_matrix(labels: ArrayLike, num_true: int) -> IdArray:
    """Return labels as an array of ``num_true`` columns; the core refuses other ranks."""
    array = as_ids(labels, "labels")
    if array.ndim == 2 and array.shape[1] != num_true:
        raise ValueError(
            f"labels must have shape [batch, num_true] = [{array.shape[0]}, {num_true}], got "
            f"{list(array.shape)}"
        )
    return array
