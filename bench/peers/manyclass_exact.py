"""manyclass: the exact softmax by its functions, the gradients in three ways."""

from __future__ import annotations

from typing import Any

import numpy as np

import manyclass as mc
from peers.exact import ExactProblem, K
from peers.problem import Array


class _Work:
    compute_dtype: str | None = None

    def __init__(self, problem: ExactProblem, num_threads: int) -> None:
        self.problem = problem
        self.num_threads = num_threads

    def arguments(self, batch: int) -> tuple[Any, ...]:
        problem = self.problem
        return (*problem.table, problem.labels[batch], problem.inputs[batch])


class Loss(_Work):
    def run(self, batch: int) -> Array:
        return mc.full_softmax_loss(
            *self.arguments(batch), compute_dtype=self.compute_dtype, num_threads=self.num_threads
        )

    def arrays(self, output: Array) -> dict[str, Array]:
        return {"loss": output}


class Gradients(_Work):
    """Into arrays that are new each time."""

    out: mc.Gradients | None = None

    def run(self, batch: int) -> tuple[Array, mc.Gradients]:
        return mc.full_softmax_loss_and_grad(
            *self.arguments(batch), num_threads=self.num_threads, out=self.out
        )

    def arrays(self, output: tuple[Array, mc.Gradients]) -> dict[str, Array]:
        loss, gradients = output
        return {"loss": loss, **gradients._asdict()}


class GradientsInto(Gradients):
    """Into arrays that are there."""

    def __init__(self, problem: ExactProblem, num_threads: int) -> None:
        super().__init__(problem, num_threads)
        self.out = mc.Gradients(*map(np.zeros_like, (*problem.table, problem.inputs[0])))


class GradientRows(_Work):
    """Some rows at a time; here nothing is done with them."""

    def gradient(self, batch: int) -> mc.FullSoftmaxGradient:
        return mc.FullSoftmaxGradient(*self.arguments(batch), num_threads=self.num_threads)

    def run(self, batch: int) -> int:
        for _ in self.gradient(batch):
            pass
        return batch

    def arrays(self, output: int) -> dict[str, Array]:
        weights, biases = map(np.empty_like, self.problem.table)
        gradient = self.gradient(output)
        for rows in gradient:
            weights[rows.classes], biases[rows.classes] = rows.weights, rows.biases
        return {
            "loss": gradient.loss,
            "weights": weights,
            "biases": biases,
            "inputs": gradient.inputs,
        }


class TopK(_Work):
    def run(self, batch: int) -> tuple[Array, Array]:
        inputs = self.problem.inputs[batch]
        options: dict[str, Any] = {"compute_dtype": self.compute_dtype}
        return mc.top_k(*self.problem.table, inputs, K, num_threads=self.num_threads, **options)

    def arrays(self, output: tuple[Array, Array]) -> dict[str, Array]:
        return {"values": output[0], "classes": output[1]}


class _Stored(_Work):
    """Rows of bfloat16."""

    def __init__(self, problem: ExactProblem, num_threads: int) -> None:
        import ml_dtypes

        table = problem.table
        stored = table._replace(weights=table.weights.astype(ml_dtypes.bfloat16))
        super().__init__(problem._replace(table=stored), num_threads)


class _Rounded(_Work):
    """Products computed in bfloat16."""

    compute_dtype = "bfloat16"


class LossOfStored(_Stored, Loss):
    pass


class RoundedLoss(_Rounded, Loss):
    pass


class RoundedLossOfStored(_Rounded, _Stored, Loss):
    pass


class TopKOfStored(_Stored, TopK):
    pass


class RoundedTopK(_Rounded, TopK):
    pass


class RoundedTopKOfStored(_Rounded, _Stored, TopK):
    pass
