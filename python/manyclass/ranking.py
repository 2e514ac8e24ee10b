"""Where the true classes stand among all classes."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike, NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, Table, as_array, as_table
from manyclass._compute_dtype import as_compute_dtype
from manyclass._scalars import as_name
from manyclass._targets import read_targets
from manyclass.ragged_labels import RaggedLabels
from manyclass.threads import thread_argument


def label_ranks(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_true: int = 1,
    *,
    partition_strategy: str = "div",
    compute_dtype: DTypeLike | None = None,
    num_threads: int | None = None,
) -> IdArray:
    """Compute the rank of each true class among all classes.

    Parameters are those of `full_softmax_loss`.

    Returns
    -------
    array of int64, shape [batch, num_true] or, for ragged labels, [num_labels]
        1 for the class of the largest logit. Of equal logits the smaller class is ahead. A label
        whose logit is NaN has the last rank, ``num_classes``.
    """
    return _core.label_ranks(
        as_table(weights, "weights"),
        as_table(biases, "biases"),
        read_targets(labels, num_true),
        as_array(inputs, "inputs"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
        as_compute_dtype(compute_dtype),
    )


def full_softmax_loss_and_ranks(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_true: int = 1,
    *,
    partition_strategy: str = "div",
    label_weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    compute_dtype: DTypeLike | None = None,
    num_threads: int | None = None,
) -> tuple[NDArray[Any], IdArray]:
    """Compute `full_softmax_loss` and `label_ranks` in one pass over the classes.

    Parameters are those of `full_softmax_loss`.

    Returns
    -------
    loss : array, shape [batch]
        With the bits of `full_softmax_loss`.
    ranks : array of int64, shape [batch, num_true] or, for ragged labels, [num_labels]
        Those of `label_ranks`.
    """
    return _core.full_softmax_loss_and_ranks(
        as_table(weights, "weights"),
        as_table(biases, "biases"),
        read_targets(labels, num_true, label_weights, label_smoothing),
        as_array(inputs, "inputs"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
        as_compute_dtype(compute_dtype),
    )
