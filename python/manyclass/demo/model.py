"""The next-token model, and one step of its training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import manyclass
from manyclass.demo.samplers import Sampler

Ids = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

_EMBEDDING_SCALE = 0.1
_INITIAL_ACCUMULATOR = 0.01


@dataclass(frozen=True)
class Model:
    """Scores the next token from the tokens before it.

    The input of the softmax is the sum, over the places of the context, of the embedding of the
    token there times that place's weights, element by element.

    Attributes
    ----------
    embedding : float32[classes, dim]
    position_weights : float32[context, dim]
        Row 0 belongs to the token just before the one to predict.
    weights : float32[classes, dim]
        With `biases`, the softmax layer.
    biases : float32[classes]
    """

    embedding: Floats
    position_weights: Floats
    weights: Floats
    biases: Floats

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.biases)

    def context(self, stream: Ids, positions: npt.NDArray[np.int64]) -> Ids:
        """Give the classes before each position, the nearest first: [positions, context].

        Before the stream's first token, that token is repeated.
        """
        distances = np.arange(1, len(self.position_weights) + 1)
        before: Ids = stream[np.maximum(positions[:, None] - distances, 0)]
        return before

    def inputs(self, stream: Ids, positions: npt.NDArray[np.int64]) -> Floats:
        """Give the softmax's inputs for predicting the tokens at `positions`."""
        return self.combine(self.embedding[self.context(stream, positions)])

    def combine(self, rows: Floats) -> Floats:
        """Sum embeddings [batch, context, dim] over the context with the position weights."""
        combined: Floats = np.einsum("bcd,cd->bd", rows, self.position_weights)
        return combined

    def save(self, path: Path, vocabulary: list[str]) -> None:
        """Write all arrays and the vocabulary, as UTF-8 lines in an array of bytes."""
        np.savez(
            path,
            embedding=self.embedding,
            position_weights=self.position_weights,
            weights=self.weights,
            biases=self.biases,
            vocabulary=np.frombuffer("\n".join(vocabulary).encode(), np.uint8),
        )


def create_model(
    counts: npt.NDArray[np.int64], *, dim: int, context: int, rng: np.random.Generator
) -> Model:
    """Make an untrained model, which predicts the frequencies in `counts` whatever the context."""
    num_classes = len(counts)
    embedding = rng.standard_normal((num_classes, dim), np.float32)
    embedding *= _EMBEDDING_SCALE
    nearness = 1.0 / (1.0 + 0.5 * np.arange(context, dtype=np.float32))
    frequencies = (counts + 1.0) / (counts + 1.0).sum()
    return Model(
        embedding=embedding,
        position_weights=np.repeat(nearness[:, None], dim, axis=1).astype(np.float32),
        weights=np.zeros((num_classes, dim), np.float32),
        biases=np.log(frequencies).astype(np.float32),
    )


class Trainer:
    """Takes training steps: sampled softmax, and Adagrad on the rows that a step touches.

    Parameters
    ----------
    model : Model
        Its arrays are updated in place.
    sampler : Sampler
        Draws the candidates of each step.
    num_sampled : int
        Candidates per step.
    learning_rate : float
        Adagrad's, for every array.
    """

    def __init__(
        self, model: Model, sampler: Sampler, *, num_sampled: int, learning_rate: float
    ) -> None:
        self._model = model
        self._sampler = sampler
        self._num_sampled = num_sampled
        self._optimizer = manyclass.Adagrad(
            learning_rate, initial_accumulator_value=_INITIAL_ACCUMULATOR
        )

    def step(self, stream: Ids, positions: npt.NDArray[np.int64]) -> float:
        """Train on the tokens at `positions`; gives their mean sampled loss before the update."""
        model = self._model
        context = model.context(stream, positions)
        rows = model.embedding[context]
        loss, gradients = manyclass.sampled_softmax_loss_and_grad(
            model.weights,
            model.biases,
            stream[positions, None].astype(np.int64),
            model.combine(rows),
            self._num_sampled,
            model.num_classes,
            sampler=self._sampler,
        )
        dim = model.embedding.shape[1]
        row_gradients = gradients.inputs[:, None, :] * model.position_weights
        embedding_slices = manyclass.IndexedSlices.from_rows(
            row_gradients.reshape(-1, dim),
            context.ravel().astype(np.int64),
            model.embedding.shape,
        )
        position_slices = manyclass.IndexedSlices(
            np.einsum("bcd,bd->cd", rows, gradients.inputs),
            np.arange(len(model.position_weights)),
            model.position_weights.shape,
        )
        apply = self._optimizer.apply
        apply(model.weights, gradients.weights)
        apply(model.biases, gradients.biases)
        apply(model.embedding, embedding_slices)
        apply(model.position_weights, position_slices)
        return float(loss.mean())
