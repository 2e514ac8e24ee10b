"""Cutting a stream of labels into stretches, each with a small candidate set of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, as_ids
from manyclass._scalars import as_integer
from manyclass.samplers import SampledValues


class VocabularyPartition(NamedTuple):
    """A stretch of a stream of labels and all its classes."""

    start: int
    """The first row."""
    stop: int
    """The row after the last."""
    candidates: IdArray
    """Shape [num_sampled], int64: each class of rows start .. stop - 1 once, ascending."""

    @property
    def num_sampled(self) -> int:
        """The number of candidates."""
        return len(self.candidates)

    def sampled_values(self, labels: ArrayLike) -> SampledValues:
        """Return the candidates for a batch of this stretch, with uniform expected counts.

        The paper's proposal is uniform over the stretch's n classes V: Q(c) = 1 / n for c in V.
        Among n candidates each class of V is then expected n * Q(c) = 1 times, and there it is:
        the correction log 1 = 0 is none. Any other constant would cancel in the softmax. What is
        left is the exact softmax over V.

        Parameters
        ----------
        labels : array of int64, shape [batch, num_true] or [batch]
            Labels from this stretch.

        Returns
        -------
        SampledValues
            For a loss with ``num_sampled`` of this partition and hits removed.

        Raises
        ------
        ValueError
            If a label is not among the candidates.
        TypeError
            If ``labels`` is not int64.
        """
        ids = as_ids(labels, "labels")
        rows = ids[:, None] if ids.ndim == 1 else ids
        _core.check_candidates(rows, self.candidates)
        return SampledValues(
            self.candidates, np.ones(rows.shape, np.float32), np.ones(self.num_sampled, np.float32)
        )


class VocabularyPartitions:
    """Cuts a stream of labels where the number of its classes reaches a threshold.

    Training goes through the stretches one after the other; the softmax of a step runs over the
    classes of its stretch alone. A step then touches at most ``max_candidates`` rows of weights,
    the same for many steps, and no candidates need be drawn.

    The stream is walked once for each iteration, in time proportional to its length; of it only the
    classes of the current stretch and a bit for each of ``num_classes`` are in memory. Rows are the
    unit: a stretch ends before the first row whose classes would be too many, as in the authors'
    own program, so that it is as long as its candidates allow. Candidates are the classes of the
    stretch and no others.

    Parameters
    ----------
    labels : array of int64, shape [rows] or [rows, num_true], or iterable of such arrays
        The stream, for example a memory map, or its batches. It is walked anew by each iteration;
        an iterator is used up by the first.
    num_classes : int
        Labels lie in [0, num_classes).
    max_candidates : int
        The threshold (tau in the paper), at least 1 and at least the number of classes of a row.

    Raises
    ------
    ValueError
        If ``num_classes`` or ``max_candidates`` is below 1 or the array has another rank. While
        iterating: if a label is out of range, or a row has more classes than ``max_candidates``;
        messages count rows from the stream's beginning.
    TypeError
        If ``labels`` is not int64.

    References
    ----------
    Jean, Cho, Memisevic and Bengio 2014, "On Using Very Large Target Vocabulary for Neural Machine
    Translation", section 3 (arXiv 1412.2007).

    Examples
    --------
    >>> import manyclass as mc
    >>> import numpy as np
    >>> labels = np.array([4, 2, 4, 2, 7, 7, 4, 0])
    >>> for part in mc.VocabularyPartitions(labels, num_classes=10, max_candidates=2):
    ...     print(part.start, part.stop, part.candidates.tolist())
    0 4 [2, 4]
    4 7 [4, 7]
    7 8 [0]
    """

    def __init__(
        self, labels: ArrayLike | Iterable[ArrayLike], num_classes: int, max_candidates: int
    ) -> None:
        self._size = (
            as_integer(num_classes, "num_classes"),
            as_integer(max_candidates, "max_candidates"),
        )
        self._chunks: Iterable[ArrayLike] = labels if _is_iterable_of_arrays(labels) else [labels]
        walk = _core.VocabularyWalk(*self._size)
        if not _is_iterable_of_arrays(labels):
            walk.take(_as_rows(labels)[:0], 0)  # refuses another dtype or layout at once

    def __iter__(self) -> Iterator[VocabularyPartition]:
        """Walk the stream."""
        walk = _core.VocabularyWalk(*self._size)
        start = stop = 0
        for chunk in self._chunks:
            rows = _as_rows(chunk)
            first = stop
            while True:
                stop += walk.take(rows[stop - first :], stop)
                if stop - first == len(rows):
                    break
                yield VocabularyPartition(start, stop, walk.finish())
                start = stop
        if stop > start:
            yield VocabularyPartition(start, stop, walk.finish())


def _as_rows(labels: ArrayLike) -> IdArray:
    rows = as_ids(labels, "labels")
    if rows.ndim not in (1, 2):
        raise ValueError(
            f"labels has shape {list(rows.shape)}; it must have shape [rows] or [rows, num_true]"
        )
    return rows


def _is_iterable_of_arrays(labels: object) -> bool:
    if isinstance(labels, list | tuple):
        return len(labels) > 0 and hasattr(labels[0], "shape") and labels[0].shape != ()
    one_array = hasattr(labels, "__array_interface__") or hasattr(labels, "__dlpack__")
    return not one_array and isinstance(labels, Iterable)
