"""From features to the inputs of the softmax."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from manyclass._arrays import Array, IdArray
from manyclass.indexed_slices import IndexedSlices

# A dense matrix, or one of scipy.sparse in CSR.
Features: TypeAlias = Any


class Bags(NamedTuple):
    """A batch without the columns that it does not use."""

    features: Features
    """Shape [batch, n]."""
    ids: IdArray
    """Which features the columns are, ascending."""


class DirectInputs:
    """Features are the inputs; those in CSR are made dense.

    Parameters
    ----------
    num_features : int
        The length of an input.
    """

    def __init__(self, num_features: int) -> None:
        self.dim = num_features

    def inputs(self, features: Features) -> Array:
        """Return the inputs of examples, dense and contiguous."""
        return np.ascontiguousarray(features.toarray() if sparse.issparse(features) else features)


class LinearMap:
    """Features times a table, which is trained.

    A row of features in CSR is a weighted bag of embeddings: only the rows of those features that
    a batch has are read, and updated.

    Parameters
    ----------
    num_features, dim : int
        The shape of the table.
    dtype : numpy.dtype
        Of the table, float32 or float64.
    rng : numpy.random.Generator
        Draws it, uniform in ``[-1, 1) / sqrt(dim)``.
    """

    def __init__(
        self, num_features: int, dim: int, dtype: DTypeLike, rng: np.random.Generator
    ) -> None:
        self.dim = dim
        self.table: Array = np.empty((num_features, dim), dtype)
        rng.random(out=self.table, dtype=self.table.dtype.type)
        self.table -= 0.5
        self.table *= 2.0 / math.sqrt(dim)

    def inputs(self, features: Features) -> Array:
        """Return the inputs of examples."""
        return np.ascontiguousarray(features @ self.table)

    def bags(self, features: Features) -> Bags:
        """Return a batch as bags."""
        if not sparse.issparse(features):
            return Bags(features, np.arange(len(self.table), dtype=np.int64))
        ids, places = np.unique(features.indices, return_inverse=True)
        compact = sparse.csr_array(
            (features.data, places, features.indptr), shape=(features.shape[0], len(ids))
        )
        return Bags(compact, ids.astype(np.int64))

    def inputs_of_bags(self, bags: Bags) -> Array:
        """Return the inputs of a batch."""
        return np.ascontiguousarray(bags.features @ self.table[bags.ids])

    def gradient(self, bags: Bags, grad_inputs: Array) -> IndexedSlices:
        """Return the gradient of the table by that of a batch's inputs."""
        values = np.ascontiguousarray(bags.features.T @ grad_inputs)
        return IndexedSlices(values, bags.ids, self.table.shape)
