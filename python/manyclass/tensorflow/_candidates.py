"""Candidates, drawn by samplers of manyclass from TensorFlow's seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from manyclass._arrays import Array
from manyclass._scalars import as_integer
from manyclass._seeds import SeedLike
from manyclass.samplers import SampledValues, Sampler
from manyclass.tensorflow._operations import Operation, Results
from manyclass.tensorflow._tensors import IDS, as_tensor, call


def op_seeds(seed: Any) -> SeedLike:
    """Return the seeds that TensorFlow would give an op; None if there are none."""
    if isinstance(seed, tuple | list):
        return tuple(seed)  # type: ignore[return-value]  # it is looked at when a sampler is made
    if seed is not None:
        as_integer(seed, "seed")
    first, second = tf.compat.v1.random.get_seed(seed)
    return None if first is None else (first, second)


def draw(
    make: Callable[[SeedLike], Sampler],
    labels: tf.Tensor,
    num_sampled: int,
    unique: bool,
    seed: Any,
) -> SampledValues:
    """Draw candidates; in a graph, a stream of its own begins at the seed and goes on."""
    return sample(make(op_seeds(seed)), labels, num_sampled, unique)


def sample(sampler: Sampler, labels: tf.Tensor, num_sampled: int, unique: bool) -> SampledValues:
    """Draw candidates of a sampler, whose stream goes on whenever a graph runs."""

    def function(true_classes: Array) -> Sequence[Array]:
        return sampler.sample(true_classes, num_sampled, unique=unique)

    attributes = {"sampler": sampler, "num_sampled": num_sampled, "unique": unique}
    operation = Operation("ManyclassSample", attributes)
    results = sample_results(labels, num_sampled)
    return SampledValues(*call(function, operation, [labels], results))


def sample_results(labels: tf.Tensor, num_sampled: int) -> Results:
    """Return dtypes and shapes of candidates, the counts of labels and those of candidates."""
    counts = (tf.float32, [num_sampled])
    return [(tf.int64, [num_sampled]), (tf.float32, labels.shape.as_list()), counts]


def as_labels(value: Any, name: str, num_true: int) -> tf.Tensor:
    """Return labels as a matrix of int64; where their shape is unknown, a graph checks it."""
    labels = tf.cast(as_tensor(value, name, IDS, 2), tf.int64)
    columns = labels.shape[1] if labels.shape.rank else None
    if columns is None:
        return tf.ensure_shape(labels, [None, num_true])
    if columns != num_true:
        raise ValueError(
            f"{name} must have shape [batch, num_true] = [{labels.shape[0]}, {num_true}], got "
            f"{labels.shape.as_list()}"
        )
    return labels
