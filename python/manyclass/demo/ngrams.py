"""The baselines: a unigram and a bigram smoothed as Kneser and Ney do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class UnigramModel:
    """The frequency of each class, with one added to every count.

    Parameters
    ----------
    counts : int64[classes]
        How often each class occurs in the training text.
    """

    def __init__(self, counts: npt.NDArray[np.int64]) -> None:
        smoothed = counts + 1.0
        self._probabilities = smoothed / smoothed.sum()

    def loss(self, classes: Ids) -> Floats:
        """Give the negative log-probability of each class."""
        return np.asarray(-np.log(self._probabilities[classes]))


class BigramModel:
    """Interpolated Kneser-Ney with the three discounts of Chen and Goodman (1999).

    Both orders take their discounts in closed form from the counts of the training text. A class
    in the lower order counts once for each different class that comes before it; what the lower
    order saves is shared by all classes equally.

    Parameters
    ----------
    stream : int32[tokens]
        The training text.
    num_classes : int
        The number of classes.
    """

    def __init__(self, stream: npt.NDArray[np.int32], num_classes: int) -> None:
        self._num_classes = num_classes
        keys = self._keys(stream[:-1], stream[1:])
        self._pairs, counts = np.unique(keys, return_counts=True)
        previous, following = np.divmod(self._pairs, num_classes)
        self._discounted, saved = _discount(counts)
        totals = np.bincount(previous, counts, num_classes)
        saved_by_previous = np.bincount(previous, saved, num_classes)
        # A class that nothing follows in the training text leaves everything to the lower order.
        seen = totals > 0
        self._totals = np.where(seen, totals, 1.0)
        self._backoff = np.where(seen, saved_by_previous / self._totals, 1.0)
        self._lower = _lower_order(np.bincount(following, minlength=num_classes))

    def loss(self, previous: Ids, following: Ids) -> Floats:
        """Give the negative log-probability of each class, given the class before it."""
        keys = self._keys(previous, following)
        place = np.minimum(np.searchsorted(self._pairs, keys), len(self._pairs) - 1)
        known = np.where(self._pairs[place] == keys, self._discounted[place], 0.0)
        higher = known / self._totals[previous]
        return np.asarray(-np.log(higher + self._backoff[previous] * self._lower[following]))

    def _keys(self, previous: Ids, following: Ids) -> npt.NDArray[np.int64]:
        return previous.astype(np.int64) * self._num_classes + following


def _lower_order(counts: npt.NDArray[np.int64]) -> Floats:
    discounted, saved = _discount(counts)
    return np.asarray((discounted + saved.sum() / len(counts)) / counts.sum())


def _discount(counts: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Give what is left of each count, and what its discount saved."""
    once, twice, thrice, four = (float(np.count_nonzero(counts == k)) for k in (1, 2, 3, 4))
    discounts = np.array([0.0, 0.5, 0.5, 0.5])
    if once and twice and thrice:  # else a text too small for the closed form
        ratio = once / (once + 2.0 * twice)
        estimate = [
            0.0,
            1.0 - 2.0 * ratio * twice / once,
            2.0 - 3.0 * ratio * thrice / twice,
            3.0 - 4.0 * ratio * four / thrice,
        ]
        discounts = np.clip(estimate, [0.0, 0.1, 0.1, 0.1], [0.0, 0.9, 1.9, 2.9])
    saved = discounts[np.minimum(counts, 3)]
    return counts - saved, saved
