"""Examples to classify, small and made: blobs, and bags of words."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse


class Split(NamedTuple):
    """Examples to train on, and others like them."""

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray


def blobs(
    num_classes: int, *, size: int = 200, dim: int = 4, seed: int = 0, dtype: Any = np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy points around a centre for each class, the first classes more often."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0.0, 2.0, (num_classes, dim))
    y = np.minimum(rng.geometric(2.0 / (num_classes + 1), size) - 1, num_classes - 1)
    y[:num_classes] = np.arange(num_classes)
    return (centres[y] + rng.normal(size=(size, dim))).astype(dtype), y


def bags_of_words(num_classes: int, *, copies: int = 4, words: int = 5, seed: int = 0) -> Split:
    """Return sparse rows of length 1: each class has words of its own, half of which a row has."""
    rng = np.random.default_rng(seed)
    num_features = num_classes
    own = rng.integers(0, num_features, (num_classes, 2 * words))

    def rows(y: np.ndarray) -> Any:
        columns = rng.permuted(own[y], axis=1)[:, :words]
        values = np.full(columns.size, 1.0 / np.sqrt(words), np.float32)
        starts = np.arange(0, columns.size + 1, words)
        table = sparse.csr_array((values, columns.ravel(), starts), (len(y), num_features))
        table.sum_duplicates()
        return table

    y = rng.permutation(np.repeat(np.arange(num_classes), copies))
    y_test = rng.integers(0, num_classes, 500)
    return Split(rows(y), y, rows(y_test), y_test)
