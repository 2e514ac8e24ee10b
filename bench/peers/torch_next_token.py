"""The demo's next-token model, trained by PyTorch: gathered rows, sparse gradients, its Adagrad."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

import manyclass as mc
from manyclass.demo.model import Model
from peers.problem import Array
from peers.torch_step import Corrections, Gathered, Tensor, losses


class Leaves(NamedTuple):
    """What a step differentiates with respect to."""

    embedding: Tensor
    position_weights: Tensor
    label_weights: Tensor
    candidate_weights: Tensor
    label_biases: Tensor
    candidate_biases: Tensor


def total_loss(leaves: Leaves, corrections: Corrections) -> Tensor:
    """Return the sum of the losses."""
    inputs = torch.einsum("bcd,cd->bd", leaves.embedding, leaves.position_weights)
    return losses(Gathered(inputs, *leaves[2:]), corrections).sum()


def eager_gradients(leaves: Leaves, corrections: Corrections) -> Leaves:
    """Autograd."""
    watched = Leaves(*(tensor.detach().requires_grad_() for tensor in leaves))
    return Leaves(*torch.autograd.grad(total_loss(watched, corrections), watched))


class TorchTrainer:
    """Takes steps on the model's own arrays; gradients of the rows eager or compiled."""

    def __init__(
        self, model: Model, learning_rate: float, initial: float, threads: int, compiled: bool
    ) -> None:
        torch.set_num_threads(threads)
        arrays = (model.embedding, model.position_weights, model.weights, model.biases)
        self.tables = [torch.from_numpy(array) for array in arrays]
        self.optimizer = torch.optim.Adagrad(
            self.tables, learning_rate, initial_accumulator_value=initial, eps=1e-7
        )
        self.gradients: Any = eager_gradients
        if compiled:
            gradients = torch.func.grad(total_loss)
            self.gradients = torch.compile(gradients, dynamic=False, fullgraph=True)

    def step(self, context: Array, labels: Array, sampled: mc.SampledValues) -> None:
        """Take one step; the sum of the losses is minimised, as in the demo."""
        embedding, position_weights, weights, biases = self.tables
        near, targets = torch.from_numpy(context), torch.from_numpy(labels)
        candidates, true_counts, counts = map(torch.from_numpy, sampled)
        leaves = Leaves(
            embedding[near],
            position_weights,
            weights.index_select(0, targets),
            weights.index_select(0, candidates),
            biases.index_select(0, targets),
            biases.index_select(0, candidates),
        )
        corrections = Corrections(targets, candidates, true_counts[:, 0].log(), counts.log())
        found = self.gradients(leaves, corrections)
        ids = torch.cat([targets, candidates])
        self._set(embedding, near.flatten(), found.embedding.flatten(0, 1))
        position_weights.grad = found.position_weights
        self._set(weights, ids, torch.cat([found.label_weights, found.candidate_weights]))
        self._set(biases, ids, torch.cat([found.label_biases, found.candidate_biases]))
        self.optimizer.step()

    @staticmethod
    def _set(table: Tensor, ids: Tensor, rows: Tensor) -> None:
        table.grad = torch.sparse_coo_tensor(ids[None], rows, table.shape, check_invariants=False)
