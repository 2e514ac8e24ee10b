"""Weights and biases as one object: exact evaluation and serving."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from manyclass._arrays import Array, ArrayLike, IdArray, Table, as_array, as_ids
from manyclass._layer_tables import (
    arithmetic_dtype,
    as_biases_table,
    as_weights_table,
    check_tables,
    new_dtype,
    new_weights,
    shards_of,
)
from manyclass._mapped_memory import MappedMemory
from manyclass._scalars import as_integer, as_name
from manyclass._seeds import SeedLike, resolve_seed
from manyclass.evaluation import Evaluation, evaluate
from manyclass.full_softmax import full_softmax_loss
from manyclass.quantized_top_k import QuantizedTopK
from manyclass.ragged_labels import RaggedLabels
from manyclass.ranking import label_ranks
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
            np.zeros(self._num_classes, arithmetic_dtype(self._weights))
            if biases is None
            else as_biases_table(biases, self._num_classes)
        )
        check_tables(self._weights, self._biases, self._dim, self._partition_strategy)
        self._mapped = MappedMemory(shards_of(self._weights) + shards_of(self._biases))

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

    def _whole_tables(self) -> tuple[Array | list[Array], Array | list[Array]]:
        """Return weights and biases for a pass over all classes."""
        self._mapped.expect_all()
        return self._weights, self._biases

    def full_loss(
        self,
        inputs: ArrayLike,
        labels: ArrayLike | RaggedLabels,
        *,
        label_weights: ArrayLike | None = None,
        label_smoothing: float = 0.0,
        compute_dtype: DTypeLike | None = None,
        num_threads: int | None = None,
    ) -> NDArray[Any]:
        """Compute the exact softmax cross entropy of each example, over all classes.

        Parameters
        ----------
        inputs : array, shape [batch, dim]
            Of the dtype of weights, float32 beside bfloat16.
        labels : array of int64, shape [batch] or [batch, num_true], or RaggedLabels
            The true classes.
        label_weights : array of the shape of labels or, if they are ragged, of values, optional
            The target of each label, of the dtype of inputs, as in `full_softmax_loss`.
        label_smoothing : float, default 0.0
            As in `full_softmax_loss`; what a layer is trained with does not count here.
        compute_dtype : "bfloat16", optional
            What products are computed in, as in `full_softmax_loss`; what the layer's sampled
            losses are computed in does not count here.
        num_threads : int, optional
            `get_num_threads` if None.

        Returns
        -------
        array, shape [batch]
            As `full_softmax_loss` returns it.
        """
        targets, num_true = as_columns(labels)
        return full_softmax_loss(
            *self._whole_tables(),
            targets,
            inputs,
            num_true,
            partition_strategy=self._partition_strategy,
            label_weights=weight_columns(label_weights, labels),
            label_smoothing=label_smoothing,
            compute_dtype=compute_dtype,
            num_threads=num_threads,
        )

    def label_ranks(
        self,
        inputs: ArrayLike,
        labels: ArrayLike | RaggedLabels,
        *,
        compute_dtype: DTypeLike | None = None,
        num_threads: int | None = None,
    ) -> IdArray:
        """Compute the rank of each label among all classes, 1 for the largest logit.

        Parameters are those of `full_loss`.

        Returns
        -------
        array of int64, of the shape of labels or, if they are ragged, of values
            As `label_ranks` returns them.
        """
        targets, num_true = as_columns(labels)
        ranks = label_ranks(
            *self._whole_tables(),
            targets,
            inputs,
            num_true,
            partition_strategy=self._partition_strategy,
            compute_dtype=compute_dtype,
            num_threads=num_threads,
        )
        return ranks if isinstance(labels, RaggedLabels) else ranks.reshape(np.shape(labels))

    def evaluate(
        self,
        inputs: ArrayLike,
        labels: ArrayLike | RaggedLabels,
        *,
        k: int | Iterable[int] = (1, 5, 10),
        compute_dtype: DTypeLike | None = None,
        progress: bool | None = None,
        num_threads: int | None = None,
    ) -> Evaluation:
        """Compute the exact loss and the usual metrics of ranking, in one pass over the classes.

        Parameters
        ----------
        inputs : array, shape [batch, dim]
            Of the dtype of weights, float32 beside bfloat16; a whole test set, a memory map too.
        labels : array of int64, shape [batch] or [batch, num_true], or RaggedLabels
            The true classes.
        k : int or several, default (1, 5, 10)
            How many best classes the metrics look at.
        compute_dtype : "bfloat16", optional
            What products are computed in, as in `full_loss`.
        progress : bool, optional
            Whether to show a bar, as in `evaluate`.
        num_threads : int, optional
            `get_num_threads` if None.

        Returns
        -------
        Evaluation
            As `evaluate` returns it.
        """
        targets, num_true = as_columns(labels)
        return evaluate(
            self._weights,
            self._biases,
            targets,
            inputs,
            num_true,
            k=k,
            partition_strategy=self._partition_strategy,
            progress=progress,
            compute_dtype=compute_dtype,
            num_threads=num_threads,
        )

    def top_k(
        self,
        inputs: ArrayLike,
        k: int,
        *,
        excluded: ArrayLike | RaggedLabels | None = None,
        log_probabilities: bool = False,
        compute_dtype: DTypeLike | None = None,
        num_threads: int | None = None,
    ) -> tuple[NDArray[Any], IdArray]:
        """Find the classes of the k largest logits of each example, exactly.

        Parameters
        ----------
        inputs : array, shape [batch, dim]
            Of the dtype of weights, float32 beside bfloat16.
        k : int
            From 1 to the number of classes.
        excluded : array of int64, shape [batch, m], or RaggedLabels, optional
            Classes that each example is not answered, as in `top_k`.
        log_probabilities : bool, default False
            Whether ``values`` are log probabilities, as in `top_k`.
        compute_dtype : "bfloat16", optional
            What products are computed in, as in `full_loss`.
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
            *self._whole_tables(),
            inputs,
            k,
            excluded=excluded,
            log_probabilities=log_probabilities,
            partition_strategy=self._partition_strategy,
            compute_dtype=compute_dtype,
            num_threads=num_threads,
        )

    def quantized(self, *, num_threads: int | None = None) -> QuantizedTopK:
        """Copy the rows in 8 bits, for a `top_k` that reads a quarter of the memory.

        Parameters
        ----------
        num_threads : int, optional
            `get_num_threads` if None.

        Returns
        -------
        QuantizedTopK
            Over this layer's weights and biases, where they lie; after training steps its
            ``refresh`` is to be called.

        Raises
        ------
        TypeError
            If weights are not float32.
        """
        quantized = QuantizedTopK(
            *self._whole_tables(),
            partition_strategy=self._partition_strategy,
            num_threads=num_threads,
        )
        self._mapped.expect_rows()  # candidates lie anywhere
        return quantized


def as_columns(labels: ArrayLike | RaggedLabels) -> tuple[IdArray | RaggedLabels, int]:
    """Return labels and ``num_true`` as losses take them; a vector is a matrix of one column."""
    if isinstance(labels, RaggedLabels):
        return labels, 1
    targets = as_ids(labels, "labels")
    if targets.ndim not in (1, 2):
        raise ValueError(
            f"labels has shape {list(targets.shape)}; it must have shape [batch] or "
            "[batch, num_true]"
        )
    matrix = targets[:, np.newaxis] if targets.ndim == 1 else targets
    return matrix, matrix.shape[1]


def weight_columns(
    label_weights: ArrayLike | None, labels: ArrayLike | RaggedLabels
) -> Array | None:
    """Return the weights of labels as losses take them, a vector as a column with its labels."""
    if label_weights is None:
        return None
    weights = as_array(label_weights, "label_weights")
    if weights.ndim == 1 and not isinstance(labels, RaggedLabels) and np.ndim(labels) == 1:
        return weights[:, np.newaxis]
    return weights
