"""manyclass."""

from __future__ import annotations

import manyclass as mc
from peers.problem import Array, Problem, Result

Output = tuple[Array, mc.Gradients]


class ManyclassStep:
    """`manyclass.sampled_softmax_loss_and_grad` with a sampler that is kept."""

    compute_dtype: str | None = None

    def __init__(self, problem: Problem, num_threads: int) -> None:
        self.problem = problem
        self.num_threads = num_threads
        self.sampler = mc.LogUniformSampler(problem.num_classes, seed=3)

    def _step(self, batch: int, sampled: mc.SampledValues | None) -> Output:
        return mc.sampled_softmax_loss_and_grad(
            *self.problem.table,
            self.problem.labels[batch],
            self.problem.inputs,
            self.problem.num_sampled,
            self.problem.num_classes,
            sampled_values=sampled,
            sampler=self.sampler if sampled is None else None,
            compute_dtype=self.compute_dtype,
            num_threads=self.num_threads,
        )

    def run(self, batch: int) -> Output:
        return self._step(batch, None)

    def compute(self, batch: int, sampled: mc.SampledValues) -> Result:
        loss, gradients = self._step(batch, sampled)
        return Result(loss, *gradients)

    def nbytes(self, output: Output) -> int:
        loss, gradients = output
        slices = (gradients.weights, gradients.biases)
        tables = sum(part.values.nbytes + part.indices.nbytes for part in slices)
        return int(loss.nbytes + gradients.inputs.nbytes + tables)


class ManyclassBfloat16Step(ManyclassStep):
    """Products in bfloat16."""

    compute_dtype = "bfloat16"
