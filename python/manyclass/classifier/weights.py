"""How much each example counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from manyclass._arrays import Array, ArrayLike, IdArray

ClassWeight = Mapping[Any, float] | str | None


def example_weights(
    sample_weight: ArrayLike | None,
    class_weight: ClassWeight,
    features: Any,
    places: IdArray,
    classes: Array,
) -> NDArray[np.float64]:
    """Return how much each example counts: its own weight times that of its class.

    Parameters
    ----------
    sample_weight : array of float, shape [n], optional
        1 each if None.
    class_weight : dict of label to float, "balanced" or None
        As the estimator has it.
    features : array or sparse matrix, shape [n, num_features]
        The examples; only their number matters.
    places : array of int64, shape [n]
        Each one's class, as its place in ``classes``.
    classes : array, shape [num_classes]
        The labels.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are zero, the shape is another, or
        ``class_weight`` has a label that is none of the classes.
    """
    weights = _checked_sample_weight(sample_weight, features)
    weights = weights * _class_factors(class_weight, classes, places, weights)[places]
    if not weights.any():
        raise ValueError("class_weight leaves all examples a weight of zero")
    return weights


def _checked_sample_weight(sample_weight: ArrayLike | None, features: Any) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = _check_sample_weight(
        sample_weight, features, dtype=np.float64, ensure_non_negative=True
    )
    if not weights.any():
        raise ValueError("sample_weight is zero for all examples; one must be above")
    return weights


def _class_factors(
    class_weight: ClassWeight, classes: Array, places: IdArray, sample_weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, Mapping):
        factors = compute_class_weight(dict(class_weight), classes=classes, y=classes)
        if not np.all(np.isfinite(factors)) or np.any(factors < 0):
            raise ValueError("class_weight has a weight that is negative or not finite")
        return np.asarray(factors, np.float64)
    if class_weight != "balanced":
        raise ValueError(f'class_weight is {class_weight!r}; it must be a dict, "balanced" or None')
    counts = np.bincount(places, sample_weight, len(classes))
    present = counts > 0
    factors = np.zeros(len(classes))
    factors[present] = counts.sum() / (np.count_nonzero(present) * counts[present])
    return factors
