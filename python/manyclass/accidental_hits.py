"""Candidates that are true classes: TensorFlow's function of that name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, as_ids
from manyclass._scalars import as_integer
from manyclass._seeds import SeedLike


class AccidentalHits(NamedTuple):
    """Candidates that are true classes: TensorFlow's tuple of the same order."""

    indices: NDArray[np.int32]
    """Shape [num_hits], int32: the example, that is the row of ``true_classes``."""
    ids: IdArray
    """Shape [num_hits], int64: the candidate's position in ``sampled_candidates``."""
    weights: NDArray[np.float32]
    """Shape [num_hits], float32: -FLT_MAX throughout, to be added to the logit."""


def compute_accidental_hits(
    true_classes: ArrayLike,
    sampled_candidates: ArrayLike,
    num_true: int,
    seed: SeedLike = None,
    name: str | None = None,
) -> AccidentalHits:
    """Find the candidates that are true classes.

    Parameters
    ----------
    true_classes : array of int64, shape [batch, num_true]
        The labels; any ids.
    sampled_candidates : array of int64, shape [num_sampled]
        The candidates; any ids.
    num_true : int
        The number of labels of an example.
    seed : int, pair of int, numpy.random.Generator, optional
        Ignored: nothing is drawn.
    name : str, optional
        Ignored.

    Returns
    -------
    AccidentalHits
        In the order of ``true_classes``, row after row; a label repeated in a row is a hit each
        time. Of a candidate that was drawn several times only the last is a hit, as in
        TensorFlow.

    Raises
    ------
    ValueError
        If ``true_classes`` or ``sampled_candidates`` has another shape.
    TypeError
        If one of them is not int64.
    """
    del seed, name
    labels = labels_of(true_classes, num_true)
    candidates = as_ids(sampled_candidates, "sampled_candidates")
    return AccidentalHits(*_core.compute_accidental_hits(labels, candidates))


def labels_of(true_classes: ArrayLike, num_true: int) -> IdArray:
    """Check ``true_classes`` against ``num_true``."""
    labels = as_ids(true_classes, "true_classes")
    columns = as_integer(num_true, "num_true")
    if columns < 1:
        raise ValueError(f"num_true is {columns}; it must be at least 1")
    # The core refuses other ranks.
    if labels.ndim == 2 and labels.shape[1] != columns:
        raise ValueError(
            f"true_classes has {labels.shape[1]} columns, num_true is {columns}; it must have "
            "shape [batch, num_true]"
        )
    return labels
