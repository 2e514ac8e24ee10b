"""Gradients of a few rows of a table, in arrays of fixed sizes."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from manyclass._scalars import as_integer


class Rows(NamedTuple):
    """Some rows of a table, as `manyclass.IndexedSlices`, with a size that compiled code knows.

    Each touched row stands once, in ascending order. Places that are left over have the number of
    rows of the table as their index, and zeros: JAX drops them where it scatters.
    """

    indices: jax.Array
    """Shape [n], int32."""
    values: jax.Array
    """Shape [n, dim], or [n] for a table of one dimension."""

    def to_dense(self, num_rows: int) -> jax.Array:
        """Return the whole table, zeros included.

        Raises
        ------
        ValueError
            If ``num_rows`` is negative or no number of rows that `indices` can count.
        TypeError
            If it is no integer.
        """
        size = as_integer(num_rows, "num_rows")
        if not 0 <= size < 2**31:
            raise ValueError(f"num_rows is {size}; it must be at least 0 and below 2**31")
        return apply_rows(jnp.zeros((size, *self.values.shape[1:]), self.values.dtype), self)


def take_rows(table: jax.Array, rows: Rows) -> jax.Array:
    """Return the rows of another table at the same indices; zeros in places that are left over."""
    return table.at[rows.indices].get(mode="fill", fill_value=0, indices_are_sorted=True)


def apply_rows(table: jax.Array, rows: Rows) -> jax.Array:
    """Add rows to those of a table; in place where it is donated to the compiled function.

    Examples
    --------
    >>> import jax.numpy as jnp

    from manyclass._scalars import as_integer
    >>> from manyclass.jax import Rows, apply_rows
    >>> gradient = Rows(jnp.array([1, 3]), jnp.array([[2.0], [9.0]]))  # 3 is left over
    >>> apply_rows(jnp.ones((3, 1)), gradient).tolist()
    [[1.0], [3.0], [1.0]]
    """
    return table.at[rows.indices].add(rows.values, mode="drop", indices_are_sorted=True)
