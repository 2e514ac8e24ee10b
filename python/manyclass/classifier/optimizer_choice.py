"""The estimator's optimizers, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from manyclass.optimizers import SGD, Adagrad, Adam, RowwiseAdagrad
from manyclass.row_optimizer import LearningRate, RowOptimizer

# Gradients of a mean over a batch are small where few of its examples have a class or a feature:
# against TensorFlow's 0.1 their squares would be nothing, and rare rows would hardly move.
_INITIAL_ACCUMULATOR = 1e-8


class OptimizerChoice(NamedTuple):
    """Which optimizer to make, with which parameters."""

    name: str
    learning_rate: LearningRate
    weight_decay: float

    def make(self) -> RowOptimizer:
        """Make it.

        Raises
        ------
        ValueError
            If there is none of this name, or a parameter is out of range.
        """
        if self.name not in _MAKERS:
            raise ValueError(f"optimizer is {self.name!r}; it must be one of {list(_MAKERS)}")
        return _MAKERS[self.name](self)


_MAKERS: dict[str, Callable[[OptimizerChoice], RowOptimizer]] = {
    "adagrad": lambda choice: Adagrad(
        choice.learning_rate,
        initial_accumulator_value=_INITIAL_ACCUMULATOR,
        weight_decay=choice.weight_decay,
    ),
    "rowwise_adagrad": lambda choice: RowwiseAdagrad(
        choice.learning_rate,
        initial_accumulator_value=_INITIAL_ACCUMULATOR,
        weight_decay=choice.weight_decay,
    ),
    "adam": lambda choice: Adam(choice.learning_rate, weight_decay=choice.weight_decay),
    "sgd": lambda choice: SGD(choice.learning_rate, weight_decay=choice.weight_decay),
}
