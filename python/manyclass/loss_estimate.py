"""The exact loss estimated from few classes, with an error bar: for quick looks."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, Table, as_array, as_table
from manyclass._sampled_arguments import check_sampler
from manyclass._scalars import as_integer, as_name
from manyclass._seeds import SeedLike
from manyclass._targets import read_targets
from manyclass.losses import sampled_softmax_loss
from manyclass.ragged_labels import RaggedLabels
from manyclass.samplers import LogUniformSampler, SampledValues, Sampler
from manyclass.threads import thread_argument

_GROUPS = 16


class LossEstimate(NamedTuple):
    """An estimate of the mean of `full_softmax_loss` over a batch."""

    loss: float
    """In nats."""
    standard_error: float
    """One standard deviation of the estimate over the choice of candidates, itself estimated."""


def full_softmax_loss_estimate(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    *,
    sampler: Sampler | None = None,
    seed: SeedLike = None,
    partition_strategy: str = "div",
    num_threads: int | None = None,
) -> LossEstimate:
    """Estimate the mean exact softmax loss of a batch from a sample of the classes.

    Parameters
    ----------
    weights, biases, labels, inputs
        As in `full_softmax_loss`.
    num_sampled : int
        How many classes are drawn, independently; at least 32, rounded up to a multiple of 16.
    num_classes : int
        The number of rows of weights.
    num_true : int, default 1
        As in `full_softmax_loss`.
    sampler : sampler, optional
        Where they are drawn from, `LogUniformSampler` by default. Good is what resembles the
        softmax; every class must have a chance.
    seed : int, pair of int, numpy.random.Generator, optional
        For the sampler.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    num_threads : int, optional
        `get_num_threads` if None.

    Returns
    -------
    LossEstimate
        The estimate and its standard error.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, or a number or a label is out of range.
    TypeError
        If a dtype is another, or ``sampler`` is none.

    Notes
    -----
    Importance sampling: the sum of exponentials over classes that are no labels is estimated
    without bias by the mean over draws c from Q of ``exp(logit c) / Q(c)``, labels counting 0. The
    draws come in 16 groups. The logarithm of the groups' mean is biased by the order of one over
    the number of draws; the jackknife over groups takes that off and gives the standard error
    (Efron and Stein 1981). A class of large logit that Q hardly ever draws is missed by both:
    an error bar from a sample knows only of what was sampled.
    """
    size = as_integer(num_sampled, "num_sampled")
    if size < 2 * _GROUPS:
        raise ValueError(f"num_sampled is {size}; it must be at least {2 * _GROUPS}")
    if size >= 2**31:  # as for `Sampler.sample`
        raise ValueError(f"num_sampled is {size}; it must be below 2**31")
    tables = as_table(weights, "weights"), as_table(biases, "biases")
    targets, examples = read_targets(labels, num_true), as_array(inputs, "inputs")
    strategy = as_name(partition_strategy, "partition_strategy")
    threads = thread_argument(num_threads)
    _core.check_full_softmax(*tables, targets, examples, strategy)
    _check_num_classes(num_classes, tables[0])
    if sampler is None:
        sampler = LogUniformSampler(num_classes, seed=seed)
        seed = None
    check_sampler(sampler, num_classes)
    distinct, label_weights = _distinct_labels(targets, num_classes, examples.dtype)
    draws = sampler.draw(-(-size // _GROUPS) * _GROUPS, seed=seed).reshape(_GROUPS, -1)
    losses = np.stack(
        [
            sampled_softmax_loss(
                *tables,
                distinct,
                examples,
                len(group),
                num_classes,
                1,
                SampledValues(group, np.ones((1, 1)), len(group) * sampler.probability(group)),
                log_q_correction="sampled",
                mask_repeats=True,
                label_weights=label_weights,
                partition_strategy=strategy,
                num_threads=threads or None,
            )
            for group in draws
        ]
    ).astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinities give NaN, as they do in the exact loss
        return _jackknife(losses)


def _check_num_classes(num_classes: int, weights: Table) -> None:
    rows = sum(map(len, weights)) if isinstance(weights, list) else len(weights)
    if as_integer(num_classes, "num_classes") != rows:
        raise ValueError(f"num_classes is {num_classes}; it must be the {rows} rows of weights")


def _distinct_labels(
    targets: _core.Targets, num_classes: int, dtype: np.dtype[Any]
) -> tuple[RaggedLabels, NDArray[Any]]:
    """Return each label of an example once, with its share of them as its weight.

    A sampled softmax has a term for each label, so that a repeated one would count twice.
    """
    ids, row_splits, _, _ = targets
    sizes = np.full(len(ids), ids.shape[1]) if row_splits is None else np.diff(row_splits)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    keys, times = np.unique(owners * num_classes + ids.reshape(-1), return_counts=True)
    owners, classes = np.divmod(keys, num_classes)
    splits = np.searchsorted(owners, np.arange(len(sizes) + 1))
    return RaggedLabels(classes, splits), (times / sizes[owners]).astype(dtype)


def _jackknife(losses: NDArray[np.float64]) -> LossEstimate:
    """Join the groups' losses, each the log of an unbiased estimate less a constant."""
    if not losses.shape[1]:
        return LossEstimate(math.nan, math.nan)
    groups = len(losses)
    whole = _mean_loss(losses)
    without = np.array([_mean_loss(np.delete(losses, g, axis=0)) for g in range(groups)])
    spread = float(np.sum((without - without.mean()) ** 2))
    return LossEstimate(
        groups * whole - (groups - 1) * float(without.mean()),
        math.sqrt((groups - 1) / groups * spread),
    )


def _mean_loss(losses: NDArray[np.float64]) -> float:
    return float(np.mean(np.logaddexp.reduce(losses, axis=0))) - math.log(len(losses))
