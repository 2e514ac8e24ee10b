"""PyTorch: linear and cross_entropy, one after the other or as linear_cross_entropy; topk.

linear_cross_entropy takes its default path: its chunked one, which needs less memory, takes several
times as long at these shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from peers.exact import ExactProblem, K
from peers.problem import Array

Tensor = torch.Tensor


def cross_entropy(inputs: Tensor, weights: Tensor, biases: Tensor, labels: Tensor) -> Tensor:
    logits = functional.linear(inputs, weights, biases)
    return functional.cross_entropy(logits, labels, reduction="none")


def linear_cross_entropy(inputs: Tensor, weights: Tensor, biases: Tensor, labels: Tensor) -> Tensor:
    return functional.linear_cross_entropy(
        inputs, weights, labels, linear_bias=biases, reduction="none"
    )


class _Work:
    def __init__(self, problem: ExactProblem, num_threads: int) -> None:
        torch.set_num_threads(num_threads)
        self.weights, self.biases = map(torch.from_numpy, problem.table)
        self.inputs = list(map(torch.from_numpy, problem.inputs))
        self.labels = [torch.from_numpy(labels[:, 0]) for labels in problem.labels]


class Loss(_Work):
    function: Callable[..., Tensor] = staticmethod(cross_entropy)

    def run(self, batch: int) -> Tensor:
        with torch.inference_mode():
            return self.function(self.inputs[batch], self.weights, self.biases, self.labels[batch])

    def arrays(self, output: Tensor) -> dict[str, Array]:
        return {"loss": output.numpy()}


class LinearLoss(Loss):
    function = staticmethod(linear_cross_entropy)


class Gradients(_Work):
    function: Callable[..., Tensor] = staticmethod(cross_entropy)

    def run(self, batch: int) -> tuple[Tensor, ...]:
        parts = [part.detach().requires_grad_() for part in (self.weights, self.biases)]
        inputs = self.inputs[batch].detach().requires_grad_()
        loss = self.function(inputs, *parts, self.labels[batch])
        return loss.detach(), *torch.autograd.grad(loss.sum(), (*parts, inputs))

    def arrays(self, output: tuple[Tensor, ...]) -> dict[str, Array]:
        names = "loss", "weights", "biases", "inputs"
        return {name: part.numpy() for name, part in zip(names, output, strict=True)}


class LinearGradients(Gradients):
    function = staticmethod(linear_cross_entropy)


class TopK(_Work):
    def run(self, batch: int) -> Any:
        with torch.inference_mode():
            return torch.topk(self.inputs[batch] @ self.weights.T, K)

    def arrays(self, output: Any) -> dict[str, Array]:
        return {"values": output.values.numpy(), "classes": output.indices.numpy()}
