"""`manyclass.tensorflow` over a problem, for `frameworks`."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

import manyclass.tensorflow as mt
from peers.problem import Array, Problem
from turns import Work


class TensorFlowLosses:
    """Steps of ``tf.function`` on variables that an optimizer has changed rows of."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        self.problem, self.num_threads = problem, num_threads
        self.weights, self.biases = map(tf.Variable, problem.table)
        first = tf.constant([0], tf.int64)
        zeros = tf.zeros([1, self.weights.shape[1]], self.weights.dtype)
        self.weights.scatter_add(tf.IndexedSlices(zeros, first))
        self.biases.scatter_add(tf.IndexedSlices(tf.zeros([1], self.biases.dtype), first))
        self.inputs = tf.constant(problem.inputs)
        self.labels = [tf.constant(labels) for labels in problem.labels]
        # What a step returns, for a function that has it already.
        slices = (
            tf.IndexedSlices(zeros, first, tf.constant(self.weights.shape)),
            tf.IndexedSlices(tf.zeros([1]), first, tf.constant(self.biases.shape)),
        )
        self._results = tf.zeros([]), [*slices, self.inputs]
        self._loss = tf.function(self._ours)
        self._gradients = tf.function(lambda labels: self._step(self._ours, labels))
        self._peers = tf.function(lambda labels: self._step(self._theirs, labels))
        self._nothing = tf.function(lambda labels: self._results)

    def works(self) -> dict[str, Work]:
        """Return what is timed."""
        functions = {
            "loss": self._loss,
            "with gradients": self._gradients,
            "with gradients, without tf.function": lambda labels: self._step(self._ours, labels),
            "tf.nn's with gradients": self._peers,
            "the framework's own": self._nothing,
        }
        return {
            name: lambda batch, function=function: function(self.labels[batch])
            for name, function in functions.items()
        }

    def gradients(self, seed: int) -> tuple[Array, Array]:
        """Return the gradients of the touched rows of weights, and of inputs."""

        def loss(labels: Any) -> Any:
            return self._ours(labels, seed=seed)

        _, (weights, _, inputs) = self._step(loss, self.labels[0])
        return np.asarray(weights.values), np.asarray(inputs)

    def _ours(self, labels: Any, **options: Any) -> Any:
        return mt.sampled_softmax_loss(
            *(self.weights, self.biases, labels, self.inputs),
            *(self.problem.num_sampled, self.problem.num_classes),
            num_threads=self.num_threads,
            **options,
        )

    def _theirs(self, labels: Any) -> Any:
        return tf.nn.sampled_softmax_loss(
            *(self.weights, self.biases, labels, self.inputs),
            *(self.problem.num_sampled, self.problem.num_classes),
        )

    def _step(self, loss: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(self.inputs)
            total = tf.reduce_mean(loss(labels))
        return total, tape.gradient(total, [self.weights, self.biases, self.inputs])
