"""The weights and biases of a layer: made, or checked where they lie."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, Table, as_table
from manyclass._optimizer_state import memory_of, state_dtype
from manyclass._scalars import as_dtype
from manyclass._targets import read_targets

_ROWS_A_CALL = 2**14


def new_weights(num_classes: int, dim: int, dtype: DTypeLike, seed: tuple[int, int]) -> Array:
    """Return uniform weights in ``[-1, 1) / sqrt(dim)``: logits of unit inputs are then small."""
    rng = np.random.default_rng(seed)
    weights = np.empty((num_classes, dim), dtype)
    drawn_as = arithmetic_dtype(weights)
    scale = drawn_as.type(1.0 / math.sqrt(dim))
    for first in range(0, num_classes, _ROWS_A_CALL):
        rows = weights[first : first + _ROWS_A_CALL]
        drawn = rows if drawn_as == weights.dtype else np.empty(rows.shape, drawn_as)
        rng.random(out=drawn, dtype=drawn_as.type)
        drawn *= 2 * scale
        drawn -= scale
        if drawn is not rows:
            rows[:] = drawn
    return weights


def new_dtype(dtype: DTypeLike | None) -> np.dtype[Any]:
    """Return the dtype of new weights."""
    wanted = as_dtype(np.float32 if dtype is None else dtype, "dtype")
    if wanted not in (np.float32, np.float64) and wanted.name != "bfloat16":
        raise TypeError(f"dtype is {wanted}; it must be float32, float64 or bfloat16")
    return wanted


def as_weights_table(
    weights: Table, num_classes: int, dim: int, dtype: DTypeLike | None
) -> Array | list[Array]:
    """Return the caller's weights: an array, or a list of shards."""
    table = as_table(weights, "weights")
    first = table[0] if isinstance(table, list) and table else table
    wanted = None if dtype is None else as_dtype(dtype, "dtype")
    if wanted is not None and isinstance(first, np.ndarray) and wanted != first.dtype:
        raise TypeError(f"dtype is {wanted}, weights has {first.dtype}; leave dtype out")
    _check_shape(table, "weights", (num_classes, dim))
    return table


def as_biases_table(biases: Table, num_classes: int) -> Array | list[Array]:
    """Return the caller's biases: an array, or a list of shards."""
    table = as_table(biases, "biases")
    _check_shape(table, "biases", (num_classes,))
    return table


def dtype_of(table: Array | list[Array]) -> np.dtype[Any]:
    """Return the dtype of an array, or of a list's first shard."""
    return shards_of(table)[0].dtype


def arithmetic_dtype(table: Array | list[Array]) -> np.dtype[Any]:
    """Return what rows are computed in, the dtype of biases and inputs: float32 for bfloat16."""
    return state_dtype(shards_of(table)[0])


def shards_of(table: Array | list[Array]) -> list[Array]:
    """Return the shards of a table; an array is one."""
    return table if isinstance(table, list) else [table]


def check_tables(
    weights: Array | list[Array], biases: Array | list[Array], dim: int, partition_strategy: str
) -> None:
    """Let the core look at dtypes, layouts and shards, by the loss of no examples."""
    nothing: ArrayLike = np.empty((0, dim), arithmetic_dtype(weights))
    targets = read_targets(np.empty((0, 1), np.int64), num_true=1)
    none = np.empty(0, np.int64), np.empty((0, 1)), np.empty(0)
    _core.sampled_softmax_loss(
        weights, biases, targets, nothing, none, True, False, "all", partition_strategy, 1
    )
    memories = [memory_of(array) for array in shards_of(weights) + shards_of(biases) if array.size]
    if len(set(memories)) != len(memories):
        raise ValueError("weights or biases has the same array twice; a step would update it twice")


def _check_shape(table: Array | list[Array], name: str, shape: tuple[int, ...]) -> None:
    shards = shards_of(table)
    if not shards:
        raise ValueError(f"{name} is an empty list; it must have a shard at least")
    for place, shard in enumerate(shards):
        if shard.ndim != len(shape) or shard.shape[1:] != shape[1:]:
            raise ValueError(
                f"{_place(table, name, place)} has shape {list(shard.shape)}; {name} must have "
                f"shape {list(shape)} = {'[num_classes, dim]' if shape[1:] else '[num_classes]'}"
            )
    rows = sum(map(len, shards))
    if rows != shape[0]:
        raise ValueError(f"{name} has {rows} rows; num_classes is {shape[0]}")


def _place(table: Array | list[Array], name: str, place: int) -> str:
    return f"{name}[{place}]" if isinstance(table, list) else name
