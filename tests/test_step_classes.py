"""The classes of a step, beside NumPy's ``unique``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from manyclass import _core

IDS = st.integers(0, 2**63 - 1) | st.integers(0, 9)


@given(
    arrays(np.int64, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40), elements=IDS),
    arrays(np.int64, array_shapes(max_dims=1, min_side=0, max_side=40), elements=IDS),
)
def test_classes_and_places_are_those_of_unique(labels: Any, candidates: Any) -> None:
    ids = np.concatenate([labels.ravel(), candidates])
    expected, places = np.unique(ids, return_inverse=True)
    classes, label_places, candidate_places = _core.step_classes(labels, candidates)
    np.testing.assert_array_equal(classes, expected)
    np.testing.assert_array_equal(label_places, places[: labels.size].reshape(labels.shape))
    np.testing.assert_array_equal(candidate_places, places[labels.size :])


def test_a_negative_class_is_refused() -> None:
    with pytest.raises(ValueError, match=r"labels\[0, 1\] is -3; a class must not be negative"):
        _core.step_classes(np.array([[1, -3]]), np.array([1]))
    with pytest.raises(ValueError, match=r"sampled_candidates\[0\] is -1; a class must not"):
        _core.step_classes(np.array([[1, 3]]), np.array([-1]))
    with pytest.raises(ValueError, match=r"labels has shape \[1\]; it must have shape"):
        _core.step_classes(np.array([1]), np.array([1]))
