"""Metrics of the ranks of true classes, as `label_ranks` and `evaluate` find them.

An example with several labels counts each class once: a label that is repeated, to fill a row up,
changes nothing. Examples without labels are left out.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from manyclass._arrays import ArrayLike, IdArray, as_array
from manyclass._scalars import as_integer
from manyclass.ragged_labels import RaggedLabels


def perplexity(loss: ArrayLike) -> float:
    """Compute exp of the mean loss.

    Parameters
    ----------
    loss : array, shape [batch]
        In nats, such as `full_softmax_loss` gives it.

    Returns
    -------
    float
        Infinite where exp is beyond float64; NaN of no losses.

    Raises
    ------
    TypeError
        If ``loss`` is no array of real numbers.
    """
    losses = as_array(loss, "loss")
    if losses.dtype.kind not in "iuf":
        raise TypeError(f"loss has dtype {losses.dtype}; it must be of real numbers")
    mean = _mean(losses)
    return math.exp(mean) if mean < math.log(np.finfo(np.float64).max) else mean * math.inf


def top_k_accuracy(ranks: ArrayLike | RaggedLabels, k: int) -> float:
    """Compute the share of examples of which a label is among the k best classes.

    Parameters
    ----------
    ranks : array of int64, shape [batch, num_true], or RaggedLabels
        The ranks of the labels, from 1; of ragged labels ``RaggedLabels(ranks, row_splits)``.
    k : int
        At least 1.

    Returns
    -------
    float
        From 0 to 1; NaN of no examples.
    """
    hits = _Hits.of(ranks, k)
    return _mean(hits.found > 0)


def recall_at_k(ranks: ArrayLike | RaggedLabels, k: int) -> float:
    """Compute the mean share of an example's labels that are among the k best classes.

    Parameters are those of `top_k_accuracy`.

    Returns
    -------
    float
        From 0 to 1; NaN of no examples.
    """
    hits = _Hits.of(ranks, k)
    return _mean(hits.found / hits.labels)


def ndcg_at_k(ranks: ArrayLike | RaggedLabels, k: int) -> float:
    """Compute the mean normalised discounted cumulative gain of the k best classes.

    Of labels that are all equally relevant (Jarvelin and Kekalainen 2002, with the logarithm of
    base 2): an example's gain is the sum of ``1 / log2(1 + rank)`` over its labels of a rank up to
    k, over that of labels which have the first ranks.

    Parameters are those of `top_k_accuracy`.

    Returns
    -------
    float
        From 0 to 1; NaN of no examples.
    """
    hits = _Hits.of(ranks, k)
    best = np.cumsum(1 / np.log2(1 + np.arange(1, 1 + hits.labels.max(initial=0))))
    return _mean(hits.gain / best[np.minimum(hits.labels, hits.k) - 1])


def mean_reciprocal_rank(ranks: ArrayLike | RaggedLabels) -> float:
    """Compute the mean of 1 / rank, the rank being that of an example's best label.

    Parameters
    ----------
    ranks : array of int64, shape [batch, num_true], or RaggedLabels
        As in `top_k_accuracy`.

    Returns
    -------
    float
        From 0 to 1; NaN of no examples.
    """
    distinct = _Distinct.of(ranks)
    return _mean(1 / distinct.ranks[distinct.starts])


def _check_splits(values: IdArray, splits: IdArray) -> None:
    whole = values.ndim == splits.ndim == 1 and len(splits) > 0
    if not whole or splits[0] != 0 or splits[-1] != len(values) or np.any(np.diff(splits) < 0):
        raise ValueError(
            f"ranks.values has shape {list(values.shape)}, ranks.row_splits {list(splits.shape)}; "
            "row_splits must begin with 0, never fall, and end with the number of values"
        )


def _mean(values: NDArray[Any]) -> float:
    with np.errstate(over="ignore", invalid="ignore"):  # inf and NaN are results
        return float(np.mean(values, dtype=np.float64)) if values.size else math.nan


class _Distinct(NamedTuple):
    """The ranks of examples that have labels, ascending in each example and each once."""

    ranks: IdArray
    starts: IdArray

    @classmethod
    def of(cls, ranks: ArrayLike | RaggedLabels) -> _Distinct:
        if isinstance(ranks, RaggedLabels):
            values = as_array(ranks.values, "ranks.values")
            splits = as_array(ranks.row_splits, "ranks.row_splits")
            if splits.dtype.kind not in "iu":
                raise TypeError(f"ranks.row_splits has dtype {splits.dtype}; it must be int64")
            splits = splits.astype(np.int64)
            _check_splits(values, splits)
            owners = np.repeat(np.arange(len(splits) - 1), np.diff(splits))
        else:
            matrix = as_array(ranks, "ranks")
            if matrix.ndim != 2:
                raise ValueError(
                    f"ranks has shape {list(matrix.shape)}; it must have shape [batch, num_true]"
                )
            values = matrix.reshape(-1)
            owners = np.repeat(np.arange(len(matrix)), matrix.shape[1])
        if values.dtype.kind not in "iu":
            raise TypeError(f"ranks has dtype {values.dtype}; it must be int64")
        if values.size and values.min() < 1:
            raise ValueError(f"ranks has the entry {values.min()}; ranks begin with 1")
        order = np.lexsort((values, owners))
        values, owners = values[order], owners[order]
        is_new = np.ones(len(values), bool)
        is_new[1:] = (values[1:] != values[:-1]) | (owners[1:] != owners[:-1])
        values, owners = values[is_new], owners[is_new]
        return cls(values, np.flatnonzero(np.diff(owners, prepend=-1)))


class _Hits(NamedTuple):
    """Of each example that has labels: how many, how many among the k best, and their gain."""

    k: int
    labels: IdArray
    found: IdArray
    gain: NDArray[np.float64]

    @classmethod
    def of(cls, ranks: ArrayLike | RaggedLabels, k: int) -> _Hits:
        size = as_integer(k, "k")
        if size < 1:
            raise ValueError(f"k is {size}; it must be at least 1")
        distinct = _Distinct.of(ranks)
        among = distinct.ranks <= size
        if not len(distinct.starts):  # reduceat has no sum of nothing
            return cls(size, distinct.starts, distinct.starts, np.empty(0))
        return cls(
            size,
            np.diff(distinct.starts, append=len(distinct.ranks)),
            np.add.reduceat(among.astype(np.int64), distinct.starts),
            np.add.reduceat(among / np.log2(1.0 + distinct.ranks), distinct.starts),
        )
