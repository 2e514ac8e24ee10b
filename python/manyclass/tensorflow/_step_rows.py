"""Which rows a step gathers: one for each class that occurs, in ascending order.

The sums of the losses are in that order, too. Labels and candidates become numbers of these rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from manyclass._arrays import Array
from manyclass.samplers import Sampler
from manyclass.tensorflow._tensors import call


class StepRows(NamedTuple):
    """A step's classes, and its labels and candidates among them."""

    classes: tf.Tensor
    labels: tf.Tensor
    candidates: tf.Tensor
    true_expected_count: tf.Tensor
    sampled_expected_count: tf.Tensor


def drawn(sampler: Sampler, labels: tf.Tensor, num_sampled: int) -> StepRows:
    """Draw candidates of a sampler, whose stream goes on whenever a graph runs."""

    def function(labels: Array) -> Sequence[Array]:
        candidates, *counts = sampler.sample(labels, num_sampled)
        return *_rows_of(labels, candidates), *counts

    shape = labels.shape.as_list()
    counts = [(tf.float32, shape), (tf.float32, [num_sampled])]
    return StepRows(*call(function, [labels], [*_row_results(shape, num_sampled), *counts]))


def given(values: tuple[tf.Tensor, ...], labels: tf.Tensor) -> StepRows:
    """Take candidates and their expected counts as they are."""
    candidates, *counts = values
    results = _row_results(labels.shape.as_list(), candidates.shape[0])
    return StepRows(*call(_rows_of, [labels, candidates], results), *map(tf.stop_gradient, counts))


def _rows_of(labels: Array, candidates: Array) -> tuple[Array, Array, Array]:
    ids = np.concatenate([labels.ravel(), candidates])
    classes, places = np.unique(ids, return_inverse=True)
    return classes, places[: labels.size].reshape(labels.shape), places[labels.size :]


def _row_results(
    labels: list[int | None], num_sampled: int | None
) -> list[tuple[tf.DType, list[int | None]]]:
    return [(tf.int64, [None]), (tf.int64, labels), (tf.int64, [num_sampled])]
