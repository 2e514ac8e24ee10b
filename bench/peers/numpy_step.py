"""NumPy: the loss and its gradients in closed form, in place where it can be.

Candidates are drawn with repetition, which spares NumPy the search for others in their place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import manyclass as mc
from peers.problem import Array, Problem, Result, sum_by_class


class Output(NamedTuple):
    """Loss and gradients: rows for the labels, then for the candidates."""

    loss: Array
    label_weights: Array
    candidate_weights: Array
    label_biases: Array
    candidate_biases: Array
    inputs: Array


class NumpyStep:
    """One product for the logits, two for the gradients; one array of logits, kept."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        threadpool_limits(num_threads, user_api="blas")
        self.problem = problem
        self.labels = [labels[:, 0] for labels in problem.labels]
        self.generator = np.random.default_rng(3)
        classes = np.arange(problem.num_classes)
        p = mc.LogUniformSampler(problem.num_classes).probability(classes)
        self.log_counts = np.log(p * problem.num_sampled).astype(np.float32)
        self.position = np.full(problem.num_classes, -1)
        self.numbers = np.arange(problem.num_sampled)
        self.logits = np.empty((len(problem.inputs), problem.num_sampled), np.float32)

    def _draw(self) -> Array:
        """Return candidates: log(c + 1) is uniform in [0, log(num_classes + 1))."""
        draws = self.generator.random(self.problem.num_sampled)
        draws *= np.log1p(self.problem.num_classes)
        ids = np.exp(draws, out=draws).astype(np.int64)
        ids -= 1
        return np.minimum(ids, self.problem.num_classes - 1, out=ids)

    def _hits(self, labels: Array, candidates: Array) -> tuple[Array, Array]:
        """Return the rows that have their label among the candidates, and where."""
        self.position[candidates] = self.numbers
        position = self.position[labels]
        self.position[candidates] = -1
        rows = np.flatnonzero(position >= 0)
        return rows, position[rows]

    def _step(
        self, labels: Array, candidates: Array, true_log_counts: Array, log_counts: Array
    ) -> Output:
        (weights, biases), inputs = self.problem.table, self.problem.inputs
        true_rows, rows = weights.take(labels, axis=0), weights.take(candidates, axis=0)
        logits = np.matmul(inputs, rows.T, out=self.logits)
        logits += biases.take(candidates) - log_counts
        logits[self._hits(labels, candidates)] = -np.inf
        true_logits = np.einsum("ij,ij->i", inputs, true_rows)
        true_logits += biases.take(labels) - true_log_counts

        shift = np.maximum(logits.max(1), true_logits)
        logits -= shift[:, None]
        true_logits -= shift
        exponentials, true_exponentials = np.exp(logits, out=logits), np.exp(true_logits)
        total = exponentials.sum(1) + true_exponentials
        loss = np.log(total) - true_logits
        # The softmax is exponentials / total: what is smaller is scaled in its place.
        scale = 1 / total
        true_gradient = true_exponentials * scale - 1

        grad_inputs = exponentials @ rows
        grad_inputs *= scale[:, None]
        true_rows *= true_gradient[:, None]
        grad_inputs += true_rows
        return Output(
            loss,
            inputs * true_gradient[:, None],
            exponentials.T @ (inputs * scale[:, None]),
            true_gradient,
            scale @ exponentials,
            grad_inputs,
        )

    def run(self, batch: int) -> Output:
        labels, candidates = self.labels[batch], self._draw()
        log_counts = self.log_counts
        return self._step(labels, candidates, log_counts.take(labels), log_counts.take(candidates))

    def compute(self, batch: int, sampled: mc.SampledValues) -> Result:
        labels, (candidates, true_counts, counts) = self.labels[batch], sampled
        output = self._step(labels, candidates, np.log(true_counts[:, 0]), np.log(counts))
        ids = np.concatenate([labels, candidates])
        weights = np.concatenate([output.label_weights, output.candidate_weights])
        biases = np.concatenate([output.label_biases, output.candidate_biases])
        table = self.problem.table
        return Result(
            output.loss,
            sum_by_class(ids, weights, table.weights),
            sum_by_class(ids, biases, table.biases),
            output.inputs,
        )

    def nbytes(self, output: Output) -> int:
        return sum(array.nbytes for array in output)
