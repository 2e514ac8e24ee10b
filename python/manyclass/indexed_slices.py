"""A gradient that touches few rows of a table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, IdArray, as_array, as_ids
from manyclass._scalars import as_integer
from manyclass.threads import thread_argument


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
        """Return the whole table, zeros included."""
        dense = np.zeros(self.dense_shape, self.values.dtype)
        dense[self.indices] = self.values
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
        if tuple(dense_shape[1:]) != rows.shape[1:]:
            raise ValueError(
                f"dense_shape is {list(dense_shape)}, values has shape {list(rows.shape)}; "
                "all axes but the first must agree"
            )
        num_rows = as_integer(dense_shape[0], "dense_shape[0]")
        ((summed, ids),) = _core.sum_rows(
            as_ids(indices, "indices"), rows, num_rows, thread_argument(num_threads)
        )
        return cls(summed, ids, tuple(dense_shape))
