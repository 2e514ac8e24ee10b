"""manyclass: `SampledSoftmax.train_step`."""

from __future__ import annotations

import manyclass as mc
from peers.problem import Array, Problem, Table
from peers.training import EPSILON, INITIAL_ACCUMULATOR, LEARNING_RATE


class ManyclassTraining:
    """A layer over the problem's own tables."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        self.problem = problem
        self.num_threads = num_threads
        optimizer = mc.Adagrad(
            LEARNING_RATE, initial_accumulator_value=INITIAL_ACCUMULATOR, epsilon=EPSILON
        )
        self.layer = mc.SampledSoftmax(
            *problem.table.weights.shape,
            num_sampled=problem.num_sampled,
            sampler=mc.LogUniformSampler(problem.num_classes, seed=3),
            optimizer=optimizer,
            weights=problem.table.weights,
            biases=problem.table.biases,
        )
        # As late in training, and as with the others, all accumulators are in memory: the system
        # gives out their pages as they are written, which takes time, once.
        for table in problem.table:
            for state in optimizer.state(table).values():
                state.fill(0)

    def _step(self, batch: int, sampled: mc.SampledValues | None) -> tuple[Array, Array]:
        return self.layer.train_step(
            self.problem.inputs,
            self.problem.labels[batch],
            sampled_values=sampled,
            num_threads=self.num_threads,
        )

    def run(self, batch: int) -> tuple[Array, Array]:
        return self._step(batch, None)

    def train(self, batch: int, sampled: mc.SampledValues) -> None:
        self._step(batch, sampled)

    def rows(self, classes: Array) -> Table:
        return Table(*(table[classes] for table in self.problem.table))
