"""Epochs: shuffling, the loss curves, and when to stop."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from manyclass._arrays import IdArray
from manyclass.classifier.feature_map import Features
from manyclass.classifier.model import Model


class Examples(NamedTuple):
    """What is trained on, or validated with."""

    features: Features
    """Shape [n, num_features], dense or CSR."""
    numbers: IdArray
    """The class of each, shape [n]."""
    weights: NDArray[np.float64]
    """How much each counts, shape [n]."""

    def take(self, rows: IdArray) -> Examples:
        """Return some of them."""
        return Examples(self.features[rows], self.numbers[rows], self.weights[rows])

    def counted(self) -> Examples:
        """Return those that count: as if the others were not there."""
        return self if self.weights.all() else self.take(np.flatnonzero(self.weights))


class Curves(NamedTuple):
    """Losses of the epochs so far, lists that training appends to."""

    training: list[float]
    """Means over the steps of an epoch, each before its update."""
    validation: list[float]
    """Exact, after each epoch; empty without validation."""


class Plan(NamedTuple):
    """How to train, and for how long."""

    batch_size: int
    max_iter: int
    tol: float | None
    """An epoch that does not bring the loss below the least so far by more than this is idle."""
    n_iter_no_change: int
    """So many idle epochs in a row are the last."""
    num_threads: int | None
    verbose: bool


class Trainer:
    """Trains a model on examples.

    Parameters
    ----------
    model : Model
        Ready to be trained.
    plan : Plan
        How.
    rng : numpy.random.Generator
        Shuffles.
    """

    def __init__(self, model: Model, plan: Plan, rng: np.random.Generator) -> None:
        self._model = model
        self._plan = plan
        self._rng = rng

    def train(self, examples: Examples, validation: Examples | None, curves: Curves) -> None:
        """Train until the plan is done, or the user presses Ctrl-C.

        With ``validation`` its loss decides when to stop, and the tables end up as they were after
        the best epoch.
        """
        best = None if validation is None else _Best(self._model)
        try:
            with _progress(self._plan, len(examples.numbers)) as bar:
                self._run(examples, validation, curves, best, bar)
        except KeyboardInterrupt:
            warnings.warn(
                f"training was interrupted in epoch {len(curves.training) + 1}", stacklevel=3
            )
        if best is not None:
            best.restore()

    def epoch(self, examples: Examples, bar: Any = None) -> float:
        """Take a step for each batch of the examples in random order; return their mean loss.

        Raises
        ------
        ValueError
            If it is not finite.
        """
        size, total = len(examples.numbers), float(examples.weights.sum())
        loss_sum = 0.0
        for rows in _batches(size, self._plan.batch_size, self._rng):
            batch = examples.take(rows)
            # Weights of mean 1, and the mean over the batch is minimised.
            grad_loss = batch.weights * (size / (total * len(rows)))
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                loss = self._model.train_step(
                    batch.features,
                    batch.numbers,
                    grad_loss.astype(self._model.weights.dtype),
                    self._plan.num_threads,
                )
            loss_sum += float(batch.weights @ loss)
            if bar is not None:
                bar.update(len(rows))
        if not math.isfinite(loss_sum):
            raise ValueError(
                "the loss of an epoch is not finite; features of unit variance or a lower "
                "learning_rate prevent that"
            )
        return loss_sum / total

    def _run(
        self,
        examples: Examples,
        validation: Examples | None,
        curves: Curves,
        best: _Best | None,
        bar: Any,
    ) -> None:
        plan, first, least, idle = self._plan, math.inf, math.inf, 0
        for epoch in range(plan.max_iter):
            loss = self.epoch(examples, bar)
            curves.training.append(loss)
            if validation is not None and best is not None:
                loss = self._full_loss(validation)
                curves.validation.append(loss)
                best.look(loss)
            if bar is not None:
                bar.set_postfix_str(f"loss {loss:.4f}")
            if plan.tol is None:
                continue
            first = loss if epoch == 0 else first
            idle = 0 if loss < least - plan.tol else idle + 1
            least = min(loss, least)
            if idle >= plan.n_iter_no_change:
                if epoch == plan.n_iter_no_change and loss > first:
                    _warn(
                        "the loss has not fallen since the first epoch; features of unit variance "
                        "or a lower learning_rate may help"
                    )
                return
        if plan.tol is not None:
            _warn(
                f"stopped after max_iter={plan.max_iter} epochs, before the loss stopped falling "
                "by tol; tol=None trains for max_iter epochs"
            )

    def _full_loss(self, examples: Examples) -> float:
        loss = self._model.full_loss(examples.features, examples.numbers, self._plan.num_threads)
        return float(np.average(loss, weights=examples.weights))


def _warn(message: str) -> None:
    # Where the caller of `fit` stands.
    warnings.warn(message, ConvergenceWarning, stacklevel=5)


class _Best:
    """A copy of a model's tables after the epoch of the least loss."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._tables = [table.copy() for table in model.tables()]
        self._loss = math.inf

    def look(self, loss: float) -> None:
        if loss < self._loss:
            self._loss = loss
            for kept, table in zip(self._tables, self._model.tables(), strict=True):
                np.copyto(kept, table)

    def restore(self) -> None:
        if math.isfinite(self._loss):
            for kept, table in zip(self._tables, self._model.tables(), strict=True):
                np.copyto(table, kept)


def split(
    examples: Examples, fraction: float, rng: np.random.Generator
) -> tuple[Examples, Examples]:
    """Split examples at random: those to train on, and those to validate with.

    Raises
    ------
    ValueError
        If one of the two would be empty.
    """
    size = len(examples.numbers)
    held_out = math.ceil(fraction * size)
    if held_out == size:
        raise ValueError(
            f"validation_fraction is {fraction}, which of {size} examples leaves none to train on"
        )
    order = rng.permutation(size)
    return examples.take(np.sort(order[held_out:])), examples.take(np.sort(order[:held_out]))


def _batches(size: int, batch_size: int, rng: np.random.Generator) -> Iterator[IdArray]:
    order = rng.permutation(size)
    for first in range(0, size, batch_size):
        yield order[first : first + batch_size]


def _progress(plan: Plan, examples: int) -> AbstractContextManager[Any]:
    if not plan.verbose:
        return nullcontext()
    from tqdm import tqdm

    bar: AbstractContextManager[Any] = tqdm(
        total=plan.max_iter * examples, unit=" examples", unit_scale=True, mininterval=0.5
    )
    return bar
