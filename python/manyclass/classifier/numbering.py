"""Labels as the numbers of classes, and back."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import type_of_target, unique_labels

from manyclass._arrays import Array, ArrayLike, IdArray


class ClassNumbering:
    """Numbers classes by falling frequency, as `LogUniformSampler` wants them.

    A class has a *place* among the sorted labels, and a *number*: its row of the weights.

    Parameters
    ----------
    classes : array, shape [num_classes]
        The labels, sorted and different.
    counts : array of float64, shape [num_classes]
        How often each occurs. Of equal counts the smaller label comes first.
    """

    def __init__(self, classes: Array, counts: NDArray[np.float64]) -> None:
        self.classes = classes
        self.places: IdArray = np.argsort(-counts, kind="stable")
        self.numbers: IdArray = np.empty_like(self.places)
        self.numbers[self.places] = np.arange(len(classes))

    def labels(self, numbers: IdArray) -> Array:
        """Return the labels of classes."""
        result: Array = self.classes[self.places[numbers]]
        return result


def check_labels(labels: Array) -> None:
    """Refuse what are no labels of classes.

    Unlike scikit-learn's check, this one does not mind nearly as many classes as examples.

    Raises
    ------
    ValueError
        If they are fractions or of a kind that has no order.
    """
    with warnings.catch_warnings():  # scikit-learn 1.7's `type_of_target` does mind
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        kind = type_of_target(labels, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"Unknown label type: y is {kind}; it must have a class for each example")


def known_labels(classes: ArrayLike | None, before: Array | None) -> Array:
    """Return the sorted labels that a call of `partial_fit` is about.

    Parameters
    ----------
    classes : array, optional
        What the call was given.
    before : array, optional
        The labels of earlier calls.

    Raises
    ------
    ValueError
        If neither is known, or the two are different.
    """
    if classes is None:
        if before is None:
            raise ValueError("classes must be passed in the first call to partial_fit")
        return before
    labels: Array = unique_labels(classes)
    if before is not None and not np.array_equal(labels, before):
        raise ValueError("classes are not those of the first call to partial_fit")
    return labels


def places_of(labels: Array, classes: Array) -> IdArray:
    """Return the place of each label among the sorted classes.

    Raises
    ------
    ValueError
        If a label is none of them, or of another kind.
    """
    encoder = LabelEncoder()
    encoder.classes_ = classes
    try:
        places: IdArray = encoder.transform(labels)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y does not have labels of classes alone: {error}") from error
    return places
