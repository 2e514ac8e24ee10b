"""One sampled step against one full-softmax step of the same layer, on the same batch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import manyclass
from manyclass.demo.model import Ids, Model
from manyclass.demo.samplers import Sampler

_ROUNDS = 7
_SAMPLED_PER_ROUND = 5
# A full step may take seconds on a slow machine; three of them will do there.
_FEWEST_ROUNDS = 3
_ENOUGH_SECONDS = 10.0


@dataclass(frozen=True)
class StepTimes:
    """Median seconds of a step of the softmax layer: loss, gradients and update."""

    batch: int
    sampled: float
    full: float

    @property
    def ratio(self) -> float:
        """How many sampled steps fit into a full one."""
        return self.full / self.sampled


def time_steps(
    model: Model,
    stream: Ids,
    positions: npt.NDArray[np.int64],
    sampler: Sampler,
    *,
    num_sampled: int,
) -> StepTimes:
    """Time both steps in turn, on copies of the layer, which the model keeps as it is."""
    labels = stream[positions, None].astype(np.int64)
    inputs = model.inputs(stream, positions)
    sampled = _sampled_step(model, labels, inputs, sampler, num_sampled)
    full = _full_step(model, labels, inputs)
    sampled()  # the first step of each allocates the optimizer's state
    full()
    sampled_seconds: list[float] = []
    full_seconds: list[float] = []
    began = time.perf_counter()
    for done in range(_ROUNDS):
        if done >= _FEWEST_ROUNDS and time.perf_counter() - began > _ENOUGH_SECONDS:
            break
        sampled_seconds += [_seconds(sampled) for _ in range(_SAMPLED_PER_ROUND)]
        full_seconds.append(_seconds(full))
    return StepTimes(
        batch=len(positions),
        sampled=statistics.median(sampled_seconds),
        full=statistics.median(full_seconds),
    )


def _sampled_step(
    model: Model,
    labels: npt.NDArray[np.int64],
    inputs: npt.NDArray[np.float32],
    sampler: Sampler,
    num_sampled: int,
) -> Callable[[], None]:
    weights, biases = model.weights.copy(), model.biases.copy()
    optimizer = manyclass.Adagrad(0.01)

    def step() -> None:
        _, gradients = manyclass.sampled_softmax_loss_and_grad(
            weights, biases, labels, inputs, num_sampled, len(biases), sampler=sampler
        )
        optimizer.apply(weights, gradients.weights)
        optimizer.apply(biases, gradients.biases)

    return step


def _full_step(
    model: Model, labels: npt.NDArray[np.int64], inputs: npt.NDArray[np.float32]
) -> Callable[[], None]:
    weights, biases = model.weights.copy(), model.biases.copy()
    optimizer = manyclass.Adagrad(0.01)
    every = np.arange(len(biases))

    def step() -> None:
        _, gradients = manyclass.full_softmax_loss_and_grad(weights, biases, labels, inputs)
        for variable, gradient in ((weights, gradients.weights), (biases, gradients.biases)):
            optimizer.apply(variable, manyclass.IndexedSlices(gradient, every, variable.shape))

    return step


def _seconds(step: Callable[[], None]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
