"""The NumPy oracle of targets: any number of labels, weights of labels, label smoothing.

Example by example and term by term, in float64. A candidate that is taken out is not there at all,
where the library gives it a logit of minus infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import manyclass as mc
from reference import Floats, Gradients, Ints, Sample

Array = npt.NDArray[np.floating]


class RaggedProblem(NamedTuple):
    """Arguments of a loss, the labels and their weights as one array for each example."""

    weights: Array
    biases: Array
    rows: list[Ints]
    inputs: Array
    label_weights: list[Array] | None = None
    label_smoothing: float = 0.0

    def labels(self) -> mc.RaggedLabels:
        """Return the labels as the library takes them."""
        splits = np.cumsum([0, *map(len, self.rows)])
        return mc.RaggedLabels(np.concatenate([np.zeros(0, np.int64), *self.rows]), splits)

    def flat_weights(self) -> Array | None:
        """Return the weights as the library takes them."""
        if self.label_weights is None:
            return None
        return np.concatenate([np.zeros(0, self.weights.dtype), *self.label_weights])

    def keywords(self) -> dict[str, Any]:
        """Return the arguments of the exact loss as the library takes them."""
        return {
            "weights": self.weights,
            "biases": self.biases,
            "labels": self.labels(),
            "inputs": self.inputs,
            "label_weights": self.flat_weights(),
            "label_smoothing": self.label_smoothing,
        }

    def targets(self, i: int) -> Floats:
        """Return the target of each label of example i, before smoothing."""
        if self.label_weights is None:
            return np.full(len(self.rows[i]), 1.0 / max(len(self.rows[i]), 1))
        return self.label_weights[i].astype(np.float64)


# Loss and derivatives of the logits, from logits, the number of them that are labels, and targets.
RowLoss = Callable[[Floats, Floats, float], tuple[float, Floats]]


def softmax_row(logits: Floats, targets: Floats, smoothing: float) -> tuple[float, Floats]:
    """Return the cross entropy of targets of any sum, 0 if there are none."""
    total = targets.sum()
    if total == 0.0:
        return 0.0, np.zeros(len(logits))
    smoothed = (1.0 - smoothing) * targets + smoothing * total / len(logits)
    top = logits.max()
    log_softmax = logits - top - np.log(np.exp(logits - top).sum())
    return -float(smoothed @ log_softmax), total * np.exp(log_softmax) - smoothed


def logistic_row(logits: Floats, targets: Floats, smoothing: float) -> tuple[float, Floats]:
    """Return the sum of logistic losses."""
    assert smoothing == 0.0
    loss = np.logaddexp(0.0, logits) - targets * logits
    return float(loss.sum()), np.exp(-np.logaddexp(0.0, -logits)) - targets


def sampled_loss(
    row_loss: RowLoss,
    problem: RaggedProblem,
    sample: Sample,
    remove_accidental_hits: bool,
    mask_repeats: bool = False,
    log_q_correction: str = "all",
    grad_loss: Array | None = None,
) -> tuple[Floats, Gradients]:
    """Return the loss of each example and dense gradients; counts of labels are flat."""
    labels = problem.labels()
    counts = np.broadcast_to(np.ravel(sample.true_count), len(labels.values)).astype(np.float64)
    candidates = [int(c) for c in sample.candidates]

    def terms(i: int) -> tuple[Ints, Floats, Floats]:
        own = problem.rows[i]
        first = labels.row_splits[i]
        classes = list(own)
        log_q = list(np.log(counts[first : first + len(own)])) if log_q_correction == "all" else []
        log_q += [0.0] * (len(own) - len(log_q))
        for k, candidate in enumerate(candidates):
            is_last = candidate not in candidates[k + 1 :]
            if remove_accidental_hits and candidate in own and (mask_repeats or is_last):
                continue
            classes.append(candidate)
            q = float(sample.sampled_count[k])
            log_q.append(0.0 if log_q_correction == "none" else np.log(q))
        targets = np.zeros(len(classes))
        targets[: len(own)] = problem.targets(i)
        return np.array(classes, np.int64), np.array(log_q), targets

    return _loss_and_gradients(row_loss, problem, terms, grad_loss)


def full_softmax(
    problem: RaggedProblem, grad_loss: Array | None = None
) -> tuple[Floats, Gradients]:
    """Return the loss of each example over all classes and dense gradients."""
    num_classes = len(problem.weights)

    def terms(i: int) -> tuple[Ints, Floats, Floats]:
        targets = np.zeros(num_classes)
        for label, target in zip(problem.rows[i], problem.targets(i), strict=True):
            targets[label] += target
        return np.arange(num_classes), np.zeros(num_classes), targets

    return _loss_and_gradients(softmax_row, problem, terms, grad_loss)


def _loss_and_gradients(
    row_loss: RowLoss,
    problem: RaggedProblem,
    terms: Callable[[int], tuple[Ints, Floats, Floats]],
    grad_loss: Array | None,
) -> tuple[Floats, Gradients]:
    weights, biases, inputs = (
        np.asarray(a, np.float64) for a in (problem.weights, problem.biases, problem.inputs)
    )
    loss = np.zeros(len(problem.rows))
    gradients = Gradients(*(np.zeros_like(a) for a in (weights, biases, inputs)))
    for i, x in enumerate(inputs):
        classes, log_q, targets = terms(i)
        if len(classes) == 0:
            continue
        logits = weights[classes] @ x + biases[classes] - log_q
        loss[i], derivatives = row_loss(logits, targets, problem.label_smoothing)
        if grad_loss is not None:
            derivatives = derivatives * float(grad_loss[i])
        np.add.at(gradients.weights, classes, derivatives[:, None] * x)
        np.add.at(gradients.biases, classes, derivatives)
        gradients.inputs[i] = derivatives @ weights[classes]
    return loss, gradients
