"""The classes of the largest logits: for serving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, IdArray, Table, as_array, as_table
from manyclass._scalars import as_integer, as_name
from manyclass._targets import read_targets
from manyclass.threads import thread_argument

_LOGITS_A_BLOCK = 2**22
_LEAST_CLASSES_A_BLOCK = 2**12


def top_k(
    weights: Table,
    biases: Table,
    inputs: ArrayLike,
    k: int,
    *,
    partition_strategy: str = "div",
    num_threads: int | None = None,
) -> tuple[NDArray[Any], IdArray]:
    """Find the classes of the k largest logits of each example, exactly.

    Classes are streamed in blocks: the batch-by-classes matrix is never in memory.

    Parameters
    ----------
    weights, biases, inputs
        As in `full_softmax_loss`.
    k : int
        From 1 to the number of classes.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    num_threads : int, optional
        Of manyclass; the products of this function run in NumPy, whose threads are its own.

    Returns
    -------
    values : array, shape [batch, k]
        The logits, largest first, in the dtype of inputs.
    indices : array of int64, shape [batch, k]
        Their classes. Of equal logits the smaller class is ahead; NaN is behind all others.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, or ``k`` is out of range.
    TypeError
        If a dtype is another.
    """
    weight_table, bias_table = as_table(weights, "weights"), as_table(biases, "biases")
    rows, size = as_array(inputs, "inputs"), as_integer(k, "k")
    strategy = as_name(partition_strategy, "partition_strategy")
    _core.full_softmax_loss(  # the core's checks, on no examples
        weight_table,
        bias_table,
        read_targets(np.empty((0, 1), np.int64), num_true=1),
        rows[:0] if rows.ndim == 2 else rows,
        strategy,
        thread_argument(num_threads),
    )
    weight_shards = weight_table if isinstance(weight_table, list) else [weight_table]
    num_classes = sum(map(len, weight_shards))
    if not 1 <= size <= num_classes:
        raise ValueError(
            f"k is {size}; it must be at least 1 and at most the {num_classes} classes"
        )
    mod = strategy == "mod"
    all_biases = _in_class_order(bias_table, mod)
    values = np.empty((len(rows), 0), rows.dtype)
    ids = np.empty((len(rows), 0), np.int64)
    for shard_rows, classes in _blocks(weight_shards, mod, len(rows)):
        with np.errstate(over="ignore", invalid="ignore"):
            logits = rows @ shard_rows.T
            logits += all_biases[classes]
        block_values, places = _largest(logits, size)
        values, ids = _merged(
            np.concatenate([values, block_values], axis=1),
            np.concatenate([ids, classes.start + classes.step * places], axis=1),
            size,
        )
    return values, ids


def _in_class_order(biases: Array | list[Array], mod: bool) -> Array:
    if not isinstance(biases, list):
        return biases
    if not mod:
        return np.concatenate(biases)
    result = np.empty(sum(map(len, biases)), biases[0].dtype)
    for p, shard in enumerate(biases):
        result[p :: len(biases)] = shard
    return result


def _blocks(shards: list[Array], mod: bool, batch: int) -> Iterator[tuple[Array, slice]]:
    """Yield rows of weights, and which classes they are."""
    size = max(_LEAST_CLASSES_A_BLOCK, _LOGITS_A_BLOCK // max(batch, 1))
    step = len(shards) if mod else 1
    start = 0
    for p, shard in enumerate(shards):
        for first in range(0, len(shard), size):
            rows = shard[first : first + size]
            begin = p + first * step if mod else start + first
            yield rows, slice(begin, begin + (len(rows) - 1) * step + 1, step)
        start += len(shard)


def _largest(logits: Array, k: int) -> tuple[Array, IdArray]:
    """Return the k largest of each row, in order, and their places."""
    size = min(k, logits.shape[1])
    falling = -logits  # so that NumPy's order, which has NaN last, is ours
    places = np.empty((len(logits), size), np.int64)
    bounds = np.partition(falling, size - 1, axis=1)[:, size - 1]
    for row, bound, out in zip(falling, bounds, places, strict=True):
        near = np.arange(len(row)) if np.isnan(bound) else np.flatnonzero(row <= bound)
        out[:] = near[np.argsort(row[near], kind="stable")[:size]]
    return np.take_along_axis(logits, places, axis=1), places


def _merged(values: Array, ids: IdArray, k: int) -> tuple[Array, IdArray]:
    order = np.lexsort((ids, -values), axis=1)[:, :k]
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(ids, order, axis=1)
