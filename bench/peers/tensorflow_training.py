"""TensorFlow: its own op, then Adagrad by another op or by Keras, each in one `tf.function`.

Gradients of a class that stands there twice are summed first: the op would take them for several
steps, and Keras would add up their squares (its accumulators then differ from everyone's).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

import manyclass as mc
from peers.problem import Array, Problem, Table
from peers.tensorflow_step import TensorFlowStep, set_num_threads
from peers.training import EPSILON, INITIAL_ACCUMULATOR, LEARNING_RATE


class _TensorFlowTraining(TensorFlowStep):
    """The step of `tensorflow_step`, for the mean of the losses, and the update."""

    def _step(self, labels: Any, inputs: Any, sampled: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.nn.sampled_softmax_loss(
                self.weights,
                self.biases,
                labels,
                inputs,
                self.problem.num_sampled,
                self.problem.num_classes,
                sampled_values=sampled,
            )
            mean = tf.reduce_mean(loss)
        *tables, of_inputs = tape.gradient(mean, [self.weights, self.biases, inputs])
        # Both tables' gradients name the same classes, in the same order.
        classes, places = tf.unique(tables[0].indices)
        self._update(
            [
                tf.IndexedSlices(
                    tf.math.unsorted_segment_sum(slices.values, places, tf.size(classes)),
                    classes,
                    slices.dense_shape,
                )
                for slices in tables
            ]
        )
        return loss, of_inputs

    def _update(self, gradients: list[Any]) -> None:
        """Move the tables; each class stands once in a gradient."""
        raise NotImplementedError

    def train(self, batch: int, sampled: mc.SampledValues) -> None:
        tensors = tuple(map(tf.constant, sampled))
        self._traced(tensors)(self.labels[batch], self.inputs, tensors)

    def rows(self, classes: Array) -> Table:
        return Table(*(tf.gather(t, classes).numpy() for t in (self.weights, self.biases)))


class SparseApplyTraining(_TensorFlowTraining):
    """`ResourceSparseApplyAdagradV2`, which updates rows in place."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        set_num_threads(num_threads)
        self.accumulators = [
            tf.Variable(tf.fill(table.shape, INITIAL_ACCUMULATOR)) for table in problem.table
        ]
        super().__init__(problem, num_threads)

    def _update(self, gradients: list[Any]) -> None:
        variables = (self.weights, self.biases)
        for variable, accumulator, slices in zip(
            variables, self.accumulators, gradients, strict=True
        ):
            tf.raw_ops.ResourceSparseApplyAdagradV2(
                var=variable.handle,
                accum=accumulator.handle,
                lr=LEARNING_RATE,
                epsilon=EPSILON,
                grad=slices.values,
                indices=slices.indices,
            )


class KerasTraining(_TensorFlowTraining):
    """`tf.keras.optimizers.Adagrad`, which walks the whole tables."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        self.optimizer: Any = None
        super().__init__(problem, num_threads)

    def _traced(self, sampled: Any) -> Any:
        if self.optimizer is None:
            self.optimizer = tf.keras.optimizers.Adagrad(
                LEARNING_RATE, initial_accumulator_value=INITIAL_ACCUMULATOR, epsilon=EPSILON
            )
            self.optimizer.build([self.weights, self.biases])
        return super()._traced(sampled)

    def _update(self, gradients: list[Any]) -> None:
        self.optimizer.apply_gradients(zip(gradients, (self.weights, self.biases), strict=True))
