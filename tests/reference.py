"""The NumPy oracle: every quantity of the library, written for reading, in float64.

Independent of the library. Small sizes only: it forms all logits at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FLOAT32_MAX = float(np.finfo(np.float32).max)


class Problem(NamedTuple):
    """Arguments of a loss, as the library takes them."""

    weights: npt.NDArray[np.floating]
    biases: npt.NDArray[np.floating]
    labels: Ints
    inputs: npt.NDArray[np.floating]


class Sample(NamedTuple):
    """Candidates and expected counts, in TensorFlow's order."""

    candidates: Ints
    true_count: npt.NDArray[np.floating]
    sampled_count: npt.NDArray[np.floating]


class Gradients(NamedTuple):
    """Dense gradients of sum(grad_loss * loss)."""

    weights: Floats
    biases: Floats
    inputs: Floats


def in_float64(problem: Problem) -> Problem:
    """Return the same numbers in float64."""
    weights, biases, labels, inputs = problem
    return Problem(
        weights.astype(np.float64), biases.astype(np.float64), labels, inputs.astype(np.float64)
    )


def accidental_hits(
    labels: Ints, candidates: Ints, mask_repeats: bool = False
) -> npt.NDArray[np.bool_]:
    """Mark where a candidate is a true class of the row; of repeated ids only the last, or all."""
    hits = (candidates[None, :, None] == labels[:, None, :]).any(axis=2)
    if not mask_repeats:
        last_position = {int(c): k for k, c in enumerate(candidates)}
        hits &= np.array([last_position[int(c)] == k for k, c in enumerate(candidates)], bool)
    return hits


def sampled_logits(
    problem: Problem,
    sample: Sample,
    remove_accidental_hits: bool = True,
    mask_repeats: bool = False,
    log_q_correction: str = "all",
) -> Floats:
    """Return the logits [batch, num_true + num_sampled], true columns first, log Q taken off."""
    weights, biases, labels, inputs = in_float64(problem)
    true = np.einsum("bd,btd->bt", inputs, weights[labels]) + biases[labels]
    sampled = inputs @ weights[sample.candidates].T + biases[sample.candidates]
    if remove_accidental_hits:
        sampled[accidental_hits(labels, sample.candidates, mask_repeats)] -= FLOAT32_MAX
    if log_q_correction == "all":
        true -= np.log(np.broadcast_to(sample.true_count, labels.shape).astype(np.float64))
    if log_q_correction != "none":
        sampled -= np.log(sample.sampled_count.astype(np.float64))
    return np.concatenate([true, sampled], axis=1)


def cross_entropy(logits: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Return the softmax cross entropy of each row and its gradient with respect to logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    # A target of 0 takes nothing from a logit of -FLOAT32_MAX: 0 times a finite number.
    loss = (targets * (log_total - shifted)).sum(axis=1)
    return loss, np.exp(shifted - log_total) - targets


def logistic(logits: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Return the sum of each row's logistic losses and its gradient with respect to logits."""
    tail = np.exp(-np.abs(logits))
    loss = (np.maximum(logits, 0.0) - logits * targets + np.log1p(tail)).sum(axis=1)
    return loss, np.where(logits < 0.0, tail, 1.0) / (1.0 + tail) - targets


def sampled_targets(labels: Ints, num_sampled: int) -> Floats:
    """Return 1 / num_true in each true column, 0 in the sampled ones."""
    batch, num_true = labels.shape
    targets = np.zeros((batch, num_true + num_sampled))
    targets[:, :num_true] = 1.0 / num_true
    return targets


def sampled_softmax(
    problem: Problem,
    sample: Sample,
    remove_accidental_hits: bool = True,
    grad_loss: npt.NDArray[np.floating] | None = None,
    **options: Any,
) -> tuple[Floats, Gradients]:
    """Return the sampled softmax loss of each row and the dense gradients."""
    logits = sampled_logits(problem, sample, remove_accidental_hits, **options)
    return loss_and_gradients(cross_entropy, logits, problem, sample, grad_loss)


def nce(
    problem: Problem,
    sample: Sample,
    remove_accidental_hits: bool = False,
    grad_loss: npt.NDArray[np.floating] | None = None,
    **options: Any,
) -> tuple[Floats, Gradients]:
    """Return the noise-contrastive loss of each row and the dense gradients."""
    logits = sampled_logits(problem, sample, remove_accidental_hits, **options)
    return loss_and_gradients(logistic, logits, problem, sample, grad_loss)


def loss_and_gradients(
    loss_of: Callable[[Floats, Floats], tuple[Floats, Floats]],
    logits: Floats,
    problem: Problem,
    sample: Sample,
    grad_loss: npt.NDArray[np.floating] | None,
) -> tuple[Floats, Gradients]:
    """Return the loss of each row of sampled logits and the gradients of the arrays."""
    weights, biases, labels, inputs = in_float64(problem)
    batch = len(labels)
    if batch == 0:
        return np.zeros(0), zero_gradients(problem)
    loss, grad_logits = loss_of(logits, sampled_targets(labels, len(sample.candidates)))
    if grad_loss is not None:
        grad_logits = grad_logits * grad_loss.astype(np.float64)[:, None]
    columns = np.concatenate([labels, np.tile(sample.candidates, (batch, 1))], axis=1)
    grad_weights, grad_biases = np.zeros_like(weights), np.zeros_like(biases)
    np.add.at(grad_weights, columns, grad_logits[:, :, None] * inputs[:, None, :])
    np.add.at(grad_biases, columns, grad_logits)
    grad_inputs = np.einsum("bc,bcd->bd", grad_logits, weights[columns])
    return loss, Gradients(grad_weights, grad_biases, grad_inputs)


def full_targets(labels: Ints, num_classes: int) -> Floats:
    """Return 1 / num_true at every label of a row, added up where a label repeats."""
    batch, num_true = labels.shape
    targets = np.zeros((batch, num_classes))
    np.add.at(targets, (np.arange(batch)[:, None], labels), 1.0 / num_true)
    return targets


def full_softmax(
    problem: Problem, grad_loss: npt.NDArray[np.floating] | None = None
) -> tuple[Floats, Gradients]:
    """Return the softmax loss over all classes and the dense gradients."""
    weights, biases, labels, inputs = in_float64(problem)
    if len(labels) == 0:
        return np.zeros(0), zero_gradients(problem)
    logits = inputs @ weights.T + biases
    loss, grad_logits = cross_entropy(logits, full_targets(labels, len(weights)))
    if grad_loss is not None:
        grad_logits = grad_logits * grad_loss.astype(np.float64)[:, None]
    return loss, Gradients(grad_logits.T @ inputs, grad_logits.sum(axis=0), grad_logits @ weights)


def zero_gradients(problem: Problem) -> Gradients:
    """Return the gradients of an empty batch."""
    return Gradients(
        *(np.zeros(a.shape) for a in (problem.weights, problem.biases, problem.inputs))
    )


def label_ranks(problem: Problem) -> Ints:
    """Return 1 + the number of classes before the label: greater logit, or equal and smaller id."""
    weights, biases, labels, inputs = in_float64(problem)
    logits = inputs @ weights.T + biases
    own = np.take_along_axis(logits, labels, axis=1)[:, :, None]
    greater = logits[:, None, :] > own
    earlier_tie = (logits[:, None, :] == own) & (np.arange(len(weights)) < labels[:, :, None])
    ranks: Ints = 1 + (greater | earlier_tie).sum(axis=2)
    return ranks


def expected_count(
    probability: npt.NDArray[np.float32], num_sampled: int, tries: int
) -> npt.NDArray[np.float32]:
    """Return TensorFlow's expected counts, float32 all through.

    ``tries`` is the number of draws that the call took; when none was rejected
    (or repeats are allowed) the count is p * S, else 1 - (1 - p)^tries.
    """
    if tries == num_sampled:
        return probability * np.float32(num_sampled)
    with np.errstate(divide="ignore"):  # p = 1: log 0, and a count of 1
        count: npt.NDArray[np.float32] = -np.expm1(np.float32(tries) * np.log1p(-probability))
    return count


def cut(
    array: npt.NDArray[np.floating], num_shards: int, strategy: str
) -> list[npt.NDArray[np.floating]]:
    """Cut rows into shards as TensorFlow does: "div" contiguous, "mod" round robin."""
    if strategy == "mod":
        return [array[part::num_shards].copy() for part in range(num_shards)]
    return [shard.copy() for shard in np.array_split(array, num_shards)]


def joined(shards: list[npt.NDArray[np.floating]], strategy: str) -> npt.NDArray[np.floating]:
    """Put the rows of shards back in order."""
    if strategy == "div":
        return np.concatenate(shards)
    whole = np.empty((sum(map(len, shards)), *shards[0].shape[1:]), shards[0].dtype)
    for part, shard in enumerate(shards):
        whole[part :: len(shards)] = shard
    return whole
