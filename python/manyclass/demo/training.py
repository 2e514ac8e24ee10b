"""The training loop: progress, the learning curve, and stopping early."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from manyclass.demo.model import Ids, Trainer

_HELD_OUT_POINTS = 8
_TRAINING_POINTS = 100

# The progress bar shows the mean loss of this many steps.
_SHOWN_STEPS = 50


class Point(NamedTuple):
    """A point of the learning curve: the loss after so many tokens and seconds of training."""

    tokens: int
    seconds: float
    loss: float


@dataclass(frozen=True)
class Plan:
    """How long to train: until either limit, if both are given."""

    epochs: float | None
    minutes: float | None

    def tokens(self, epoch: int) -> int | None:
        """Give the tokens to train on, if that is limited, with so many in an epoch."""
        return None if self.epochs is None else max(1, round(self.epochs * epoch))

    def done(self, tokens: int, seconds: float, epoch: int) -> float:
        """How much of the plan is done, from 0 to 1 and beyond."""
        by_tokens = tokens / limit if (limit := self.tokens(epoch)) else 0.0
        by_time = seconds / (60.0 * self.minutes) if self.minutes else 0.0
        return max(by_tokens, by_time)


@dataclass
class History:
    """What happened in training.

    Attributes
    ----------
    training : list of Point
        Mean sampled loss of the steps since the point before.
    held_out : list of Point
        Full loss on a few held-out tokens.
    tokens, steps, seconds
        In total; the seconds are those of training alone.
    interrupted : bool
        Whether the user stopped it.
    """

    training: list[Point] = field(default_factory=list)
    held_out: list[Point] = field(default_factory=list)
    tokens: int = 0
    steps: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def tokens_per_second(self) -> float:
        """The speed of training, evaluation left out."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def add_step(self, tokens: int, seconds: float) -> None:
        """Count a step."""
        self.tokens += tokens
        self.steps += 1
        self.seconds += seconds

    def point(self, loss: float) -> Point:
        """Give the point of a curve for a loss measured now."""
        return Point(self.tokens, self.seconds, loss)


def train(
    trainer: Trainer,
    stream: Ids,
    plan: Plan,
    *,
    batch: int,
    rng: np.random.Generator,
    held_out_loss: Callable[[], float],
) -> History:
    """Train until the plan is done or the user presses Ctrl-C.

    Parameters
    ----------
    trainer : Trainer
        Takes the steps.
    stream : int32[tokens]
        The training text; the first token is only context.
    plan : Plan
        When to stop.
    batch : int
        Tokens per step.
    rng : numpy.random.Generator
        Shuffles the text anew for each epoch.
    held_out_loss : callable
        Measures the held-out loss, for a few points of the learning curve.

    Returns
    -------
    History
        The learning curve, and whether the user stopped it.
    """
    history = History()
    epoch = len(stream) - 1
    total = plan.tokens(epoch)
    with tqdm(total=total, unit=" tokens", unit_scale=True, mininterval=0.5, desc="train") as bar:
        try:
            history.held_out.append(history.point(held_out_loss()))
            recent: list[float] = []
            done = 0.0
            for positions in _batches(epoch, batch, rng):
                began = time.perf_counter()
                recent.append(trainer.step(stream, positions))
                history.add_step(len(positions), time.perf_counter() - began)
                bar.set_postfix_str(f"loss {np.mean(recent[-_SHOWN_STEPS:]):.3f}", refresh=False)
                bar.update(len(positions))
                before, done = done, plan.done(history.tokens, history.seconds, epoch)
                if _passed(before, done, _TRAINING_POINTS):
                    history.training.append(history.point(float(np.mean(recent))))
                    recent.clear()
                if _passed(before, done, _HELD_OUT_POINTS):
                    history.held_out.append(history.point(held_out_loss()))
                if done >= 1.0:
                    break
        except KeyboardInterrupt:
            history.interrupted = True
    return history


def _batches(epoch: int, batch: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Give positions 1 to `epoch` in random order, over and over."""
    while True:
        order = rng.permutation(epoch) + 1
        for start in range(0, epoch, batch):
            yield order[start : start + batch]


def _passed(before: float, done: float, points: int) -> bool:
    return math.floor(done * points) > math.floor(before * points)
