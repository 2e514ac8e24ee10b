"""The layer: weights, biases, a sampler and an optimizer, as one object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, Table, as_array
from manyclass._compute_dtype import as_compute_dtype
from manyclass._layer_tables import arithmetic_dtype, dtype_of, shards_of
from manyclass._sampled_arguments import (
    GivenValues,
    LossOptions,
    SampledArguments,
    check_sampler,
    read_arguments,
    read_options,
    slices_of,
)
from manyclass._scalars import as_flag, as_integer, as_name, as_real
from manyclass._seeds import SeedLike
from manyclass._targets import read_targets
from manyclass.losses import Gradients
from manyclass.output_layer import as_columns, weight_columns
from manyclass.ragged_labels import RaggedLabels
from manyclass.row_optimizer import RowOptimizer, StateArrays, StreamPlace
from manyclass.samplers import LogUniformSampler, Sampler
from manyclass.saved_layer import SavedLayer


class SampledSoftmax(SavedLayer):
    """The last layer of a classifier with a huge number of classes.

    A row of weights and a bias for each class; trained on a few sampled classes a step, evaluated
    over all of them. What changes a layer, or saves it, is for one thread at a time.

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
    weights : array of float32, float64 or bfloat16, shape [num_classes, dim], or list, optional
        Used, and trained, where it lies: an array, a memory map, or the shards of one table. By
        default new ones are made, uniform in ``[-1, 1) / sqrt(dim)``. bfloat16
        (``ml_dtypes.bfloat16``) takes half the memory; all else is float32 then, and optimizers
        round updates stochastically.
    biases : array, shape [num_classes], or list of such, optional
        Of the dtype of weights, float32 beside bfloat16; used where it lies. New zeros by default.
    remove_accidental_hits, log_q_correction, mask_repeats, label_smoothing, compute_dtype
        As in `sampled_softmax_loss`.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    dtype : numpy.dtype, optional
        Of new weights: float32 if None; ``ml_dtypes.bfloat16`` is possible.
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
        label_smoothing: float = 0.0,
        compute_dtype: DTypeLike | None = None,
        partition_strategy: str = "div",
        dtype: DTypeLike | None = None,
        seed: SeedLike = None,
    ) -> None:
        super().__init__(num_classes, dim, weights, biases, partition_strategy, dtype, seed)
        self.num_sampled = as_integer(num_sampled, "num_sampled")
        if self.num_sampled < 1:
            raise ValueError(f"num_sampled is {self.num_sampled}; it must be at least 1")
        self.remove_accidental_hits = as_flag(remove_accidental_hits, "remove_accidental_hits")
        self.log_q_correction = as_name(log_q_correction, "log_q_correction")
        self.mask_repeats = as_flag(mask_repeats, "mask_repeats")
        self.label_smoothing = as_real(label_smoothing, "label_smoothing")
        self.compute_dtype = as_compute_dtype(compute_dtype)
        self.sampler = (
            LogUniformSampler(self.num_classes, seed=seed) if sampler is None else sampler
        )
        self.optimizer = optimizer
        # The core looks at options with the loss of no examples.
        none = np.empty(0, np.int64), np.empty((0, 1)), np.empty(0)
        inputs = np.empty((0, self.dim), arithmetic_dtype(self.weights))
        self.loss(inputs, none[0], sampled_values=none)

    @property
    def sampler(self) -> Sampler | None:
        """What draws the candidates; may be set."""
        return self._sampler

    @sampler.setter
    def sampler(self, value: Sampler | None) -> None:
        if value is not None:
            check_sampler(value, self.num_classes)
        self._sampler = value

    @property
    def optimizer(self) -> RowOptimizer | None:
        """What `train_step` updates with; may be set."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: RowOptimizer | None) -> None:
        if value is not None and not isinstance(value, RowOptimizer):
            raise TypeError(f"optimizer is {value!r}; it must be one such as Adagrad(0.1)")
        self._optimizer = value

    def train_step(
        self,
        inputs: ArrayLike,
        labels: ArrayLike | RaggedLabels,
        *,
        label_weights: ArrayLike | None = None,
        sampled_values: GivenValues | None = None,
        grad_loss: ArrayLike | None = None,
        num_threads: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Sample, compute the loss and its gradients, and update weights and biases in place.

        Parameters
        ----------
        inputs : array, shape [batch, dim]
            Of the dtype of weights, float32 beside bfloat16.
        labels : array of int64, shape [batch] or [batch, num_true], or RaggedLabels
            The true classes.
        label_weights : array of the shape of labels or, if they are ragged, of values, optional
            The target of each label, of the dtype of weights, as in `sampled_softmax_loss`.
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
        arguments, options = self._arguments(
            inputs, labels, label_weights, sampled_values, num_threads
        )
        upstream = _as_grad_loss(grad_loss, arguments.inputs)
        weights, biases = shards_of(self.weights), shards_of(self.biases)

        def apply(
            rule: _core.RowRule,
            states: StateArrays,
            learning_rate: float,
            clip_norm: float | None,
            rounding: StreamPlace,
            count: Callable[[], None],
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
                rounding,
                count,
                compute_dtype=as_compute_dtype(self.compute_dtype),
            )

        return optimizer._step_with(weights + biases, apply)

    def loss(
        self,
        inputs: ArrayLike,
        labels: ArrayLike | RaggedLabels,
        *,
        label_weights: ArrayLike | None = None,
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
        arguments, options = self._arguments(
            inputs, labels, label_weights, sampled_values, num_threads
        )
        return _core.sampled_softmax_loss(
            *arguments, *options, compute_dtype=as_compute_dtype(self.compute_dtype)
        )

    def loss_and_grad(
        self,
        inputs: ArrayLike,
        labels: ArrayLike | RaggedLabels,
        *,
        label_weights: ArrayLike | None = None,
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
        arguments, options = self._arguments(
            inputs, labels, label_weights, sampled_values, num_threads
        )
        loss, weight_slices, bias_slices, grad_inputs, _ = _core.sampled_softmax_loss_and_grad(
            *arguments,
            *options,
            _as_grad_loss(grad_loss, arguments.inputs),
            compute_dtype=as_compute_dtype(self.compute_dtype),
        )
        return loss, Gradients(
            slices_of(arguments.weights, weight_slices),
            slices_of(arguments.biases, bias_slices),
            grad_inputs,
        )

    def _arguments(
        self,
        inputs: ArrayLike,
        labels: ArrayLike | RaggedLabels,
        label_weights: ArrayLike | None,
        sampled_values: GivenValues | None,
        num_threads: int | None,
    ) -> tuple[SampledArguments, LossOptions]:
        if sampled_values is None and self._sampler is None:
            raise ValueError("the layer has no sampler; set layer.sampler, or give sampled_values")
        self._mapped.expect_rows()
        targets, num_true = as_columns(labels)
        weights = weight_columns(label_weights, labels)
        arguments = read_arguments(
            self._weights,
            self._biases,
            read_targets(targets, num_true, weights, self.label_smoothing),
            inputs,
            self.num_sampled if sampled_values is None else None,
            self.num_classes,
            sampled_values,
            self._sampler if sampled_values is None else None,
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

    def _settings(self) -> dict[str, Any]:
        """Return the arguments of the constructor that are numbers, flags and names."""
        return {
            "num_classes": self.num_classes,
            "dim": self.dim,
            "num_sampled": as_integer(self.num_sampled, "num_sampled"),
            "remove_accidental_hits": as_flag(
                self.remove_accidental_hits, "remove_accidental_hits"
            ),
            "log_q_correction": self.log_q_correction,
            "mask_repeats": as_flag(self.mask_repeats, "mask_repeats"),
            "label_smoothing": as_real(self.label_smoothing, "label_smoothing"),
            "compute_dtype": as_compute_dtype(self.compute_dtype),
            "partition_strategy": self.partition_strategy,
        }

    def __repr__(self) -> str:
        return (
            f"SampledSoftmax({self.num_classes}, {self.dim}, num_sampled={self.num_sampled}, "
            f"sampler={type(self._sampler).__name__}, optimizer={self._optimizer!r}, "
            f"dtype={dtype_of(self._weights)})"
        )


def _as_grad_loss(grad_loss: ArrayLike | None, inputs: Array) -> Array:
    """Return the gradient of what is minimised; by default that of the mean."""
    if grad_loss is not None:
        return as_array(grad_loss, "grad_loss")
    batch = len(inputs) if inputs.ndim else 0
    return np.full(batch, 1.0 / max(batch, 1), inputs.dtype)
