"""How much each example counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from manyclass._arrays import Array, ArrayLike, IdArray
from manyclass._scalars import as_real

ClassWeight = Mapping[Any, float] | str | None

# By more, classes would be so rare beside others that float32 has no expected count for them.
_MOST = 1e30


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
        If a weight is negative, complex or not finite, all are zero, one is above 1e30, the shape
        is another, or ``class_weight`` has a label that is none of the classes.
    TypeError
        If a weight of ``class_weight`` is no number.
    """
    weights = _checked_sample_weight(sample_weight, features)
    with np.errstate(over="ignore"):
        weights = weights * _class_factors(class_weight, classes, places, weights)[places]
    if not weights.any():
        raise ValueError("class_weight leaves all examples a weight of zero")
    if not weights.max() <= _MOST:
        raise ValueError(
            f"sample_weight times class_weight is {weights.max():g}; weights are relative, and "
            f"must be at most {_MOST:g}"
        )
    return weights


def _checked_sample_weight(sample_weight: ArrayLike | None, features: Any) -> NDArray[np.float64]:
    # The real parts alone would be taken of complex ones.
    if sample_weight is not None and np.asarray(sample_weight).dtype.kind == "c":
        raise ValueError("sample_weight is complex; it must be of real numbers")
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
        numbers = {
            label: as_real(weight, f"class_weight[{label!r}]")
            for label, weight in class_weight.items()
        }
        factors = compute_class_weight(numbers, classes=classes, y=classes)
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
