"""How well words are predicted: the exact loss and ranks, and a table of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dictionary_corpus import Stream

_BLOCK = 4096

Ids = npt.NDArray[np.int64]
# Gives the loss of each word at some positions of a stream, and its rank among all words, from 1.
Evaluate = Callable[[Stream, Ids], tuple[npt.NDArray[np.float32], Ids]]


@dataclass(frozen=True)
class Scores:
    """A row of the table.

    Attributes
    ----------
    name : str
        What was scored.
    loss : float
        The mean loss in nats.
    shares : tuple of float
        Of the words, those that are the first one found, among the first 5, the first 10.
    seconds : float, optional
        Of training.
    """

    name: str
    loss: float
    shares: tuple[float, ...]
    seconds: float | None = None


def score(
    evaluate: Evaluate,
    stream: Stream,
    positions: Ids,
    seconds: float | None = None,
    name: str = "manyclass",
) -> Scores:
    """Score a model by the exact softmax over all classes."""
    blocks = np.array_split(positions, math.ceil(len(positions) / _BLOCK))
    losses, ranks = zip(*(evaluate(stream, block) for block in blocks), strict=True)
    return _scores(name, np.concatenate(losses), np.concatenate(ranks), seconds)


def score_frequencies(counts: Ids, labels: Ids) -> Scores:
    """Score the words' frequencies, whatever is around: what any model must beat."""
    # Classes are numbered by falling frequency.
    losses = -np.log(counts / counts.sum())[labels]
    return _scores("frequencies of the words", losses, labels + 1, None)


def print_scores(rows: Sequence[Scores]) -> None:
    """Print a table in Markdown."""
    print("\n| | loss | perplexity | top 1 | top 5 | top 10 | training |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        shares = " | ".join(f"{share:.1%}" for share in row.shares)
        seconds = "" if row.seconds is None else f"{row.seconds:.0f} s"
        print(f"| {row.name} | {row.loss:.3f} | {math.exp(row.loss):,.1f} | {shares} | {seconds} |")


def _scores(
    name: str, losses: npt.NDArray[np.floating], ranks: Ids, seconds: float | None
) -> Scores:
    shares = tuple(float((ranks <= k).mean()) for k in (1, 5, 10))
    return Scores(name, float(losses.mean(dtype=np.float64)), shares, seconds)
