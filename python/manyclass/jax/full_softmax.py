"""The exact softmax over all classes, for JAX's transformations."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax

from manyclass import full_softmax as numpy_loss
from manyclass._arrays import Array
from manyclass._scalars import as_integer, as_real
from manyclass.full_softmax_gradient import full_softmax_loss_and_grad
from manyclass.jax._arguments import FLOATS, as_jax, biases_of, check_batch, labels_of, read_labels
from manyclass.jax._foreign_function import Result, call
from manyclass.losses import Gradients
from manyclass.ragged_labels import RaggedLabels
from manyclass.threads import thread_argument


class _Options(NamedTuple):
    num_true: int
    label_smoothing: float
    num_threads: int | None


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
    options = _Options(
        as_integer(num_true, "num_true"),
        as_real(label_smoothing, "label_smoothing"),
        num_threads,
    )
    thread_argument(num_threads)
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
    loss: jax.Array = _loss(options, tables, (*ids, weighted))
    return loss


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _differentiable_loss(
    options: _Options, tables: tuple[Any, ...], targets: tuple[Any, ...]
) -> jax.Array:
    inputs = tables[2]
    results = [Result(inputs.shape[:1], inputs.dtype)]
    return call(_compute, options, results, (*tables, *targets))[0]


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
    grad_weights, grad_biases, grad_inputs = call(
        _compute_gradients, options, results, (*arrays, grad_loss)
    )
    return (grad_weights, None if biases is None else grad_biases, grad_inputs), (None,) * 3


_differentiable_loss.defvjp(_forward, _backward)
_loss = jax.jit(_differentiable_loss, static_argnums=0)


def _compute(options: _Options, given: list[Any], results: list[Array]) -> None:
    arguments, named = _arguments(options, given)
    results[0][...] = numpy_loss.full_softmax_loss(*arguments, **named)


def _compute_gradients(options: _Options, given: list[Any], results: list[Array]) -> None:
    *arrays, grad_loss = given
    arguments, named = _arguments(options, arrays)
    full_softmax_loss_and_grad(*arguments, **named, grad_loss=grad_loss, out=Gradients(*results))


def _arguments(options: _Options, given: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of the NumPy functions."""
    weights, biases, inputs, labels, row_splits, label_weights = given
    targets = labels_of(labels, row_splits)
    return (weights, biases_of(biases, weights), targets, inputs, options.num_true), {
        "label_weights": label_weights,
        "label_smoothing": options.label_smoothing,
        "num_threads": options.num_threads,
    }
