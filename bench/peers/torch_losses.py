"""`manyclass.torch` over a problem, for `frameworks`: losses, gradients and training steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import manyclass as mc
import manyclass.torch as mct
from peers.problem import Array, Problem
from peers.torch_training import make_optimizer
from peers.training import EPSILON, INITIAL_ACCUMULATOR, LEARNING_RATE
from turns import Work


class _Nothing(torch.autograd.Function):
    """What autograd itself takes: a loss that is 0 and gradients that are there already."""

    @staticmethod
    def forward(ctx: Any, weights: Any, biases: Any, inputs: Any) -> Any:
        ctx.save_for_backward(weights, biases, inputs)
        return inputs.new_zeros(())

    @staticmethod
    def backward(ctx: Any, grad_loss: Any) -> Any:
        weights, _, inputs = ctx.saved_tensors
        index, shape = torch.zeros(1, 1, dtype=torch.int64), weights.shape
        sparse, no = torch.sparse_coo_tensor, {"check_invariants": False, "is_coalesced": True}
        rows = sparse(index, inputs.new_empty(1, shape[1]), shape, **no)
        return rows, sparse(index, inputs.new_empty(1), shape[:1], **no), inputs.detach()


class TorchLosses:
    """Weights as leaves on the problem's own tables."""

    training = ("sparse gradients", "fused optimizer")

    def __init__(self, problem: Problem, num_threads: int) -> None:
        torch.set_num_threads(num_threads)
        self.problem, self.num_threads = problem, num_threads
        self.weights, self.biases = (
            torch.from_numpy(table).requires_grad_() for table in problem.table
        )
        self.inputs = torch.from_numpy(problem.inputs).requires_grad_()
        self.labels = [torch.from_numpy(labels) for labels in problem.labels]
        self.sampler = mc.LogUniformSampler(problem.num_classes, seed=3)
        self._layers: dict[str, Any] = {}

    def _loss(self, batch: int, **options: Any) -> torch.Tensor:
        return mct.sampled_softmax_loss(
            *(self.weights, self.biases, self.labels[batch], self.inputs),
            *(self.problem.num_sampled, self.problem.num_classes),
            sampler=self.sampler,
            reduction="mean",
            num_threads=self.num_threads,
            **options,
        )

    def _forget(self) -> None:
        self.weights.grad = self.biases.grad = self.inputs.grad = None

    def loss(self, batch: int) -> float:
        with torch.no_grad():
            return self._loss(batch).item()

    def loss_and_grad(self, batch: int) -> None:
        self._forget()
        self._loss(batch).backward()

    def works(self) -> dict[str, Work]:
        """Return what is timed."""
        return {
            "loss": self.loss,
            "with gradients": self.loss_and_grad,
            "the framework's own": self.nothing,
        }

    def gradients(self, seed: int) -> tuple[Array, Array]:
        """Return the gradients of the touched rows of weights, and of inputs, of the first step."""
        self._forget()
        self._loss(0, seed=seed).backward()
        return self.weights.grad._values().numpy(), self.inputs.grad.numpy()

    def nothing(self, batch: int) -> None:
        del batch
        self._forget()
        _Nothing.apply(self.weights, self.biases, self.inputs).backward()

    def make_training(self, how: str) -> Any:
        """Return a training step with Adagrad: a function of the number of a batch."""
        fused = how == "fused optimizer"
        ours = mc.Adagrad(
            LEARNING_RATE, initial_accumulator_value=INITIAL_ACCUMULATOR, epsilon=EPSILON
        )
        layer = mct.SampledSoftmax(
            *self.weights.shape,
            num_sampled=self.problem.num_sampled,
            sampler=mc.LogUniformSampler(self.problem.num_classes, seed=3),
            optimizer=ours if fused else None,
            num_threads=self.num_threads,
        )
        if fused:  # all accumulators in memory, as PyTorch's are
            for table in layer.parameters():
                for state in ours.state(table.detach().numpy()).values():
                    state.fill(0)
        theirs = None if fused else make_optimizer(list(layer.parameters()))
        inputs = torch.from_numpy(np.copy(self.problem.inputs)).requires_grad_()

        def step(batch: int) -> None:
            inputs.grad = None
            layer.zero_grad()
            layer(inputs, self.labels[batch]).backward()
            if theirs is not None:
                theirs.step()

        return step
