"""`manyclass.jax` over a problem, for `frameworks_jax`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import manyclass.jax as mj
from peers.problem import Array, Problem
from turns import Work


class JaxLosses:
    """Compiled functions of tables, labels, inputs and a key."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        self.weights, self.biases = map(jnp.asarray, problem.table)
        self.inputs = jnp.asarray(problem.inputs)
        self.labels = [jnp.asarray(labels) for labels in problem.labels]
        self.key = jax.random.key(3)
        shape = (problem.num_sampled, problem.num_classes)

        def loss(weights: Any, biases: Any, inputs: Any, labels: Any, seed: Any) -> Any:
            return mj.sampled_softmax_loss(
                *(weights, biases, labels, inputs, *shape), seed=seed, num_threads=num_threads
            )

        def rows(weights: Any, biases: Any, inputs: Any, labels: Any, seed: Any) -> Any:
            return mj.sampled_softmax_loss_and_grad(
                *(weights, biases, labels, inputs, *shape), seed=seed, num_threads=num_threads
            )

        def total(*arguments: Any) -> Any:
            return loss(*arguments).sum()

        self._loss, self._rows = jax.jit(loss), jax.jit(rows)
        self._inputs = jax.jit(jax.value_and_grad(total, 2))
        self._dense = jax.jit(jax.value_and_grad(total, (0, 1, 2)))

    def works(self) -> dict[str, Work]:
        return {
            "JAX, loss": lambda batch: self._call(self._loss, batch),
            "JAX, rows": lambda batch: self._call(self._rows, batch),
            "JAX, grad of inputs": lambda batch: self._call(self._inputs, batch),
            "JAX, dense": lambda batch: self._call(self._dense, batch),
        }

    def gradients(self, seed: int) -> tuple[Array, Array]:
        """Return the gradients of the touched rows of weights, and of inputs."""
        _, gradients = self._rows(self.weights, self.biases, self.inputs, self.labels[0], seed)
        touched = np.asarray(gradients.weights.indices) < len(self.weights)
        return np.asarray(gradients.weights.values)[touched], np.asarray(gradients.inputs)

    def _call(self, function: Any, batch: int) -> None:
        jax.block_until_ready(
            function(self.weights, self.biases, self.inputs, self.labels[batch], self.key)
        )
