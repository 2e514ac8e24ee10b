"""How often the right synset is among the first few, and tables of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_FIRST = (1, 5, 10)

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """A row of a table.

    Attributes
    ----------
    name : str
        What was scored.
    shares : float64[3]
        Of the texts, those with a right synset among the first 1, 5 and 10.
    seconds : float, optional
        Of training.
    """

    name: str
    shares: Shares
    seconds: float | None = None


def score(top: npt.NDArray[np.int64], right: Sequence[set[int]]) -> Shares:
    """Give the share of the rows of `top` that have a right one among the first 1, 5 and 10."""
    found = np.array(
        [[k in those for k in row] for row, those in zip(top.tolist(), right, strict=True)]
    )
    return np.array([found[:, :k].any(axis=1).mean() for k in _FIRST])


def chance(right: Sequence[set[int]], num_classes: int) -> Shares:
    """Give what drawing classes at random would reach."""
    wrong = 1.0 - np.array([len(those) for those in right]) / num_classes
    return np.array([(1.0 - wrong**k).mean() for k in _FIRST])


def print_scores(title: str, rows: Sequence[Scores]) -> None:
    """Print a table in Markdown."""
    print(f"\n| {title} | top 1 | top 5 | top 10 | training |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        shares = " | ".join(
            f"{share:.1%}" if share > 1e-3 else f"{share:.4%}" for share in row.shares
        )
        print(
            f"| {row.name} | {shares} | {'' if row.seconds is None else f'{row.seconds:.0f} s'} |"
        )
