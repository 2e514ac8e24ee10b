"""The rules of row optimizers in NumPy float64, written for reading; independent of the library."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Rule(ABC):
    """Moves rows of a table of one or two dimensions, a row at a time."""

    def __init__(self, weight_decay: float = 0.0) -> None:
        self.weight_decay = weight_decay
        self._rows: dict[int, dict[str, Floats]] = {}

    def step(self, table: Floats, rows: Ints, gradients: Floats, rate: float) -> None:
        """Change the rows of ``table`` in place."""
        for row, gradient in zip(rows.tolist(), gradients, strict=True):
            state = self._rows.setdefault(row, {})
            table[row] = self.moved(table[row], gradient, rate, state)

    @abstractmethod
    def moved(self, w: Floats, g: Floats, rate: float, state: dict[str, Floats]) -> Floats:
        """Return the row after a step; ``state`` is the row's own, empty at first."""


class SGD(Rule):
    def __init__(self, momentum: float = 0.0, nesterov: bool = False, **rest: float) -> None:
        super().__init__(**rest)
        self.momentum, self.nesterov = momentum, nesterov

    def moved(self, w: Floats, g: Floats, rate: float, state: dict[str, Floats]) -> Floats:
        d = g + self.weight_decay * w
        if "b" not in state:  # PyTorch starts the buffer with the first gradient
            state["b"] = d
        else:
            state["b"] = self.momentum * state["b"] + d
        return w - rate * (d + self.momentum * state["b"] if self.nesterov else state["b"])


class Adagrad(Rule):
    def __init__(
        self, initial_accumulator_value: float = 0.1, epsilon: float = 1e-7, **rest: float
    ) -> None:
        super().__init__(**rest)
        self.initial, self.epsilon = initial_accumulator_value, epsilon

    def moved(self, w: Floats, g: Floats, rate: float, state: dict[str, Floats]) -> Floats:
        d = g + self.weight_decay * w
        state["a"] = state.get("a", self.initial) + self.squares(d)
        return w - rate * d / (np.sqrt(state["a"]) + self.epsilon)

    def squares(self, d: Floats) -> Floats:
        return d * d


class RowwiseAdagrad(Adagrad):
    def squares(self, d: Floats) -> Floats:
        return np.mean(d * d)


class Adam(Rule):
    def __init__(
        self, betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8, **rest: float
    ) -> None:
        super().__init__(**rest)
        self.betas, self.epsilon = betas, epsilon

    def moved(self, w: Floats, g: Floats, rate: float, state: dict[str, Floats]) -> Floats:
        zero = np.zeros_like(g)
        state["t"] = state.get("t", np.zeros(())) + 1
        state["m"] = self.betas[0] * state.get("m", zero) + (1 - self.betas[0]) * g
        state["v"] = self.betas[1] * state.get("v", zero) + (1 - self.betas[1]) * g * g
        m = state["m"] / (1 - self.betas[0] ** state["t"])
        v = state["v"] / (1 - self.betas[1] ** state["t"])
        w = w - rate * self.weight_decay * w
        return w - rate * m / (np.sqrt(v) + self.epsilon)


def clip_by_global_norm(gradients: list[Floats], clip_norm: float) -> list[Floats]:
    """Return the gradients as tf.clip_by_global_norm documents it."""
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in gradients))
    return [g * clip_norm / max(norm, clip_norm) for g in gradients]
