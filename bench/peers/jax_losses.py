"""`manyclass.jax` over a problem, for `frameworks`: a step is one function of `jax.jit`."""

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
        shares = jnp.full(len(self.inputs), 1 / len(self.inputs))

        def loss(weights: Any, biases: Any, inputs: Any, labels: Any, seed: Any) -> Any:
            return mj.sampled_softmax_loss(
                *(weights, biases, labels, inputs, *shape), seed=seed, num_threads=num_threads
            )

        def rows(weights: Any, biases: Any, inputs: Any, labels: Any, seed: Any) -> Any:
            return mj.sampled_softmax_loss_and_grad(
                *(weights, biases, labels, inputs, *shape),
                seed=seed,
                num_threads=num_threads,
                grad_loss=shares,
            )

        def total(*arguments: Any) -> Any:
            return loss(*arguments).mean()

        self._loss, self._rows = jax.jit(loss), jax.jit(rows)
        self._inputs = jax.jit(jax.value_and_grad(total, 2))
        self._dense = jax.jit(jax.value_and_grad(total, (0, 1, 2)))
        self._nothing = jax.jit(lambda *arguments: arguments[2])

    def works(self) -> dict[str, Work]:
        """Return what is timed.

        "with gradients" are those of touched rows; the others are what `jax.value_and_grad` gives:
        with respect to inputs, and to the whole tables.
        """
        functions = {
            "loss": self._loss,
            "with gradients": self._rows,
            "gradient of inputs": self._inputs,
            "dense gradients": self._dense,
            "the framework's own": self._nothing,
        }
        return {
            name: lambda batch, function=function: self._call(function, batch)
            for name, function in functions.items()
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
