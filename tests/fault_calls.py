"""Calls of everything that works in the core, each with what it gives as bytes.

Every call brings its own samplers, tables and layers, but for one layer that is only read: it gives
the same bits each time, in whatever thread or process and at every number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ml_dtypes import bfloat16

import manyclass as mc

NUM_CLASSES, DIM, BATCH, NUM_SAMPLED = 3000, 32, 96, 400

rng = np.random.default_rng(0)
WEIGHTS = rng.standard_normal((NUM_CLASSES, DIM), np.float32)
BIASES = rng.standard_normal(NUM_CLASSES, np.float32)
INPUTS = rng.standard_normal((BATCH, DIM), np.float32)
LABELS = rng.integers(0, NUM_CLASSES, (BATCH, 2))
COUNTS = rng.uniform(0.1, 1.0, NUM_CLASSES)
GIVEN = mc.LogUniformSampler(NUM_CLASSES, seed=1).sample(LABELS, NUM_SAMPLED)
PROBLEM: Any = (WEIGHTS, BIASES, LABELS, INPUTS)
SHARED_LAYER = mc.SampledSoftmax(
    NUM_CLASSES, DIM, num_sampled=NUM_SAMPLED, weights=WEIGHTS, biases=BIASES
)
SAMPLERS: dict[str, Callable[[], Any]] = {
    "uniform": lambda: mc.UniformSampler(NUM_CLASSES, seed=1),
    "log-uniform": lambda: mc.LogUniformSampler(NUM_CLASSES, seed=1),
    "unigram": lambda: mc.UnigramSampler(COUNTS, distortion=0.75, seed=1),
    "learned": lambda: mc.LearnedUnigramSampler(NUM_CLASSES, seed=1),
    "alias": lambda: mc.AliasSampler(COUNTS, seed=1),
    "mixture": lambda: mc.MixtureSampler(
        [(mc.UniformSampler(NUM_CLASSES), 1.0), (mc.AliasSampler(COUNTS), 2.0)], seed=1
    ),
}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: mc.SGD(0.1, momentum=0.9),
    "adagrad": lambda: mc.Adagrad(0.1),
    "rowwise adagrad": lambda: mc.RowwiseAdagrad(0.1, clip_norm=1.0),
    "adam": lambda: mc.Adam(0.1),
}


def bytes_of(value: Any) -> bytes:
    """Return the bits of arrays, however they are held."""
    if isinstance(value, tuple | list):
        return b"".join(map(bytes_of, value))
    if isinstance(value, dict):
        return b"".join(bytes_of(part) for part in value.values())
    return np.asarray(value).tobytes()


def state_of(layer: mc.SampledSoftmax) -> bytes:
    """Return the bits of all that training changes."""
    state = [layer.weights, layer.biases]
    if layer.optimizer is not None:
        variables = {"weights": layer.weights, "biases": layer.biases}
        state.append(layer.optimizer.state_dict(variables))
    if layer.sampler is not None:
        state.append(layer.sampler.state_dict())
    return bytes_of(state)


def new_layer() -> mc.SampledSoftmax:
    """Return a layer to train, the same each time."""
    return mc.SampledSoftmax(
        NUM_CLASSES,
        DIM,
        num_sampled=NUM_SAMPLED,
        weights=WEIGHTS.copy(),
        biases=BIASES.copy(),
        sampler=mc.LearnedUnigramSampler(NUM_CLASSES, seed=3),
        optimizer=mc.Adagrad(0.1),
    )


def train(num_threads: int, layer: mc.SampledSoftmax | None = None, steps: int = 2) -> bytes:
    """Take steps with a layer, by default a new one."""
    layer = layer or new_layer()
    results = [layer.train_step(INPUTS, LABELS, num_threads=num_threads) for _ in range(steps)]
    return bytes_of(results) + state_of(layer)


def train_bfloat16(num_threads: int) -> bytes:
    layer = mc.SampledSoftmax(
        NUM_CLASSES,
        DIM,
        num_sampled=NUM_SAMPLED,
        weights=WEIGHTS.astype(bfloat16),
        biases=BIASES.copy(),
        sampler=mc.LogUniformSampler(NUM_CLASSES, seed=3),
        optimizer=mc.Adam(0.1, seed=5),
        compute_dtype="bfloat16",
    )
    return train(num_threads, layer)


def sample(name: str) -> bytes:
    sampler = SAMPLERS[name]()
    drawn = [sampler.sample(LABELS, NUM_SAMPLED), sampler.draw(5000)]
    return bytes_of([*drawn, sampler.sample(LABELS, NUM_SAMPLED, unique=False)])


def build_and_update() -> bytes:
    sampler = mc.AliasSampler(COUNTS, seed=1)
    sampler.update([5, NUM_CLASSES + 10], [3.0, 4.0])
    return bytes_of(sampler.draw(1000))


def learn_in_batch() -> bytes:
    sampler = mc.InBatchSampler(mc.StreamingFrequencies(NUM_CLASSES, half_life=50.0))
    return bytes_of([sampler.sample(LABELS) for _ in range(3)])


def apply(name: str, num_threads: int) -> bytes:
    optimizer, table = OPTIMIZERS[name](), WEIGHTS.copy()
    slices = mc.IndexedSlices(0.1 * WEIGHTS[::2], np.arange(0, NUM_CLASSES, 2), WEIGHTS.shape)
    for _ in range(2):
        optimizer.apply(table, slices, num_threads=num_threads)
    return bytes_of([table, optimizer.state(table)])


def sampled(function: Callable[..., Any], num_threads: int) -> bytes:
    options = {"sampled_values": GIVEN, "num_threads": num_threads}
    return bytes_of(function(*PROBLEM, NUM_SAMPLED, NUM_CLASSES, 2, **options))


def full(function: Callable[..., Any], num_threads: int) -> bytes:
    return bytes_of(function(*PROBLEM, 2, num_threads=num_threads))


def best(num_threads: int) -> bytes:
    options: Any = {"excluded": LABELS, "log_probabilities": True, "num_threads": num_threads}
    return bytes_of(mc.top_k(WEIGHTS, BIASES, INPUTS, 10, **options))


def best_quantized(num_threads: int) -> bytes:
    quantized = mc.QuantizedTopK(WEIGHTS, BIASES, num_threads=num_threads)
    return bytes_of(quantized.top_k(INPUTS, 10, excluded=LABELS, num_threads=num_threads))


def read_shared_layer(num_threads: int) -> bytes:
    scores = SHARED_LAYER.evaluate(INPUTS, LABELS, num_threads=num_threads)
    answers = SHARED_LAYER.top_k(INPUTS, 5, num_threads=num_threads)
    return bytes_of([scores.loss, scores.mean_reciprocal_rank, answers])


CALLS: dict[str, Callable[[int], bytes]] = {
    **{f"{name} sampler": lambda _, name=name: sample(name) for name in SAMPLERS},
    **{name: lambda threads, name=name: apply(name, threads) for name in OPTIMIZERS},
    **{
        function.__name__: lambda threads, function=function: sampled(function, threads)
        for function in (
            mc.sampled_softmax_loss,
            mc.sampled_softmax_loss_and_grad,
            mc.nce_loss,
            mc.nce_loss_and_grad,
        )
    },
    **{
        function.__name__: lambda threads, function=function: full(function, threads)
        for function in (mc.full_softmax_loss, mc.full_softmax_loss_and_grad, mc.label_ranks)
    },
    "top_k": best,
    "QuantizedTopK": best_quantized,
    "train_step": train,
    "train_step of bfloat16": train_bfloat16,
    "a layer that all read": read_shared_layer,
    "a table that is built and updated": lambda _: build_and_update(),
    "in-batch candidates": lambda _: learn_in_batch(),
    "accidental hits": lambda _: bytes_of(
        mc.compute_accidental_hits(LABELS, GIVEN.sampled_candidates, 2)
    ),
}


def call_by_name(name: str) -> bytes:
    """Make a call, in a process that knows its name."""
    return CALLS[name](2)
