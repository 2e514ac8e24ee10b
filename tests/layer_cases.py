"""Layers to train in tests: every kind of sampler, and a stream of examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import manyclass as mc

NUM_CLASSES, DIM, BATCH, NUM_SAMPLED = 40, 6, 7, 9

COUNTS = np.random.default_rng(1).integers(1, 50, NUM_CLASSES)
SAMPLERS: dict[str, Callable[[], Any]] = {
    "uniform": lambda: mc.UniformSampler(NUM_CLASSES, seed=1),
    "log-uniform": lambda: mc.LogUniformSampler(NUM_CLASSES, seed=(2, 3)),
    "unigram": lambda: mc.UnigramSampler(COUNTS, distortion=0.75, seed=4),
    "learned": lambda: mc.LearnedUnigramSampler(NUM_CLASSES, seed=5),
    "alias": lambda: mc.AliasSampler(COUNTS / 3, seed=6),
    "mixture": lambda: mc.MixtureSampler(
        [
            (mc.UniformSampler(NUM_CLASSES, seed=7), 0.3),
            (mc.LearnedUnigramSampler(NUM_CLASSES, seed=8), 0.5),
            (mc.MixtureSampler([(mc.UnigramSampler(COUNTS, seed=9), 1.0)], seed=10), 0.1),
        ],
        seed=11,
    ),
}
each_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())


def make_layer(**options: Any) -> mc.SampledSoftmax:
    """Return a small layer, the same each time, by default with Adagrad."""
    arguments: dict[str, Any] = {
        "num_sampled": NUM_SAMPLED,
        "seed": 1,
        "optimizer": mc.Adagrad(0.3),
        **options,
    }
    return mc.SampledSoftmax(NUM_CLASSES, DIM, **arguments)


def examples(seed: int, dtype: Any = np.float32, num_true: int = 1) -> tuple[Any, Any]:
    """Return the inputs and labels of a step."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((BATCH, DIM)).astype(dtype)
    return inputs, rng.integers(0, NUM_CLASSES, (BATCH, num_true))


def train(layer: mc.SampledSoftmax, steps: range) -> None:
    """Take steps, one for each seed."""
    for step in steps:
        layer.train_step(*examples(step, dtype_of(layer)))


def dtype_of(layer: mc.SampledSoftmax) -> Any:
    return tables_of(layer)[0].dtype


def tables_of(layer: mc.SampledSoftmax) -> list[np.ndarray]:
    """Return weights and biases, shard by shard."""
    tables = []
    for table in (layer.weights, layer.biases):
        tables += table if isinstance(table, list) else [table]
    return tables


def snapshot(layer: mc.SampledSoftmax) -> dict[str, Any]:
    """Return a copy of all that a step changes, as bytes."""
    found: dict[str, Any] = {
        f"table {place}": table.tobytes() for place, table in enumerate(tables_of(layer))
    }
    if layer.sampler is not None:
        found |= sampler_state(layer.sampler)
    if layer.optimizer is not None:
        variables = {"weights": layer.weights, "biases": layer.biases}
        for name, value in layer.optimizer.state_dict(variables).items():
            found[name] = value.tobytes() if isinstance(value, np.ndarray) else value
    return found


def sampler_state(sampler: Any) -> dict[str, Any]:
    """Return where a sampler stands, its parts too."""
    found = {
        f"sampler {name}": value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in sampler.state_dict().items()
    }
    for place, (part, _) in enumerate(getattr(sampler, "parts", ())):
        found |= {f"part {place} {name}": value for name, value in sampler_state(part).items()}
    return found
