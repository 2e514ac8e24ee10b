"""A whole training step, by a module for each peer: the step of `peers`, and Adagrad's update.

What is minimised is the mean of the sampled softmax's losses. All keep an accumulator for each
element, which starts at `INITIAL_ACCUMULATOR`, and move the rows of the labels and candidates.
"""

from __future__ import annotations

import importlib
from typing import Protocol

import numpy as np

import manyclass as mc
from peers import Peers
from peers.problem import Array, Problem, Table

LEARNING_RATE = 0.1
INITIAL_ACCUMULATOR = 0.1
EPSILON = 1e-7

# Where each is, and what must be installed for it.
TRAINERS: Peers = {
    "manyclass": ("manyclass_training", "ManyclassTraining", "manyclass"),
    "PyTorch eager": ("torch_training", "EagerTraining", "torch"),
    "PyTorch compiled": ("torch_training", "CompiledTraining", "torch"),
    "TensorFlow": ("tensorflow_training", "SparseApplyTraining", "tensorflow"),
    "Keras": ("tensorflow_training", "KerasTraining", "tensorflow"),
}


class Training(Protocol):
    """A peer's tables and optimizer over a problem."""

    def run(self, batch: int) -> object:
        """Draw candidates and train with labels number ``batch``; what is timed."""

    def train(self, batch: int, sampled: mc.SampledValues) -> None:
        """Train on candidates that are given."""

    def rows(self, classes: Array) -> Table:
        """Return the rows of classes as they are now."""


def make_training(name: str, problem: Problem, num_threads: int) -> Training:
    """Return the peer's training, on tables of its own; the peer is imported now, if not before."""
    module, training, _ = TRAINERS[name]
    own = problem._replace(table=Table(*map(np.copy, problem.table)))
    made: Training = getattr(importlib.import_module(f"peers.{module}"), training)(own, num_threads)
    return made
