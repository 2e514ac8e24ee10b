"""Labels of which each example has any number."""

from __future__ import annotations

from typing import NamedTuple

from manyclass._arrays import ArrayLike


class RaggedLabels(NamedTuple):
    """The labels of a batch in compressed sparse rows: any number for each example.

    Example i has the labels ``values[row_splits[i]:row_splits[i + 1]]``. The names are those of
    TensorFlow's ``RaggedTensor``; SciPy calls the same two arrays ``indices`` and ``indptr``.

    Examples
    --------
    >>> import manyclass as mc
    >>> import numpy as np
    >>> rows = [[7, 3], [], [5]]
    >>> labels = mc.RaggedLabels(np.concatenate(rows).astype(int), np.cumsum([0, *map(len, rows)]))
    >>> labels.values.tolist(), labels.row_splits.tolist()
    ([7, 3, 5], [0, 2, 2, 3])
    """

    values: ArrayLike
    """Shape [num_labels], int64: the true classes, example after example."""
    row_splits: ArrayLike
    """Shape [batch + 1], int64: begins with 0, never falls, ends with num_labels."""
