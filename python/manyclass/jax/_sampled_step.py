"""A step of a sampled loss, as XLA calls the core for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from manyclass.jax._foreign_function import Result, call
from manyclass.losses import sampled_softmax_loss
from manyclass.nce import nce_loss
from manyclass.samplers import Sampler
from manyclass.threads import thread_argument

_LOSSES: dict[str, Callable[..., Any]] = {
    "sampled_softmax_loss": sampled_softmax_loss,
    "nce_loss": nce_loss,
}
_OPTIONAL = ("biases", "row_splits", "label_weights")

# Of weights, biases, inputs and label_weights; None of what is not there.
Dtypes: TypeAlias = tuple[str, str | None, str, str | None]


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
    """The arrays of a step, in the order in which the core gets them."""

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
def check_options(step: Step, dtypes: Dtypes) -> None:
    """Refuse bad options and dtypes with the loss of no examples, as the NumPy function does."""
    weights, biases, inputs, label_weights = dtypes
    weighted = {}
    if label_weights is not None:
        weighted["label_weights"] = np.zeros((0, step.num_true), label_weights)
    _LOSSES[step.loss](
        *(np.zeros((1, 1), weights), np.zeros(1, biases or weights)),
        *(np.zeros((0, step.num_true), np.int64), np.zeros((0, 1), inputs)),
        *(0, 1, step.num_true, (np.zeros(0, np.int64), np.zeros((0, 1)), np.zeros(0))),
        **weighted,
        **dict(step.options),
    )


def loss_of(step: Step, arrays: Arrays) -> jax.Array:
    """Compute the loss of each example."""
    results = [Result(arrays.inputs.shape[:1], arrays.inputs.dtype)]
    attributes = _attributes(step, arrays)
    return call("sampled_loss", attributes, results, arrays._asdict(), _OPTIONAL)[0]


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
    loss, indices, rows, offsets, inputs = call(
        "sampled_loss_and_rows",
        _attributes(step, arrays),
        results,
        arrays._asdict() | {"grad_loss": grad_loss},
        (*_OPTIONAL, "grad_loss"),
    )
    return loss, indices, rows, offsets, inputs


def _attributes(step: Step, arrays: Arrays) -> dict[str, Any]:
    options = dict(step.options)
    return {
        "label_smoothing": 0.0,
        **options,
        "num_threads": thread_argument(options["num_threads"]),
        "loss": step.loss,
        "num_sampled": step.num_sampled,
        "num_classes": step.num_classes,
        "draws": arrays.seed is not None,
        "has_sampler": step.sampler is not None,
        "sampler": step.sampler,
    }
