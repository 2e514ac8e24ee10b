"""Optimizers that touch only the rows that a gradient names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, as_array, as_ids
from manyclass.indexed_slices import IndexedSlices
from manyclass.threads import thread_argument

# A table, or its shards, and the gradient of each.
Variable: TypeAlias = Any
Slices: TypeAlias = IndexedSlices | Sequence[IndexedSlices]


class SGD:
    """Stochastic gradient descent: ``w -= learning_rate * g``.

    Parameters
    ----------
    learning_rate : float
        Above zero. An attribute: it may be changed between steps.
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = _positive(learning_rate, "learning_rate")

    def apply(self, variable: Variable, slices: Slices, *, num_threads: int | None = None) -> None:
        """Update the touched rows in place, in parallel.

        Parameters
        ----------
        variable : array of float32 or float64, shape [num_classes, dim] or [num_classes]
            Or a list of shards.
        slices : IndexedSlices
            The gradient, of the dtype of variable; a list of one for each shard.
        num_threads : int, optional
            `get_num_threads` if None.

        Raises
        ------
        ValueError
            If ``variable`` is read-only, shapes do not fit, or indices are out of range, repeated
            or not ascending. Nothing is written then.
        TypeError
            If dtypes differ.
        """
        updates = [
            (table, None, indices, values) for table, indices, values in _pairs(variable, slices)
        ]
        _core.sgd_apply(updates, self.learning_rate, thread_argument(num_threads))


class Adagrad:
    """Adagrad: ``a += g**2; w -= learning_rate * g / (sqrt(a) + epsilon)`` for touched rows.

    The accumulators ``a`` start at ``initial_accumulator_value``. They belong to the memory of
    the variable: the same array, or another view of the same elements, has the same ones. Those
    of rows never touched take no memory where the system gives pages out when they are written.

    Parameters
    ----------
    learning_rate : float
        Above zero. An attribute: it may be changed between steps.
    initial_accumulator_value : float, default 0.1
        Not negative.
    epsilon : float, default 1e-7
        Not negative.

    References
    ----------
    Duchi, Hazan and Singer 2011, "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization"; TensorFlow's ``ResourceSparseApplyAdagradV2``.
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
    ) -> None:
        self.learning_rate = _positive(learning_rate, "learning_rate")
        self.initial_accumulator_value = _not_negative(
            initial_accumulator_value, "initial_accumulator_value"
        )
        self.epsilon = _not_negative(epsilon, "epsilon")
        # A variable is kept beside its sums, so that its memory cannot become another's.
        self._sums: dict[tuple[Any, ...], tuple[Array, Array]] = {}

    def apply(self, variable: Variable, slices: Slices, *, num_threads: int | None = None) -> None:
        """Update the touched rows and their accumulators in place, in parallel.

        Parameters and errors are those of `SGD.apply`.
        """
        pairs = _pairs(variable, slices)
        updates = [
            (table, self._sum_of(table), indices, values) for table, indices, values in pairs
        ]
        _core.adagrad_apply(
            updates,
            self.learning_rate,
            self.initial_accumulator_value,
            self.epsilon,
            thread_argument(num_threads),
        )
        for table, sums, _, _ in updates:
            self._sums.setdefault(_memory(table), (table, sums))

    def accumulator(self, variable: ArrayLike) -> Array:
        """Return a copy of the accumulators of one array (of one shard), in its shape."""
        table = as_array(variable, "variable")
        total: Array = self._sum_of(table) + self.initial_accumulator_value
        return total.astype(table.dtype, copy=False)

    def _sum_of(self, table: Array) -> Array:
        kept = self._sums.get(_memory(table))
        return np.zeros(table.shape, table.dtype) if kept is None else kept[1]


def _memory(table: Array) -> tuple[Any, ...]:
    return table.ctypes.data, table.shape, table.strides, table.dtype.str


def _pairs(variable: Variable, slices: Slices) -> list[tuple[Array, Array, Array]]:
    """Return (table, indices, values) for the variable or for each of its shards."""
    if not isinstance(variable, list | tuple):
        if not isinstance(slices, IndexedSlices):
            raise TypeError(f"slices is a {type(slices).__name__}; it must be IndexedSlices")
        variable, slices = [variable], [slices]
    elif isinstance(slices, IndexedSlices):
        raise TypeError("variable is a list of shards; slices must be a list, one for each")
    if len(variable) != len(slices):
        raise ValueError(f"variable has {len(variable)} shards, slices has {len(slices)}")
    pairs = []
    for table, part in zip(variable, slices, strict=True):
        array = as_array(table, "variable")
        if tuple(part.dense_shape) != array.shape:
            raise ValueError(
                f"slices has dense_shape {list(part.dense_shape)}, variable has shape "
                f"{list(array.shape)}; they must be the same"
            )
        pairs.append((array, as_ids(part.indices, "indices"), as_array(part.values, "values")))
    return pairs


def _positive(value: float, name: str) -> float:
    number = _not_negative(value, name)
    if number == 0:
        raise ValueError(f"{name} is {value}; it must be above zero")
    return number


def _not_negative(value: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}; it must be a real number")
    number = float(value)
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(f"{name} is {value}; it must be finite and not negative")
    return number
