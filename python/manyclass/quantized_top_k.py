"""The classes of the largest logits by a copy of the rows in 8 bits: for serving."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from manyclass._arrays import ArrayLike, IdArray, Table, as_array, as_ids, as_table
from manyclass._core import QuantizedRows
from manyclass._scalars import as_integer, as_name
from manyclass.ragged_labels import RaggedLabels
from manyclass.serving import excluded_classes
from manyclass.threads import thread_argument


class QuantizedTopK:
    """`top_k` that reads a quarter of the memory: rows in 8 bits find candidates, which are scored.

    Each row is kept as ``scale * q``, integers q from -127 to 127 and ``scale = max|row| / 127``;
    an input is rounded to 16 bits. The candidates that this puts ahead are scored in float32 by the
    rows themselves, as `top_k` scores them, to the bit, and the best of them are the answer. So
    values are always exact; what can happen is that a class is missed whose approximate logit is
    behind those of ``num_reranked`` others. docs/serving.md tells how often that was.

    Weights and biases are the caller's memory, read where it lies. Rows that change are to be taken
    anew (`refresh`): until then candidates are found by what they were. Asking is for any number of
    threads, refreshing for one, while none asks. Pickles and deep copies hold the arrays and take
    the rows of the copy anew.

    Parameters
    ----------
    weights : array of float32, shape [num_classes, dim], or list of such
        A row for each class; a memory map too. At most 133,144 columns.
    biases : array of float32, shape [num_classes], or list of such
        A number for each class. Not copied: they count as they are when asked.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    num_threads : int, optional
        For taking the copy; `get_num_threads` if None.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit.
    TypeError
        If a dtype is another.
    """

    def __init__(
        self,
        weights: Table,
        biases: Table,
        *,
        partition_strategy: str = "div",
        num_threads: int | None = None,
    ) -> None:
        self._layer = (
            as_table(weights, "weights"),
            as_table(biases, "biases"),
            as_name(partition_strategy, "partition_strategy"),
        )
        self._rows = QuantizedRows(self._layer, thread_argument(num_threads))

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self._rows.num_rows

    @property
    def dim(self) -> int:
        """The length of an input."""
        return self._rows.dim

    @property
    def nbytes(self) -> int:
        """The bytes that the copy takes: for each class dim, one more if that is odd, and 4."""
        return self._rows.nbytes

    def refresh(self, ids: ArrayLike | None = None, *, num_threads: int | None = None) -> None:
        """Take rows anew, after weights have changed.

        Parameters
        ----------
        ids : array of int64, shape [n], optional
            Classes whose rows changed, in any order, such as the ``indices`` of a step's gradient.
            All if None.
        num_threads : int, optional
            `get_num_threads` if None.

        Raises
        ------
        ValueError
            If an id lies outside [0, num_classes). The copy stays as it was.
        TypeError
            If the dtype of ids is another.
        """
        self._rows.update(
            self._layer, None if ids is None else as_ids(ids, "ids"), thread_argument(num_threads)
        )

    def top_k(
        self,
        inputs: ArrayLike,
        k: int,
        *,
        num_reranked: int | None = None,
        excluded: ArrayLike | RaggedLabels | None = None,
        num_threads: int | None = None,
    ) -> tuple[NDArray[np.float32], IdArray]:
        """Find the classes of the k largest logits of each example.

        Parameters
        ----------
        inputs : array of float32, shape [batch, dim]
            What the logits are of. One with a NaN or an infinity has no approximate logits: the
            ``num_reranked`` smallest classes are its candidates.
        k : int
            From 1 to the number of classes.
        num_reranked : int, optional
            How many candidates are scored exactly, from ``k`` to the number of classes, with which
            the answer is `top_k`'s. By default ``2 * k + 16``.
        excluded : array of int64, shape [batch, m], or RaggedLabels, optional
            Classes that each example is not answered, as in `top_k`.
        num_threads : int, optional
            `get_num_threads` if None.

        Returns
        -------
        values : array of float32, shape [batch, k]
            The logits, largest first, with the bits that `top_k` gives them.
        indices : array of int64, shape [batch, k]
            Their classes. Of equal logits the smaller class is ahead; NaN is behind all others. A
            row with a NaN or an infinity is behind all others as a candidate.

        Raises
        ------
        ValueError
            As `top_k` does, and if ``num_reranked`` lies outside [k, num_classes].
        TypeError
            If a dtype is another.
        """
        return self._rows.top_k(
            self._layer,
            as_array(inputs, "inputs"),
            as_integer(k, "k"),
            None if num_reranked is None else as_integer(num_reranked, "num_reranked"),
            None if excluded is None else excluded_classes(excluded),
            thread_argument(num_threads),
        )

    def __getstate__(self) -> Any:
        """Return the caller's arrays: what the copy is made of."""
        return self._layer

    def __setstate__(self, layer: Any) -> None:
        """Take the copy anew."""
        self._layer = layer
        self._rows = QuantizedRows(layer, 0)

    def __repr__(self) -> str:
        return f"QuantizedTopK({self.num_classes} classes of dim {self.dim})"
