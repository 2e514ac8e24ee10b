"""Goodness of fit: Pearson's chi-square, rare outcomes pooled."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

SMALLEST_EXPECTED = 5.0


def p_value(observed: npt.NDArray[np.int64], probability: npt.NDArray[np.float64]) -> float:
    """Return how likely counts at least this far from ``probability`` are.

    The tail is Wilson and Hilferty's normal approximation: good to a few percent
    of the p-value, which is all that a threshold of 1e-4 needs.
    """
    expected = observed.sum() * probability / probability.sum()
    order = np.argsort(expected)
    rare = order[np.cumsum(expected[order]) < SMALLEST_EXPECTED]
    keep = np.setdiff1d(order[expected[order] >= SMALLEST_EXPECTED], rare)
    pooled = np.setdiff1d(order, keep)
    seen = np.append(observed[keep], observed[pooled].sum())
    due = np.append(expected[keep], expected[pooled].sum())
    assert seen[due == 0.0].sum() == 0, "an outcome of probability 0 came"
    seen, due = seen[due > 0.0], due[due > 0.0]
    freedom = len(due) - 1
    statistic = float(((seen - due) ** 2 / due).sum())
    spread = 2.0 / (9.0 * freedom)
    deviate = ((statistic / freedom) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(deviate / math.sqrt(2.0))
