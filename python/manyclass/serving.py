"""The classes of the largest logits: for serving."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike, NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, Table, as_array, as_ids, as_table
from manyclass._compute_dtype import as_compute_dtype
from manyclass._scalars import as_flag, as_integer, as_name
from manyclass.ragged_labels import RaggedLabels
from manyclass.threads import thread_argument


def top_k(
    weights: Table,
    biases: Table,
    inputs: ArrayLike,
    k: int,
    *,
    excluded: ArrayLike | RaggedLabels | None = None,
    log_probabilities: bool = False,
    partition_strategy: str = "div",
    compute_dtype: DTypeLike | None = None,
    num_threads: int | None = None,
) -> tuple[NDArray[Any], IdArray]:
    """Find the classes of the k largest logits of each example, exactly: all are computed.

    Classes are streamed in blocks: the batch-by-classes matrix is never in memory.

    Parameters
    ----------
    weights, biases, inputs
        As in `full_softmax_loss`.
    k : int
        From 1 to the number of classes.
    excluded : array of int64, shape [batch, m], or RaggedLabels, optional
        Classes that each example is not answered, such as the items that a user has seen. In any
        order; repetitions do not matter.
    log_probabilities : bool, default False
        Whether ``values`` are the logarithms of the classes' probabilities: the logits less the
        logsumexp of the logits of all classes, excluded ones too. It comes from the same pass.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    compute_dtype : "bfloat16", optional
        What products are computed in, as in `full_softmax_loss`.
    num_threads : int, optional
        `get_num_threads` if None.

    Returns
    -------
    values : array, shape [batch, k]
        The logits, largest first, or their log probabilities, in the dtype of inputs.
    indices : array of int64, shape [batch, k]
        Their classes. Of equal logits the smaller class is ahead; NaN is behind all others.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, an excluded class lies outside [0, num_classes), ``k`` is
        below 1 or above the number of classes that are not excluded, or ``compute_dtype`` is
        another or comes with float64 arrays.
    TypeError
        If a dtype is another.
    """
    return _core.top_k(
        as_table(weights, "weights"),
        as_table(biases, "biases"),
        as_array(inputs, "inputs"),
        as_integer(k, "k"),
        None if excluded is None else excluded_classes(excluded),
        as_flag(log_probabilities, "log_probabilities"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
        as_compute_dtype(compute_dtype),
    )


def excluded_classes(excluded: ArrayLike | RaggedLabels) -> tuple[IdArray, IdArray | None]:
    """Return the classes as the core takes them, row splits beside them if they are ragged."""
    if not isinstance(excluded, RaggedLabels):
        return as_ids(excluded, "excluded"), None
    return (
        as_ids(excluded.values, "excluded.values"),
        as_ids(excluded.row_splits, "excluded.row_splits"),
    )
