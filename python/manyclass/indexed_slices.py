"""A gradient that touches few rows of a table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, IdArray, as_array, as_ids
from manyclass._scalars import as_integer
from manyclass.threads import thread_argument


def as_shape(value: object, name: str) -> tuple[int, ...]:
    """Return the shape of a table.

    Raises
    ------
    TypeError
        If it is no tuple or list of integers.
    ValueError
        If a size is negative.
    """
    if not isinstance(value, list | tuple) or not value:
        raise TypeError(f"{name} is {value!r}; it must be a tuple of int")
    sizes = tuple(as_integer(size, f"{name}[{axis}]") for axis, size in enumerate(value))
    if min(sizes) < 0:
        raise ValueError(f"{name} is {list(sizes)}; no size may be negative")
    return sizes


class IndexedSlices(NamedTuple):
    """Some rows of a table: what TensorFlow calls by the same name.

    Each touched row stands once, in ascending order; all other rows are zero.
    """

    values: Array
    """The rows, shape [n, dim], or [n] for a table of one dimension."""
    indices: IdArray
    """Their numbers, shape [n], int64, ascending."""
    dense_shape: tuple[int, ...]
    """The shape of the whole table."""

    def to_dense(self) -> Array:
        """Return the whole table, zeros included.

        Raises
        ------
        ValueError
            If shapes disagree or an index lies outside [0, dense_shape[0]).
        TypeError
            If a field is of another type.
        """
        values, indices = as_array(self.values, "values"), as_ids(self.indices, "indices")
        if values.dtype.kind not in "iuf" and values.dtype.name != "bfloat16":
            raise TypeError(f"values has dtype {values.dtype}; it must be of real numbers")
        dense: Array = np.zeros(as_shape(self.dense_shape, "dense_shape"), values.dtype)
        if indices.dtype.kind not in "iu":
            raise TypeError(f"indices has dtype {indices.dtype}; it must be int64")
        if indices.ndim != 1 or values.shape != indices.shape + dense.shape[1:]:
            raise ValueError(
                f"values has shape {list(values.shape)}, indices {list(indices.shape)} and "
                f"dense_shape is {list(dense.shape)}; there must be a row for each index"
            )
        outside = indices[(indices < 0) | (indices >= len(dense))]
        if len(outside):
            raise ValueError(f"indices holds {outside[0]}, outside [0, {len(dense)})")
        dense[indices] = values
        return dense

    @classmethod
    def from_rows(
        cls,
        values: ArrayLike,
        indices: ArrayLike,
        dense_shape: tuple[int, ...],
        *,
        num_threads: int | None = None,
    ) -> IndexedSlices:
        """Add up rows with the same number: the gradient of an embedding lookup.

        Parameters
        ----------
        values : array of float32 or float64, shape [n, dim] or [n]
            A row for each index.
        indices : array of int64, shape [n]
            In any order, with repetitions.
        dense_shape : tuple of int
            The shape of the whole table.
        num_threads : int, optional
            As for every function; `get_num_threads` if None.

        Raises
        ------
        ValueError
            If shapes disagree, ``dense_shape`` is negative or an index lies outside
            [0, dense_shape[0]).
        TypeError
            If a dtype is another.
        """
        rows = as_array(values, "values")
        shape = as_shape(dense_shape, "dense_shape")
        if shape[1:] != rows.shape[1:]:
            raise ValueError(
                f"dense_shape is {list(shape)}, values has shape {list(rows.shape)}; "
                "all axes but the first must agree"
            )
        ((summed, ids),) = _core.sum_rows(
            as_ids(indices, "indices"), rows, shape[0], thread_argument(num_threads)
        )
        return cls(summed, ids, shape)
