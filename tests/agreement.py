"""What "agrees with the oracle" means: the error relative to the largest entry."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import manyclass as mc
from reference import Gradients

TOLERANCE = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}
# Entries that are nothing but rounding (a gradient that cancels to zero) are held to this size.
SMALLEST_SCALE = 1e-2


def assert_agrees(
    actual: npt.NDArray[Any], expected: npt.NDArray[np.float64], scale: float | None = None
) -> None:
    """Hold an array to the tolerance of its own dtype."""
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    if actual.size == 0:
        return
    largest = scale or max(float(np.abs(expected).max()), SMALLEST_SCALE)
    error = float(np.abs(actual.astype(np.float64) - expected).max())
    assert error <= TOLERANCE[actual.dtype] * largest


def assert_gradients_agree(
    actual: mc.Gradients, expected: Gradients, scale: float | None = None
) -> None:
    """Hold the three gradients, sparse or dense, to the oracle's dense ones."""
    for name in ("weights", "biases", "inputs"):
        value = getattr(actual, name)
        dense = value.to_dense() if isinstance(value, mc.IndexedSlices) else value
        assert_agrees(dense, getattr(expected, name), scale)


def assert_same_bits(actual: npt.NDArray[Any], expected: npt.NDArray[Any]) -> None:
    """Hold two arrays to the same dtype, shape and bytes."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def assert_same_slices(actual: mc.IndexedSlices, expected: mc.IndexedSlices) -> None:
    """Hold two sparse gradients to the same bytes."""
    assert tuple(actual.dense_shape) == tuple(expected.dense_shape)
    assert_same_bits(actual.indices, expected.indices)
    assert_same_bits(actual.values, expected.values)
