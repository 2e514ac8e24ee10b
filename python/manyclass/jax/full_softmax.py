"""The exact softmax over all classes, for JAX's transformations."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from manyclass import full_softmax as numpy_loss
from manyclass._scalars import as_real
from manyclass.jax._arguments import FLOATS, as_jax, check_batch, read_labels
from manyclass.jax._foreign_function import Result, call
from manyclass.ragged_labels import RaggedLabels
from manyclass.threads import thread_argument


class _Options(NamedTuple):
    label_smoothing: float
    num_threads: int


_OPTIONAL = ("biases", "row_splits", "label_weights")


def full_softmax_loss(
    weights: jax.Array,
    biases: jax.Array | None,
    labels: jax.Array | RaggedLabels,
    inputs: jax.Array,
    num_true: int = 1,
    *,
    label_weights: jax.Array | None = None,
    label_smoothing: float = 0.0,
    num_threads: int | None = None,
) -> jax.Array:
    """Compute the exact softmax cross entropy; gradients flow to weights, biases and inputs.

    `manyclass.full_softmax_loss` for JAX, which tells what the other parameters mean: the
    batch-by-classes matrix is never in memory, neither forward nor backward. Arrays and errors are
    as in `sampled_softmax_loss`.

    Returns
    -------
    array, shape [batch]
        In the dtype of inputs.
    """
    options = _Options(as_real(label_smoothing, "label_smoothing"), thread_argument(num_threads))
    tables = (
        as_jax(weights, "weights", FLOATS, 2),
        None if biases is None else as_jax(biases, "biases", FLOATS, 1),
        as_jax(inputs, "inputs", FLOATS, 2),
    )
    weighted = label_weights
    if label_weights is not None:
        weighted = as_jax(label_weights, "label_weights", FLOATS, 1, 2)
    ids = read_labels(labels, num_true)
    check_batch(*ids, tables[2])
    _check(tables, weighted, options)
    loss: jax.Array = _loss(options, tables, (*ids, weighted))
    return loss


def _check(tables: tuple[Any, ...], label_weights: Any, options: _Options) -> None:
    """Refuse what the NumPy function does, by the loss of no examples."""
    weights, biases, inputs = tables
    numpy_loss.full_softmax_loss(
        np.zeros((1, 1), weights.dtype),
        np.zeros(1, weights.dtype if biases is None else biases.dtype),
        np.zeros((0, 1), np.int64),
        np.zeros((0, 1), inputs.dtype),
        label_weights=None if label_weights is None else np.zeros((0, 1), label_weights.dtype),
        label_smoothing=options.label_smoothing,
    )


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _differentiable_loss(
    options: _Options, tables: tuple[Any, ...], targets: tuple[Any, ...]
) -> jax.Array:
    inputs = tables[2]
    results = [Result(inputs.shape[:1], inputs.dtype)]
    arguments = _arguments(*tables, *targets)
    return call("full_softmax_loss", options._asdict(), results, arguments, _OPTIONAL)[0]


def _forward(
    options: _Options, tables: tuple[Any, ...], targets: tuple[Any, ...]
) -> tuple[jax.Array, tuple[Any, ...]]:
    return _differentiable_loss(options, tables, targets), (*tables, *targets)


def _backward(
    options: _Options, arrays: tuple[Any, ...], grad_loss: jax.Array
) -> tuple[tuple[Any, ...], tuple[None, ...]]:
    weights, biases, inputs, *_ = arrays
    results = [
        Result(weights.shape, weights.dtype),
        Result(weights.shape[:1], weights.dtype),
        Result(inputs.shape, inputs.dtype),
    ]
    arguments = _arguments(*arrays) | {"grad_loss": grad_loss}
    grad_weights, grad_biases, grad_inputs = call(
        "full_softmax_gradients", options._asdict(), results, arguments, _OPTIONAL
    )
    return (grad_weights, None if biases is None else grad_biases, grad_inputs), (None,) * 3


_differentiable_loss.defvjp(_forward, _backward)
_loss = jax.jit(_differentiable_loss, static_argnums=0)


def _arguments(*arrays: Any) -> dict[str, Any]:
    """Return the arrays by name, in the order in which the core gets them."""
    names = ("weights", "biases", "inputs", "labels", "row_splits", "label_weights")
    return dict(zip(names, arrays, strict=True))
