"""The layer: weights, biases, a sampler and an optimizer, as one object."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, IdArray, Table, as_array, as_ids
from manyclass._layer_tables import (
    as_biases_table,
    as_weights_table,
    check_tables,
    dtype_of,
    new_dtype,
    new_weights,
    shards_of,
)
from manyclass._sampled_arguments import (
    GivenValues,
    LossOptions,
    SampledArguments,
    read_arguments,
    read_options,
    slices_of,
)
from manyclass._scalars import as_flag, as_integer, as_name
from manyclass._seeds import SeedLike, resolve_seed
from manyclass.evaluation import full_softmax_loss, label_ranks
from manyclass.losses import Gradients
from manyclass.row_optimizer import RowOptimizer, StateArrays
from manyclass.samplers import LogUniformSampler, Sampler
from manyclass.serving import top_k


class SampledSoftmax:
    """The last layer of a classifier with a huge number of classes.

    A row of weights and a bias for each class; trained on a few sampled classes a step, evaluated
    over all of them.

    Parameters
    ----------
    num_classes : int
        At least 1.
    dim : int
        The length of an input, at least 1.
    num_sampled : int
        How many candidates a step draws, shared by its batch.
    sampler : Sampler, optional
        Draws them. The default is a `LogUniformSampler`, right if classes are numbered by falling
        frequency.
    optimizer : RowOptimizer, optional
        What `train_step` updates with, such as ``Adagrad(0.1)``. A layer without one evaluates
        and serves.
    weights : array of float32 or float64, shape [num_classes, dim], or list of such, optional
        Used, and trained, where it lies: an array, a memory map, or the shards of one table. By
        default new ones are made, uniform in ``[-1, 1) / sqrt(dim)``.
    biases : array, shape [num_classes], or list of such, optional
        Of the dtype of weights, used where it lies. New zeros by default.
    remove_accidental_hits, log_q_correction, mask_repeats
        As in `sampled_softmax_loss`.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    dtype : numpy.dtype, optional
        Of new weights: float32 if None.
    seed : int, pair of int, numpy.random.Generator, optional
        Of new weights and of the default sampler; fresh entropy if None.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, or a number is out of range.
    TypeError
        If a dtype is another.
    """

    def __init__(
        self,
        num_classes: int,
        dim: int,
        *,
        num_sampled: int,
        sampler: Sampler | None = None,
        optimizer: RowOptimizer | None = None,
        weights: Table | None = None,
        biases: Table | None = None,
        remove_accidental_hits: bool = True,
        log_q_correction: str = "all",
        mask_repeats: bool = False,
        partition_strategy: str = "div",
        dtype: DTypeLike | None = None,
        seed: SeedLike = None,
    ) -> None:
        classes, columns = as_integer(num_classes, "num_classes"), as_integer(dim, "dim")
        for name, number in (("num_classes", classes), ("dim", columns)):
            if number < 1:
                raise ValueError(f"{name} is {number}; it must be at least 1")
        self.num_classes, self.dim = classes, columns
        self.num_sampled = as_integer(num_sampled, "num_sampled")
        self.remove_accidental_hits = as_flag(remove_accidental_hits, "remove_accidental_hits")
        self.log_q_correction = as_name(log_q_correction, "log_q_correction")
        self.mask_repeats = as_flag(mask_repeats, "mask_repeats")
        self.partition_strategy = as_name(partition_strategy, "partition_strategy")
        if sampler is None:
            sampler = LogUniformSampler(classes, seed=seed)
        self.sampler = sampler
        self.optimizer = optimizer
        self.weights: Array | list[Array] = (
            new_weights(classes, columns, new_dtype(dtype), resolve_seed(seed))
            if weights is None
            else as_weights_table(weights, classes, columns, dtype)
        )
        self.biases: Array | list[Array] = (
            np.zeros(classes, dtype_of(self.weights))
            if biases is None
            else as_biases_table(biases, classes)
        )
        check_tables(self.weights, self.biases, columns, self.partition_strategy)

    def train_step(
        self,
        inputs: ArrayLike,
        labels: ArrayLike,
        *,
        sampled_values: GivenValues | None = None,
        grad_loss: ArrayLike | None = None,
        num_threads: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Sample, compute the loss and its gradients, and update weights and biases in place.

        Parameters
        ----------
        inputs : array, shape [batch, dim]
            Of the dtype of weights.
        labels : array of int64, shape [batch] or [batch, num_true]
            The true classes.
        sampled_values : SampledValues or tuple of three arrays, optional
            Candidates and their expected counts, instead of drawn ones.
        grad_loss : array, shape [batch], optional
            The gradient of what is minimised with respect to each example's loss. The default is
            ``1 / batch``: the mean is minimised.
        num_threads : int, optional
            `get_num_threads` if None.

        Returns
        -------
        loss : array, shape [batch]
            Of each example, before the update.
        grad_inputs : array, shape [batch, dim]
            The gradient of what is minimised with respect to inputs, before the update.

        Raises
        ------
        ValueError
            If shapes or layouts do not fit, a label or a candidate is out of range, or the layer
            has no optimizer. Weights, optimizer and sampler stay as they were.
        TypeError
            If a dtype is another.
        """
        optimizer = self.optimizer
        if optimizer is None:
            raise ValueError("the layer has no optimizer; set one, such as Adagrad(0.1)")
        arguments, options = self._arguments(inputs, labels, sampled_values, num_threads)
        upstream = _as_grad_loss(grad_loss, arguments.inputs)
        weights, biases = shards_of(self.weights), shards_of(self.biases)

        def apply(
            rule: _core.RowRule, states: StateArrays, learning_rate: float, clip_norm: float | None
        ) -> tuple[Array, Array]:
            return _core.sampled_softmax_train_step(
                *arguments,
                *options,
                upstream,
                rule,
                states[: len(weights)],
                states[len(weights) :],
                learning_rate,
                clip_norm,
            )

        return optimizer._step_with(weights + biases, apply)

    def loss(
        self,
        inputs: ArrayLike,
        labels: ArrayLike,
        *,
        sampled_values: GivenValues | None = None,
        num_threads: int | None = None,
    ) -> NDArray[Any]:
        """Compute the sampled loss of each example, with new candidates.

        Parameters are those of `train_step`.

        Returns
        -------
        array, shape [batch]
            In the dtype of inputs.
        """
        arguments, options = self._arguments(inputs, labels, sampled_values, num_threads)
        return _core.sampled_softmax_loss(*arguments, *options)

    def loss_and_grad(
        self,
        inputs: ArrayLike,
        labels: ArrayLike,
        *,
        sampled_values: GivenValues | None = None,
        grad_loss: ArrayLike | None = None,
        num_threads: int | None = None,
    ) -> tuple[NDArray[Any], Gradients]:
        """Compute the sampled loss and its gradients, and update nothing.

        Parameters are those of `train_step`; the default of ``grad_loss`` is ``1 / batch`` here,
        too.

        Returns
        -------
        loss : array, shape [batch]
            In the dtype of inputs.
        gradients : Gradients
            As `sampled_softmax_loss_and_grad` returns them.
        """
        arguments, options = self._arguments(inputs, labels, sampled_values, num_threads)
        loss, weight_slices, bias_slices, grad_inputs = _core.sampled_softmax_loss_and_grad(
            *arguments, *options, _as_grad_loss(grad_loss, arguments.inputs)
        )
        return loss, Gradients(
            slices_of(arguments.weights, weight_slices),
            slices_of(arguments.biases, bias_slices),
            grad_inputs,
        )

    def full_loss(
        self, inputs: ArrayLike, labels: ArrayLike, *, num_threads: int | None = None
    ) -> NDArray[Any]:
        """Compute the exact softmax cross entropy of each example, over all classes.

        Parameters are those of `train_step`.

        Returns
        -------
        array, shape [batch]
            As `full_softmax_loss` returns it.
        """
        targets = _as_columns(labels)
        return full_softmax_loss(
            self.weights,
            self.biases,
            targets,
            inputs,
            targets.shape[-1],
            partition_strategy=self.partition_strategy,
            num_threads=num_threads,
        )

    def label_ranks(
        self, inputs: ArrayLike, labels: ArrayLike, *, num_threads: int | None = None
    ) -> IdArray:
        """Compute the rank of each label among all classes, 1 for the largest logit.

        Parameters are those of `train_step`.

        Returns
        -------
        array of int64, of the shape of labels
            As `label_ranks` returns them.
        """
        targets = _as_columns(labels)
        ranks = label_ranks(
            self.weights,
            self.biases,
            targets,
            inputs,
            targets.shape[-1],
            partition_strategy=self.partition_strategy,
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
            self.weights,
            self.biases,
            inputs,
            k,
            partition_strategy=self.partition_strategy,
            num_threads=num_threads,
        )

    def _arguments(
        self,
        inputs: ArrayLike,
        labels: ArrayLike,
        sampled_values: GivenValues | None,
        num_threads: int | None,
    ) -> tuple[SampledArguments, LossOptions]:
        targets = _as_columns(labels)
        arguments = read_arguments(
            self.weights,
            self.biases,
            targets,
            inputs,
            self.num_sampled if sampled_values is None else len(sampled_values[0]),
            self.num_classes,
            targets.shape[-1],
            sampled_values,
            self.sampler if sampled_values is None else None,
            None,
        )
        options = read_options(
            self.remove_accidental_hits,
            self.mask_repeats,
            self.log_q_correction,
            self.partition_strategy,
            num_threads,
        )
        return arguments, options

    def __repr__(self) -> str:
        return f"SampledSoftmax({self.num_classes}, {self.dim}, num_sampled={self.num_sampled})"


def _as_columns(labels: ArrayLike) -> IdArray:
    """Return labels as a matrix; a vector is one of one column."""
    targets = as_ids(labels, "labels")
    return targets[:, np.newaxis] if targets.ndim == 1 else targets


def _as_grad_loss(grad_loss: ArrayLike | None, inputs: Array) -> Array:
    """Return the gradient of what is minimised; by default that of the mean."""
    if grad_loss is not None:
        return as_array(grad_loss, "grad_loss")
    batch = len(inputs) if inputs.ndim else 0
    return np.full(batch, 1.0 / max(batch, 1), inputs.dtype)
