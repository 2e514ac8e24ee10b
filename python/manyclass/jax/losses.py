"""The sampled losses of ``manyclass``, for JAX's transformations."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from manyclass._scalars import as_real
from manyclass.jax._arguments import as_jax
from manyclass.jax._sampled_step import Arrays, Step, loss_and_rows, loss_of
from manyclass.jax._step_arguments import read_step
from manyclass.jax.rows import Rows, apply_rows
from manyclass.losses import Gradients
from manyclass.ragged_labels import RaggedLabels
from manyclass.samplers import Sampler


def sampled_softmax_loss(
    weights: jax.Array,
    biases: jax.Array | None,
    labels: jax.Array | RaggedLabels,
    inputs: jax.Array,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    seed: Any = None,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: jax.Array | None = None,
    label_smoothing: float = 0.0,
    num_threads: int | None = None,
) -> jax.Array:
    """Compute the sampled softmax loss; gradients flow to weights, biases and inputs.

    `manyclass.sampled_softmax_loss` for `jax.jit`, `jax.grad` and `jax.vmap`: it tells what the
    other parameters mean, and the losses have its bits. Tables are used where XLA has them, without
    a copy. The backward pass uses the candidates of the forward pass; the gradients of weights and
    biases are dense. `sampled_softmax_loss_and_grad` has the touched rows alone.

    Parameters
    ----------
    weights : array of float32 or float64, shape [num_classes, dim]
        On the CPU.
    biases : array, shape [num_classes], optional
        Of the dtype of weights; None for a model without.
    labels : array of int32 or int64, shape [batch, num_true], or RaggedLabels of such
        The true classes.
    inputs : array, shape [batch, dim]
        Of the dtype of weights.
    num_sampled, num_classes, num_true
        As in `manyclass.sampled_softmax_loss`; they are no tracers.
    sampled_values : tuple of three arrays, optional
        Candidates and their expected counts; else they are drawn from ``seed``.
    seed : key, int, pair of int or scalar array of integers
        The candidates are a function of it: split a key for each step. The words of a key stand
        for the pair of seeds of `manyclass.sampled_softmax_loss`.
    sampler : Sampler, optional
        Its stream is started at ``seed`` in each call. Not a `LearnedUnigramSampler`, whose
        candidates depend on what was drawn before.
    label_weights : array of the shape of labels or, if they are ragged, of values, optional
        Of the dtype of weights. No gradient flows to it.

    Returns
    -------
    array, shape [batch]
        In the dtype of inputs.

    Raises
    ------
    TypeError
        If a dtype is another, or there is neither a seed nor ``sampled_values``.
    ValueError
        If an option, a rank or a device is another: while the function is traced.
    jax.errors.JaxRuntimeError or ValueError
        If shapes do not go together or a value is out of range, with the message of the NumPy
        function: when the compiled function runs. (JAX raises the one or the other.)

    Notes
    -----
    Under `jax.vmap` the examples of the mapped axis are computed one after another, each by all
    threads.
    """
    del name
    step, arrays = read_step(
        "sampled_softmax_loss",
        (weights, biases, labels, inputs, num_sampled, num_classes, num_true),
        (sampled_values, seed, sampler),
        label_weights,
        remove_accidental_hits=remove_accidental_hits,
        mask_repeats=mask_repeats,
        log_q_correction=log_q_correction,
        label_smoothing=as_real(label_smoothing, "label_smoothing"),
        num_threads=num_threads,
    )
    loss: jax.Array = _loss(step, arrays[:3], arrays[3:])
    return loss


def nce_loss(
    weights: jax.Array,
    biases: jax.Array | None,
    labels: jax.Array | RaggedLabels,
    inputs: jax.Array,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    seed: Any = None,
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: jax.Array | None = None,
    num_threads: int | None = None,
) -> jax.Array:
    """Compute the noise-contrastive loss; gradients flow to weights, biases and inputs.

    `manyclass.nce_loss` for JAX; what holds for arrays, ``seed`` and errors is told by
    `sampled_softmax_loss`.

    Returns
    -------
    array, shape [batch]
        In the dtype of inputs.
    """
    del name
    step, arrays = read_step(
        "nce_loss",
        (weights, biases, labels, inputs, num_sampled, num_classes, num_true),
        (sampled_values, seed, sampler),
        label_weights,
        remove_accidental_hits=remove_accidental_hits,
        mask_repeats=mask_repeats,
        log_q_correction=log_q_correction,
        num_threads=num_threads,
    )
    loss: jax.Array = _loss(step, arrays[:3], arrays[3:])
    return loss


def sampled_softmax_loss_and_grad(
    weights: jax.Array,
    biases: jax.Array | None,
    labels: jax.Array | RaggedLabels,
    inputs: jax.Array,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    seed: Any = None,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: jax.Array | None = None,
    label_smoothing: float = 0.0,
    num_threads: int | None = None,
    grad_loss: jax.Array | None = None,
) -> tuple[jax.Array, Gradients]:
    """Compute the sampled softmax loss and the touched rows of its gradients, in one pass.

    For tables whose dense gradient would cost more than the step. All parameters but the last are
    those of `sampled_softmax_loss`. It has no derivative itself.

    Parameters
    ----------
    grad_loss : array, shape [batch], optional
        The gradient of what is minimised with respect to each example's loss; all 1 if None.

    Returns
    -------
    loss : array, shape [batch]
        In the dtype of inputs.
    gradients : Gradients
        ``weights`` and ``biases`` as `Rows` of as many places as there are labels and candidates,
        ``inputs`` as an array.
    """
    del name
    step, arrays = read_step(
        "sampled_softmax_loss",
        (weights, biases, labels, inputs, num_sampled, num_classes, num_true),
        (sampled_values, seed, sampler),
        label_weights,
        remove_accidental_hits=remove_accidental_hits,
        mask_repeats=mask_repeats,
        log_q_correction=log_q_correction,
        label_smoothing=as_real(label_smoothing, "label_smoothing"),
        num_threads=num_threads,
    )
    return _loss_and_grad(step, arrays, grad_loss)


def nce_loss_and_grad(
    weights: jax.Array,
    biases: jax.Array | None,
    labels: jax.Array | RaggedLabels,
    inputs: jax.Array,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    seed: Any = None,
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: jax.Array | None = None,
    num_threads: int | None = None,
    grad_loss: jax.Array | None = None,
) -> tuple[jax.Array, Gradients]:
    """Compute the noise-contrastive loss and the touched rows of its gradients, in one pass.

    All parameters but the last are those of `nce_loss`; that one, and what is returned, are as in
    `sampled_softmax_loss_and_grad`.
    """
    del name
    step, arrays = read_step(
        "nce_loss",
        (weights, biases, labels, inputs, num_sampled, num_classes, num_true),
        (sampled_values, seed, sampler),
        label_weights,
        remove_accidental_hits=remove_accidental_hits,
        mask_repeats=mask_repeats,
        log_q_correction=log_q_correction,
        num_threads=num_threads,
    )
    return _loss_and_grad(step, arrays, grad_loss)


# Indices of touched rows, the gradients of weights, biases and inputs.
Slices = tuple[jax.Array, ...]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _differentiable_loss(step: Step, tables: tuple[Any, ...], others: tuple[Any, ...]) -> jax.Array:
    return loss_of(step, Arrays(*tables, *others))


def _forward(
    step: Step, tables: tuple[Any, ...], others: tuple[Any, ...]
) -> tuple[jax.Array, tuple[Arrays, Slices]]:
    arrays = Arrays(*tables, *others)
    loss, *slices = loss_and_rows(step, arrays, None)
    return loss, (arrays, tuple(slices))


def _backward(
    step: Step, kept: tuple[Arrays, Slices], grad_loss: jax.Array
) -> tuple[tuple[Any, ...], tuple[None, ...]]:
    arrays, slices = kept
    weights, biases = arrays.weights, arrays.biases

    def scaled() -> Slices:
        indices, *values = slices
        return indices, *(grad_loss[:1].sum() * value for value in values)

    def computed() -> Slices:
        return loss_and_rows(step, arrays, grad_loss)[1:]

    # A sum or a mean over the batch has one factor for all; else there is a second pass, which
    # draws the same candidates: it has the same seed.
    is_uniform = (grad_loss == grad_loss[:1]).all()
    indices, rows, offsets, grad_inputs = jax.lax.cond(is_uniform, scaled, computed)
    grad_weights = apply_rows(jnp.zeros_like(weights), Rows(indices, rows))
    grad_biases = None
    if biases is not None:
        grad_biases = apply_rows(jnp.zeros_like(biases), Rows(indices, offsets))
    return (grad_weights, grad_biases, grad_inputs), (None,) * 7


_differentiable_loss.defvjp(_forward, _backward)
_loss = jax.jit(_differentiable_loss, static_argnums=0)


_loss_and_rows = jax.jit(loss_and_rows, static_argnums=0)


def _loss_and_grad(step: Step, arrays: Arrays, grad_loss: Any) -> tuple[jax.Array, Gradients]:
    upstream = None
    if grad_loss is not None:
        upstream = as_jax(grad_loss, "grad_loss", (str(arrays.inputs.dtype),), 1)
    loss, indices, rows, offsets, grad_inputs = _loss_and_rows(step, arrays, upstream)
    return loss, Gradients(Rows(indices, rows), Rows(indices, offsets), grad_inputs)
