"""PyTorch: the hand-written step of `torch_step`, and `torch.optim.Adagrad` on sparse gradients.

* eager: `torch.nn.Embedding(sparse=True)` for weights and biases, which gives such gradients;
* compiled: gradients of the gathered rows by `torch.compile`, made sparse tensors.
"""

from __future__ import annotations

from typing import Any

import torch

import manyclass as mc
from peers.problem import Array, Problem, Table
from peers.torch_step import CompiledStep, Corrections, EagerStep, Gathered, Tensor, losses
from peers.training import EPSILON, INITIAL_ACCUMULATOR, LEARNING_RATE


def make_optimizer(parameters: list[Tensor]) -> torch.optim.Optimizer:
    """Return Adagrad with the constants of all."""
    return torch.optim.Adagrad(
        parameters,
        LEARNING_RATE,
        initial_accumulator_value=INITIAL_ACCUMULATOR,
        eps=EPSILON,
    )


class _RowsTraining:
    """Gradients of gathered rows by a step, updates by the optimizer."""

    step_class: Any

    def __init__(self, problem: Problem, num_threads: int) -> None:
        self.problem = problem
        self.step = self.step_class(problem, num_threads)
        self.optimizer = make_optimizer([self.step.weights, self.step.biases])

    def _train(self, labels: Tensor, candidates: Tensor, corrections: Corrections) -> Any:
        step = self.step
        loss, gradients = step._step(step._gather(labels, candidates), corrections)
        # The step gives gradients of the losses' sum; the mean is minimised.
        ids = torch.cat([labels, candidates])[None]
        batch = len(labels)
        weights = torch.cat([gradients.label_weights, gradients.candidate_weights]).div_(batch)
        biases = torch.cat([gradients.label_biases, gradients.candidate_biases]).div_(batch)
        for table, rows in ((step.weights, weights), (step.biases, biases)):
            table.grad = torch.sparse_coo_tensor(ids, rows, table.shape, check_invariants=False)
        self.optimizer.step()
        return loss, gradients.inputs.div_(batch)

    def run(self, batch: int) -> Any:
        step = self.step
        labels, candidates = step.labels[batch], step._draw()
        counts = (step.log_counts.index_select(0, ids) for ids in (labels, candidates))
        return self._train(labels, candidates, Corrections(labels, candidates, *counts))

    def train(self, batch: int, sampled: mc.SampledValues) -> None:
        labels, (candidates, true, counts) = self.step.labels[batch], map(torch.tensor, sampled)
        corrections = Corrections(labels, candidates, true[:, 0].log(), counts.log())
        self._train(labels, candidates, corrections)

    def rows(self, classes: Array) -> Table:
        return Table(self.step.weights[classes].numpy(), self.step.biases[classes].numpy())


class CompiledTraining(_RowsTraining):
    """`torch.compile` up to the rows; what is left is left to the optimizer."""

    step_class = CompiledStep


class EagerTraining(_RowsTraining):
    """Autograd, through the look-up."""

    step_class = EagerStep

    def __init__(self, problem: Problem, num_threads: int) -> None:
        super().__init__(problem, num_threads)
        step, from_pretrained = self.step, torch.nn.Embedding.from_pretrained
        self.weights = from_pretrained(step.weights, freeze=False, sparse=True)
        self.biases = from_pretrained(step.biases[:, None], freeze=False, sparse=True)
        self.optimizer = make_optimizer([self.weights.weight, self.biases.weight])

    def _train(self, labels: Tensor, candidates: Tensor, corrections: Corrections) -> Any:
        ids, sizes = torch.cat([labels, candidates]), [len(labels), len(candidates)]
        inputs = self.step.inputs.detach().requires_grad_()
        weights = self.weights(ids).split(sizes)
        biases = self.biases(ids)[:, 0].split(sizes)
        loss = losses(Gathered(inputs, *weights, *biases), corrections)
        self.optimizer.zero_grad()
        loss.mean().backward()
        self.optimizer.step()
        return loss.detach(), inputs.grad
