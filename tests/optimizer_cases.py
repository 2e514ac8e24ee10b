"""Every rule with parameters of interest, and random gradients for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import manyclass as mc
import optimizer_reference

# Name, parameters but for the learning rate.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"weight_decay": 0.3}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.7, "nesterov": True, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    ("Adagrad", {"initial_accumulator_value": 2.0, "epsilon": 0.0, "weight_decay": 0.2}),
    ("RowwiseAdagrad", {}),
    ("RowwiseAdagrad", {"initial_accumulator_value": 0.01, "weight_decay": 0.2}),
    ("Adam", {}),
    ("Adam", {"betas": (0.5, 0.9), "epsilon": 1e-3, "weight_decay": 0.2}),
    ("Adam", {"betas": (0.0, 0.0), "epsilon": 1e-2}),
]
IDS = [
    name + "".join(f"-{key}={value}" for key, value in options.items()) for name, options in CASES
]


class OptimizerCase(NamedTuple):
    """A rule: ours, and the reference."""

    name: str
    options: dict[str, Any]

    def make(self, learning_rate: Any = 0.1, **more: Any) -> Any:
        return getattr(mc, self.name)(learning_rate, **self.options, **more)

    def reference(self) -> optimizer_reference.Rule:
        rule: Callable[..., optimizer_reference.Rule] = getattr(optimizer_reference, self.name)
        return rule(**self.options)


OPTIMIZER_CASES = [OptimizerCase(*case) for case in CASES]
each_case = pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=IDS)
# One of each rule and kind of state.
each_kind = pytest.mark.parametrize(
    "case", [OPTIMIZER_CASES[i] for i in (0, 2, 4, 7, 9)], ids=[IDS[i] for i in (0, 2, 4, 7, 9)]
)


def random_slices(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, num_rows: int
) -> mc.IndexedSlices:
    """Return gradients of some distinct rows, ascending."""
    indices = np.sort(rng.permutation(shape[0])[:num_rows])
    values = rng.standard_normal((num_rows, *shape[1:])).astype(dtype)
    return mc.IndexedSlices(values, indices, shape)


def step_reference(
    rule: optimizer_reference.Rule, table: np.ndarray, slices: mc.IndexedSlices, rate: float = 0.1
) -> None:
    """Take the reference's step on a float64 table."""
    rule.step(table, slices.indices, slices.values.astype(np.float64), rate)
