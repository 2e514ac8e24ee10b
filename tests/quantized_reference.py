"""Rows in 8 bits and inputs in 16, in NumPy: approximate logits, and how far off they may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def quantized(rows: Array, most: int) -> tuple[Array, Array]:
    """Return integers from -most to most, and the float32 scale of each row."""
    scales = np.abs(rows).max(axis=1) / np.float32(most)
    divisors = np.where(scales == 0, np.float32(1), scales)[:, None]
    return np.rint(rows / divisors).astype(np.int64), scales


def approximate_logits(weights: Array, biases: Array, inputs: Array) -> tuple[Array, Array]:
    """Return logits [batch, num_classes] and bounds of their errors, in float64."""
    dim = weights.shape[1]
    rows, row_scales = quantized(weights, 127)
    # As fine as sums of 32 bits allow.
    examples, scales = quantized(inputs, min(2**15 - 1, (2**31 - 1) // (127 * dim)))
    products = (examples @ rows.T) * (scales.astype(np.float64)[:, None] * row_scales)
    size = np.abs(inputs).sum(axis=1, dtype=np.float64)[:, None]
    of_rows = 0.5 * row_scales * size
    of_inputs = 0.5 * scales[:, None] * np.abs(weights).sum(axis=1, dtype=np.float64)
    both = 0.25 * dim * scales[:, None] * row_scales
    rounding = 1e-6 * (np.abs(products) + np.abs(biases) + size * np.abs(weights).max(axis=1))
    return products + biases, of_rows + of_inputs + both + rounding


def exact_logits(weights: Array, biases: Array, inputs: Array) -> Array:
    """Return logits [batch, num_classes] in float64."""
    return inputs.astype(np.float64) @ weights.astype(np.float64).T + biases
