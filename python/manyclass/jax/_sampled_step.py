"""A step of a sampled loss: what XLA knows of it, and what the host does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from manyclass._arrays import Array
from manyclass.jax._arguments import biases_of, labels_of, seed_of
from manyclass.jax._foreign_function import Result, call
from manyclass.losses import sampled_softmax_loss, sampled_softmax_loss_and_grad
from manyclass.nce import nce_loss, nce_loss_and_grad
from manyclass.samplers import Sampler

_FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sampled_softmax_loss": (sampled_softmax_loss, sampled_softmax_loss_and_grad),
    "nce_loss": (nce_loss, nce_loss_and_grad),
}


@dataclass(frozen=True)
class Step:
    """What of a step's arguments is no array: compiled code is made for it."""

    loss: str
    num_sampled: int
    num_classes: int
    num_true: int
    sampler: Sampler | None
    options: tuple[tuple[str, Any], ...]


class Arrays(NamedTuple):
    """The arrays of a step, in the order in which the host gets them."""

    weights: jax.Array
    biases: jax.Array | None
    inputs: jax.Array
    labels: jax.Array
    row_splits: jax.Array | None
    label_weights: jax.Array | None
    # Either the words of a seed, or the three arrays of sampled_values.
    seed: jax.Array | None
    candidates: jax.Array | None
    true_expected_count: jax.Array | None
    sampled_expected_count: jax.Array | None


@cache
def check_options(step: Step) -> None:
    """Refuse bad options with the loss of no examples, as the NumPy function does."""
    _FUNCTIONS[step.loss][0](
        *(np.zeros((1, 1)), np.zeros(1), np.zeros((0, step.num_true), np.int64), np.zeros((0, 1))),
        *(0, 1, step.num_true, (np.zeros(0, np.int64), np.zeros((0, 1)), np.zeros(0))),
        **dict(step.options),
    )


def loss_of(step: Step, arrays: Arrays) -> jax.Array:
    """Compute the loss of each example."""
    results = [Result(arrays.inputs.shape[:1], arrays.inputs.dtype)]
    return call(_loss, step, results, arrays)[0]


def loss_and_rows(
    step: Step, arrays: Arrays, grad_loss: jax.Array | None
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]:
    """Compute losses, the indices and values of the gradients' rows, and the inputs' gradient.

    Places that are left over have the number of rows as their index, and zeros.
    """
    dtype, size = arrays.inputs.dtype, arrays.labels.size + step.num_sampled
    results = [
        Result(arrays.inputs.shape[:1], dtype),
        Result((size,), jnp.int32),
        Result((size, arrays.weights.shape[1]), dtype),
        Result((size,), dtype),
        Result(arrays.inputs.shape, dtype),
    ]
    loss, indices, rows, offsets, inputs = call(_loss_and_rows, step, results, (*arrays, grad_loss))
    return loss, indices, rows, offsets, inputs


def _loss(step: Step, given: list[Any], results: list[Array]) -> None:
    results[0][...] = _FUNCTIONS[step.loss][0](**_arguments(step, given))


def _loss_and_rows(step: Step, given: list[Any], results: list[Array]) -> None:
    *arrays, grad_loss = given
    arguments = _arguments(step, arrays)
    loss, gradients = _FUNCTIONS[step.loss][1](**arguments, grad_loss=grad_loss)
    losses, indices, rows, offsets, inputs = results
    touched = gradients.weights.indices
    n = len(touched)
    losses[...] = loss
    indices[:n], indices[n:] = touched, len(arguments["weights"])
    rows[:n], rows[n:] = gradients.weights.values, 0.0
    offsets[:n], offsets[n:] = gradients.biases.values, 0.0
    inputs[...] = gradients.inputs


def _arguments(step: Step, given: list[Any]) -> dict[str, Any]:
    """Return the arguments of the NumPy function."""
    weights, biases, inputs, labels, row_splits, label_weights, words, *sampled = given
    proposal: dict[str, Any]
    if words is None:
        candidates, true_counts, counts = sampled
        ids = candidates.astype(np.int64, copy=False)
        proposal = {"sampled_values": (ids, true_counts, counts)}
    else:
        proposal = {"seed": seed_of(words), "sampler": step.sampler}
    return {
        "weights": weights,
        "biases": biases_of(biases, weights),
        "labels": labels_of(labels, row_splits),
        "inputs": inputs,
        "num_sampled": step.num_sampled,
        "num_classes": step.num_classes,
        "num_true": step.num_true,
        "label_weights": label_weights,
        **proposal,
        **dict(step.options),
    }
