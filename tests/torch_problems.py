"""Random arguments of a loss as tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import manyclass as mc
from random_problems import make_problem, make_sample


class Problem(NamedTuple):
    """The tensors of a step, in the losses' order, and candidates."""

    weights: Tensor
    biases: Tensor
    labels: Tensor
    inputs: Tensor
    sampled: tuple[Tensor, Tensor, Tensor]

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The same memory for NumPy."""
        return tuple(tensor.detach().numpy() for tensor in self[:4])

    @property
    def sampled_arrays(self) -> mc.SampledValues:
        """The same memory for NumPy."""
        return mc.SampledValues(*(tensor.numpy() for tensor in self.sampled))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """num_sampled, num_classes, num_true."""
        return len(self.sampled[0]), len(self.weights), self.labels.shape[1]

    def leaves(self) -> tuple[Tensor, Tensor, Tensor]:
        """Those that gradients flow to."""
        return self.weights, self.biases, self.inputs


def make_torch_problem(
    seed: int = 0, *, num_sampled: int = 7, dtype: Any = np.float32, **sizes: int
) -> Problem:
    """Return tensors that want gradients, where there are any."""
    problem = make_problem(seed, dtype=dtype, **sizes)
    sample = make_sample(seed + 1, problem, num_sampled)
    weights, biases, inputs = (
        torch.from_numpy(array).requires_grad_()
        for array in (problem.weights, problem.biases, problem.inputs)
    )
    ids, true_counts, counts = map(torch.from_numpy, sample)
    return Problem(
        weights, biases, torch.from_numpy(problem.labels), inputs, (ids, true_counts, counts)
    )


def _in_dtype_of_weights(problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
    ids, true_counts, counts = problem.sampled
    return ids, true_counts.to(problem.weights.dtype), counts.to(problem.weights.dtype)


def plain_sampled_softmax(problem: Problem, *, remove_accidental_hits: bool = True) -> Tensor:
    """Return the loss of each example by PyTorch's own operators, for one label each."""
    ids, true_counts, counts = _in_dtype_of_weights(problem)
    weights, biases, labels, inputs = problem[:4]
    true = (inputs * weights[labels[:, 0]]).sum(1) + biases[labels[:, 0]] - true_counts[:, 0].log()
    others = inputs @ weights[ids].T + biases[ids] - counts.log()
    if remove_accidental_hits:
        others = others.masked_fill(labels == ids, -torch.inf)
    logits = torch.cat([true[:, None], others], 1)
    return torch.logsumexp(logits, 1) - true


def plain_nce(problem: Problem) -> Tensor:
    """Return the loss of each example by PyTorch's own operators, for one label each."""
    ids, true_counts, counts = _in_dtype_of_weights(problem)
    weights, biases, labels, inputs = problem[:4]
    true = (inputs * weights[labels[:, 0]]).sum(1) + biases[labels[:, 0]] - true_counts[:, 0].log()
    others = inputs @ weights[ids].T + biases[ids] - counts.log()
    softplus = torch.nn.functional.softplus
    return softplus(-true) + softplus(others).sum(1)


def plain_full_softmax(problem: Problem) -> Tensor:
    """Return the exact loss of each example by PyTorch's own operators, for one label each."""
    weights, biases, labels, inputs = problem[:4]
    logits = inputs @ weights.T + biases
    return torch.nn.functional.cross_entropy(logits, labels[:, 0], reduction="none")
