"""The demo's next-token model, trained by manyclass alone: `train_step`, and rows of `Adagrad`."""

from __future__ import annotations

import numpy as np

import manyclass as mc
from manyclass.demo.model import Model
from peers.problem import Array


class ManyclassTrainer:
    """Takes steps on the model's own arrays."""

    def __init__(
        self,
        model: Model,
        learning_rate: float,
        initial: float,
        threads: int,
        compute_dtype: str | None = None,
    ) -> None:
        self.model = model
        self.threads = threads
        self.optimizer = mc.Adagrad(learning_rate, initial_accumulator_value=initial)
        self.layer = mc.SampledSoftmax(
            *model.weights.shape,
            num_sampled=1,  # not used: candidates are given
            sampler=None,
            optimizer=mc.Adagrad(learning_rate, initial_accumulator_value=initial),
            weights=model.weights,
            biases=model.biases,
            compute_dtype=compute_dtype,
        )

    def step(self, context: Array, labels: Array, sampled: mc.SampledValues) -> None:
        """Take one step; the sum of the losses is minimised, as in the demo."""
        model = self.model
        rows = model.embedding[context]
        gradient = self.layer.train_step(
            model.combine(rows),
            labels,
            sampled_values=sampled,
            grad_loss=np.ones(len(labels), np.float32),
            num_threads=self.threads,
        )[1]
        embedding = mc.IndexedSlices.from_rows(
            (gradient[:, None, :] * model.position_weights).reshape(-1, gradient.shape[1]),
            context.ravel(),
            model.embedding.shape,
        )
        position = mc.IndexedSlices(
            np.einsum("bcd,bd->cd", rows, gradient),
            np.arange(len(model.position_weights)),
            model.position_weights.shape,
        )
        pairs = ((model.embedding, embedding), (model.position_weights, position))
        self.optimizer.step(pairs, num_threads=self.threads)
