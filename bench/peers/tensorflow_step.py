"""TensorFlow: its own op in a `tf.function`.

Traced once for the shape, called as a concrete function; the tables are variables, labels and
inputs tensors that were made beforehand. On a CPU such a call returns when the work is done.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import manyclass as mc
from peers.problem import Problem, Result, sum_by_class

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf


class TensorFlowStep:
    """`tf.nn.sampled_softmax_loss` and its gradients from a `tf.GradientTape`."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        set_num_threads(num_threads)
        self.problem = problem
        self.weights = tf.Variable(problem.table.weights)
        self.biases = tf.Variable(problem.table.biases)
        self.labels = [tf.constant(labels) for labels in problem.labels]
        self.inputs = tf.constant(problem.inputs)
        self.step = self._traced(None)

    def _traced(self, sampled: Any) -> Any:
        """Return the step as a function of labels, inputs and, if there are any, candidates."""
        step = tf.function(self._step)
        return step.get_concrete_function(self.labels[0], self.inputs, sampled)

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
        return loss, tape.gradient(loss, [self.weights, self.biases, inputs])

    def run(self, batch: int) -> Any:
        return self.step(self.labels[batch], self.inputs)

    def compute(self, batch: int, sampled: mc.SampledValues) -> Result:
        tensors = tuple(map(tf.constant, sampled))
        loss, gradients = self._traced(tensors)(self.labels[batch], self.inputs, tensors)
        summed = [
            sum_by_class(slices.indices.numpy(), slices.values.numpy(), table)
            for slices, table in zip(gradients[:2], self.problem.table, strict=True)
        ]
        return Result(loss.numpy(), summed[0], summed[1], gradients[2].numpy())

    def nbytes(self, output: Any) -> int:
        tensors = tf.nest.flatten(output, expand_composites=True)
        return sum(np.asarray(tensor).nbytes for tensor in tensors)


def set_num_threads(num_threads: int) -> None:
    """Give each of TensorFlow's pools so many threads; possible only before its first op."""
    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() != num_threads:
        threading.set_intra_op_parallelism_threads(num_threads)
        threading.set_inter_op_parallelism_threads(num_threads)
