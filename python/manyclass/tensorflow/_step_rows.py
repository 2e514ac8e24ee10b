"""Which rows a step gathers: one for each class that occurs, in ascending order.

The sums of the losses are in that order, too. Labels and candidates become numbers of these rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from manyclass import _core
from manyclass._arrays import Array
from manyclass.samplers import Sampler
from manyclass.tensorflow._operations import Operation, Results
from manyclass.tensorflow._tensors import call


class StepRows(NamedTuple):
    """A step's classes, and its labels and candidates among them."""

    classes: tf.Tensor
    labels: tf.Tensor
    candidates: tf.Tensor
    true_expected_count: tf.Tensor
    sampled_expected_count: tf.Tensor


def drawn(sampler: Sampler, labels: tf.Tensor, inputs: tf.Tensor, num_sampled: int) -> StepRows:
    """Draw candidates of a sampler, whose stream goes on whenever a graph runs.

    In a graph nothing is drawn if labels and inputs are of different batches.
    """

    def function(labels: Array, _: Array) -> Sequence[Array]:
        candidates, *counts = sampler.sample(labels, num_sampled)
        return *_core.step_classes(labels, candidates), *counts

    attributes = {"sampler": sampler, "num_sampled": num_sampled, "T": inputs.dtype}
    operation = Operation("ManyclassDrawnStep", attributes)
    shape = labels.shape.as_list()
    counts = [(tf.float32, shape), (tf.float32, [num_sampled])]
    results = [*_row_results(shape, num_sampled), *counts]
    return StepRows(*call(function, operation, [labels, inputs], results))


def given(values: tuple[tf.Tensor, ...], labels: tf.Tensor) -> StepRows:
    """Take candidates and their expected counts as they are."""
    candidates, *counts = values
    results = _row_results(labels.shape.as_list(), candidates.shape[0])
    operation = Operation("ManyclassGivenStep", {})
    rows = call(_core.step_classes, operation, [labels, candidates], results)
    return StepRows(*rows, *map(tf.stop_gradient, counts))


def _row_results(labels: list[int | None], num_sampled: int | None) -> Results:
    return [(tf.int64, [None]), (tf.int64, labels), (tf.int64, [num_sampled])]
