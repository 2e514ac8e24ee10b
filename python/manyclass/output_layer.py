"""Weights and biases as one object: exact evaluation and serving."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from manyclass._arrays import Array, ArrayLike, IdArray, Table, as_ids
from manyclass._layer_tables import (
    as_biases_table,
    as_weights_table,
    check_tables,
    dtype_of,
    new_dtype,
    new_weights,
)
from manyclass._scalars import as_integer, as_name
from manyclass._seeds import SeedLike, resolve_seed
from manyclass.evaluation import full_softmax_loss, label_ranks
from manyclass.serving import top_k


class OutputLayer:
    """The last layer of a classifier, for what needs all classes: `SampledSoftmax` trains it."""

    def __init__(
        self,
        num_classes: int,
        dim: int,
        weights: Table | None,
        biases: Table | None,
        partition_strategy: str,
        dtype: DTypeLike | None,
        seed: SeedLike,
    ) -> None:
        self._num_classes, self._dim = (
            as_integer(num_classes, "num_classes"),
            as_integer(dim, "dim"),
        )
        for name, number in (("num_classes", self._num_classes), ("dim", self._dim)):
            if number < 1:
                raise ValueError(f"{name} is {number}; it must be at least 1")
        self._partition_strategy = as_name(partition_strategy, "partition_strategy")
        self._weights: Array | list[Array] = (
            new_weights(self._num_classes, self._dim, new_dtype(dtype), resolve_seed(seed))
            if weights is None
            else as_weights_table(weights, self._num_classes, self._dim, dtype)
        )
        self._biases: Array | list[Array] = (
            np.zeros(self._num_classes, dtype_of(self._weights))
            if biases is None
            else as_biases_table(biases, self._num_classes)
        )
        check_tables(self._weights, self._biases, self._dim, self._partition_strategy)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self._num_classes

    @property
    def dim(self) -> int:
        """The length of an input."""
        return self._dim

    @property
    def partition_strategy(self) -> str:
        """How classes are spread over shards, "div" or "mod"."""
        return self._partition_strategy

    @property
    def weights(self) -> Array | list[Array]:
        """A row for each class: the array that is trained, or the list of shards."""
        return self._weights

    @property
    def biases(self) -> Array | list[Array]:
        """A number for each class: the array that is trained, or the list of shards."""
        return self._biases

    def full_loss(
        self, inputs: ArrayLike, labels: ArrayLike, *, num_threads: int | None = None
    ) -> NDArray[Any]:
        """Compute the exact softmax cross entropy of each example, over all classes.

        Parameters
        ----------
        inputs : array, shape [batch, dim]
            Of the dtype of weights.
        labels : array of int64, shape [batch] or [batch, num_true]
            The true classes.
        num_threads : int, optional
            `get_num_threads` if None.

        Returns
        -------
        array, shape [batch]
            As `full_softmax_loss` returns it.
        """
        targets = as_columns(labels)
        return full_softmax_loss(
            self._weights,
            self._biases,
            targets,
            inputs,
            targets.shape[-1],
            partition_strategy=self._partition_strategy,
            num_threads=num_threads,
        )

    def label_ranks(
        self, inputs: ArrayLike, labels: ArrayLike, *, num_threads: int | None = None
    ) -> IdArray:
        """Compute the rank of each label among all classes, 1 for the largest logit.

        Parameters are those of `full_loss`.

        Returns
        -------
        array of int64, of the shape of labels
            As `label_ranks` returns them.
        """
        targets = as_columns(labels)
        ranks = label_ranks(
            self._weights,
            self._biases,
            targets,
            inputs,
            targets.shape[-1],
            partition_strategy=self._partition_strategy,
            num_threads=num_threads,
        )
        return ranks.reshape(np.shape(labels))

    def top_k(
        self, inputs: ArrayLike, k: int, *, num_threads: int | None = None
    ) -> tuple[NDArray[Any], IdArray]:
        """Find the classes of the k largest logits of each example, exactly.

        Parameters
        ----------
        inputs : array, shape [batch, dim]
            Of the dtype of weights.
        k : int
            From 1 to the number of classes.
        num_threads : int, optional
            `get_num_threads` if None.

        Returns
        -------
        values : array, shape [batch, k]
            As `top_k` returns them.
        indices : array of int64, shape [batch, k]
            The classes.
        """
        return top_k(
            self._weights,
            self._biases,
            inputs,
            k,
            partition_strategy=self._partition_strategy,
            num_threads=num_threads,
        )


def as_columns(labels: ArrayLike) -> IdArray:
    """Return labels as a matrix; a vector is one of one column."""
    targets = as_ids(labels, "labels")
    if targets.ndim not in (1, 2):
        raise ValueError(
            f"labels has shape {list(targets.shape)}; it must have shape [batch] or "
            "[batch, num_true]"
        )
    return targets[:, np.newaxis] if targets.ndim == 1 else targets
