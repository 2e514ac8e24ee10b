"""PyTorch, which has no sampled softmax: written by hand over the gathered rows, in three forms.

* eager: logits, cross entropy, and gradients by autograd, operation by operation;
* compiled: the same through `torch.compile`, loss and gradients in one graph (`torch.func`);
* closed form: eager, but the gradients are written out and all that can be is done in place.

The first two in bfloat16 as well, by `torch.autocast`.

Candidates are drawn with repetition, which spares PyTorch the search for others in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

import manyclass as mc
from peers.problem import Problem, Result, sum_by_class

Tensor = torch.Tensor


class Gathered(NamedTuple):
    """What a step reads of the tables: its rows, and biases and log expected counts for them."""

    inputs: Tensor
    label_weights: Tensor
    candidate_weights: Tensor
    label_biases: Tensor
    candidate_biases: Tensor


class Corrections(NamedTuple):
    """What has no gradient."""

    labels: Tensor
    candidates: Tensor
    label_log_counts: Tensor
    candidate_log_counts: Tensor


class Output(NamedTuple):
    """Loss and gradients."""

    loss: Tensor
    gradients: Gathered


Losses = Callable[[Gathered, Corrections], Tensor]


class _TorchStep:
    """Drawing and gathering; what comes then is left to the forms."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        torch.set_num_threads(num_threads)
        self.problem = problem
        self.weights, self.biases = map(torch.from_numpy, problem.table)
        self.labels = [torch.from_numpy(labels[:, 0]) for labels in problem.labels]
        self.inputs = torch.from_numpy(problem.inputs)
        self.generator = torch.Generator().manual_seed(3)
        self.log_range = float(np.log1p(problem.num_classes))
        classes = np.arange(problem.num_classes)
        p = mc.LogUniformSampler(problem.num_classes).probability(classes)
        self.log_counts = torch.from_numpy(np.log(p * problem.num_sampled).astype(np.float32))

    def _draw(self) -> Tensor:
        """Return candidates: log(c + 1) is uniform in [0, log(num_classes + 1))."""
        draws = torch.rand(self.problem.num_sampled, dtype=torch.float64, generator=self.generator)
        ids = draws.mul_(self.log_range).exp_().long()
        return ids.sub_(1).clamp_(max=self.problem.num_classes - 1)

    def _gather(self, labels: Tensor, candidates: Tensor) -> Gathered:
        return Gathered(
            self.inputs,
            self.weights.index_select(0, labels),
            self.weights.index_select(0, candidates),
            self.biases.index_select(0, labels),
            self.biases.index_select(0, candidates),
        )

    def _step(self, gathered: Gathered, corrections: Corrections) -> Output:
        raise NotImplementedError

    def run(self, batch: int) -> Output:
        labels, candidates = self.labels[batch], self._draw()
        counts = self.log_counts
        corrections = Corrections(
            labels, candidates, counts.index_select(0, labels), counts.index_select(0, candidates)
        )
        return self._step(self._gather(labels, candidates), corrections)

    def compute(self, batch: int, sampled: mc.SampledValues) -> Result:
        labels, (candidates, true_counts, counts) = self.labels[batch], map(torch.tensor, sampled)
        corrections = Corrections(labels, candidates, true_counts[:, 0].log(), counts.log())
        loss, gradients = self._step(self._gather(labels, candidates), corrections)
        ids = torch.cat([labels, candidates]).numpy()
        weights = torch.cat([gradients.label_weights, gradients.candidate_weights]).numpy()
        biases = torch.cat([gradients.label_biases, gradients.candidate_biases]).numpy()
        table = self.problem.table
        return Result(
            loss.numpy(),
            sum_by_class(ids, weights, table.weights),
            sum_by_class(ids, biases, table.biases),
            gradients.inputs.numpy(),
        )

    def nbytes(self, output: Output) -> int:
        return output.loss.nbytes + sum(tensor.nbytes for tensor in output.gradients)


def losses(gathered: Gathered, corrections: Corrections) -> Tensor:
    """Return the loss of each example: cross entropy, the label's logit in column 0."""
    inputs, label_weights, candidate_weights, label_biases, candidate_biases = gathered
    labels, candidates, label_log_counts, candidate_log_counts = corrections
    logits = torch.addmm(candidate_biases - candidate_log_counts, inputs, candidate_weights.T)
    logits = logits.masked_fill(labels[:, None] == candidates, -torch.inf)
    true_logits = (inputs * label_weights).sum(1) + (label_biases - label_log_counts)
    logits = torch.cat([true_logits[:, None], logits], 1)
    return functional.cross_entropy(logits, torch.zeros_like(labels), reduction="none")


def losses_in_bfloat16(gathered: Gathered, corrections: Corrections) -> Tensor:
    """Return the same with the products of matrices in bfloat16, forward and backward."""
    with torch.autocast("cpu", torch.bfloat16):
        return losses(gathered, corrections).float()


def losses_and_gradients(losses: Losses, gathered: Gathered, corrections: Corrections) -> Output:
    """Return the losses and the gradients of their sum, in a form that compiles to one graph."""

    def total(gathered: Gathered) -> tuple[Tensor, Tensor]:
        loss = losses(gathered, corrections)
        return loss.sum(), loss

    gradients, (_, loss) = torch.func.grad_and_value(total, has_aux=True)(gathered)
    return Output(loss, gradients)


class EagerStep(_TorchStep):
    """Autograd."""

    losses: Losses = staticmethod(losses)

    def _step(self, gathered: Gathered, corrections: Corrections) -> Output:
        leaves = Gathered(*(tensor.detach().requires_grad_() for tensor in gathered))
        loss = self.losses(leaves, corrections)
        gradients = torch.autograd.grad(loss, leaves, torch.ones_like(loss))
        return Output(loss.detach(), Gathered(*gradients))


class CompiledStep(_TorchStep):
    """`torch.compile`, for the shape alone."""

    losses: Losses = staticmethod(losses)

    def __init__(self, problem: Problem, num_threads: int) -> None:
        super().__init__(problem, num_threads)
        torch.compiler.reset()  # it gives up after some shapes of one function
        self.compiled: Any = torch.compile(
            partial(losses_and_gradients, self.losses), dynamic=False, fullgraph=True
        )

    def _step(self, gathered: Gathered, corrections: Corrections) -> Output:
        output: Output = self.compiled(gathered, corrections)
        return output


class EagerBfloat16Step(EagerStep):
    """Autocast: products of matrices in bfloat16."""

    losses: Losses = staticmethod(losses_in_bfloat16)


class CompiledBfloat16Step(CompiledStep):
    """The same, compiled."""

    losses: Losses = staticmethod(losses_in_bfloat16)


class ClosedFormStep(_TorchStep):
    """No autograd; one array of logits, kept."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        super().__init__(problem, num_threads)
        self.position = torch.full((problem.num_classes,), -1)
        self.numbers = torch.arange(problem.num_sampled)
        self.logits = torch.empty(len(self.inputs), problem.num_sampled)

    def _hits(self, labels: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows that have their label among the candidates, and where."""
        self.position[candidates] = self.numbers
        position = self.position[labels]
        self.position[candidates] = -1
        rows = (position >= 0).nonzero()[:, 0]
        return rows, position[rows]

    @torch.inference_mode()
    def _step(self, gathered: Gathered, corrections: Corrections) -> Output:
        inputs, label_weights, candidate_weights, label_biases, candidate_biases = gathered
        labels, candidates, label_log_counts, candidate_log_counts = corrections
        biases = candidate_biases - candidate_log_counts
        logits = torch.addmm(biases, inputs, candidate_weights.T, out=self.logits)
        logits[self._hits(labels, candidates)] = -torch.inf
        true_logits = torch.linalg.vecdot(inputs, label_weights)
        true_logits.add_(label_biases - label_log_counts)

        shift = torch.maximum(logits.amax(1), true_logits)
        exponentials = logits.sub_(shift[:, None]).exp_()
        true_exponentials = (true_logits - shift).exp_()
        total = exponentials.sum(1) + true_exponentials
        loss = total.log() + (shift - true_logits)
        # The softmax is exponentials / total: what is smaller is scaled in its place.
        scale = total.reciprocal()
        true_gradient = (true_exponentials * scale).sub_(1)

        grad_inputs = (exponentials @ candidate_weights).mul_(scale[:, None])
        grad_inputs.addcmul_(label_weights, true_gradient[:, None])
        gradients = Gathered(
            grad_inputs,
            inputs * true_gradient[:, None],
            exponentials.T @ (inputs * scale[:, None]),
            true_gradient,
            scale @ exponentials,
        )
        return Output(loss, gradients)
