"""What the estimator trains: a feature map and a softmax layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from manyclass._arrays import Array, IdArray
from manyclass._compute_dtype import as_compute_dtype
from manyclass.classifier.feature_map import DirectInputs, Features, LinearMap
from manyclass.classifier.optimizer_choice import OptimizerChoice
from manyclass.layer import SampledSoftmax
from manyclass.row_optimizer import RowOptimizer
from manyclass.samplers import SampledValues, Sampler

# Evaluation and prediction take so many examples at a time, or fewer: so many numbers of inputs.
_ROWS_A_CALL = 2**10
_INPUTS_A_CALL = 2**24


class Model:
    """A feature map and a layer, trained together; classes are numbers.

    What is pickled includes the optimizers' states. Tables read back in read-only memory are
    copied when training goes on.

    Parameters
    ----------
    feature_map : DirectInputs or LinearMap
        Gives the layer's inputs.
    weights : array of float32 or float64, shape [num_classes, dim]
        Untrained; updated in place.
    biases : array, shape [num_classes]
        As weights.
    sampler : Sampler
        Draws candidates.
    num_sampled : int
        How many. As many as classes, or more: the full softmax is trained.
    """

    def __init__(
        self,
        feature_map: DirectInputs | LinearMap,
        weights: Array,
        biases: Array,
        sampler: Sampler,
        num_sampled: int,
    ) -> None:
        self.feature_map = feature_map
        self.weights = weights
        self.biases = biases
        self.sampler = sampler
        self.num_sampled = num_sampled
        # Of the layer, and of the feature map.
        self._optimizers: list[RowOptimizer] = []
        self._optimizer_states: list[dict[str, Any]] = []
        self._make_layer()

    def tables(self) -> list[Array]:
        """Return the arrays that are trained."""
        return [self.weights, self.biases, *self._map_tables()]

    def prepare_training(self, choice: OptimizerChoice, compute_dtype: DTypeLike | None) -> None:
        """Make the optimizers, or give those that are there the learning rate of now."""
        self._prepare_optimizers(choice)
        self._layer.compute_dtype = as_compute_dtype(compute_dtype)

    def _prepare_optimizers(self, choice: OptimizerChoice) -> None:
        if self._optimizers:
            choice.make()  # refuses what is out of range
            for optimizer in self._optimizers:
                optimizer.learning_rate = choice.learning_rate
            return
        optimizers = [choice.make(), choice.make()]
        self._make_writeable()
        variables = [[self.weights, self.biases], self._map_tables()]
        if self._optimizer_states:
            for one, state, its in zip(optimizers, self._optimizer_states, variables, strict=True):
                one.load_state_dict(state, its)
        self._optimizers, self._optimizer_states = optimizers, []
        self._make_layer()
        self._layer.optimizer = optimizers[0]

    def train_step(
        self, features: Features, numbers: IdArray, grad_loss: Array, num_threads: int | None
    ) -> NDArray[Any]:
        """Take a step, and return the loss of each example before it."""
        mapping = self.feature_map
        if isinstance(mapping, DirectInputs):
            loss, _ = self._layer_step(mapping.inputs(features), numbers, grad_loss, num_threads)
            return loss
        bags = mapping.bags(features)
        inputs = mapping.inputs_of_bags(bags)
        loss, grad_inputs = self._layer_step(inputs, numbers, grad_loss, num_threads)
        gradient = mapping.gradient(bags, grad_inputs)
        self._optimizers[1].apply(mapping.table, gradient, num_threads=num_threads)
        return loss

    def full_loss(
        self, features: Features, numbers: IdArray, num_threads: int | None
    ) -> NDArray[Any]:
        """Return the exact loss of each example."""
        pieces = [
            self._layer.full_loss(
                self.feature_map.inputs(features[rows]), numbers[rows], num_threads=num_threads
            )
            for rows in self._calls(len(numbers))
        ]
        return np.concatenate(pieces)

    def top_k(
        self, features: Features, k: int, num_threads: int | None
    ) -> tuple[NDArray[Any], IdArray]:
        """Return the k largest logits of each example, and their classes."""
        pieces = [
            self._layer.top_k(self.feature_map.inputs(features[rows]), k, num_threads=num_threads)
            for rows in self._calls(features.shape[0])
        ]
        values, numbers = zip(*pieces, strict=True)
        return np.concatenate(values), np.concatenate(numbers)

    def logits(self, features: Features, numbers: IdArray) -> NDArray[Any]:
        """Return the logits of each example for the classes ``numbers``, in that order."""
        result = np.empty((features.shape[0], len(numbers)), self.weights.dtype)
        for rows in self._calls(len(result)):
            logits = self.feature_map.inputs(features[rows]) @ self.weights.T
            logits += self.biases
            np.take(logits, numbers, axis=1, out=result[rows])
        return result

    def _layer_step(
        self, inputs: Array, numbers: IdArray, grad_loss: Array, num_threads: int | None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        return self._layer.train_step(
            inputs,
            numbers,
            sampled_values=self._all_classes(len(numbers)),
            grad_loss=grad_loss,
            num_threads=num_threads,
        )

    def _all_classes(self, batch: int) -> SampledValues | None:
        """Return all classes as candidates: the sampled softmax is then the full one."""
        classes = len(self.weights)
        if self.num_sampled < classes:
            return None
        return SampledValues(
            np.arange(classes), np.ones((batch, 1), np.float32), np.ones(classes, np.float32)
        )

    def _map_tables(self) -> list[Array]:
        return [self.feature_map.table] if isinstance(self.feature_map, LinearMap) else []

    def _calls(self, rows: int) -> list[slice]:
        size = max(1, min(_ROWS_A_CALL, _INPUTS_A_CALL // self.feature_map.dim))
        return [slice(first, first + size) for first in range(0, rows, size)]

    def _make_layer(self) -> None:
        self._layer = SampledSoftmax(
            *self.weights.shape,
            num_sampled=self.num_sampled,
            sampler=self.sampler,
            weights=self.weights,
            biases=self.biases,
        )

    def _make_writeable(self) -> None:
        self.weights = np.require(self.weights, requirements="W")
        self.biases = np.require(self.biases, requirements="W")
        if isinstance(self.feature_map, LinearMap):
            self.feature_map.table = np.require(self.feature_map.table, requirements="W")

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_layer"}
        if self._optimizers:
            state["_optimizer_states"] = [
                self._optimizers[0].state_dict([self.weights, self.biases]),
                self._optimizers[1].state_dict(self._map_tables()),
            ]
            state["_optimizers"] = []
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_layer()
