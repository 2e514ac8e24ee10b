"""TensorFlow's candidate samplers, argument for argument, in eager mode and in ``tf.function``.

In a graph each call is an op with a stream of its own, which begins at the seed and goes on
whenever the graph runs, as TensorFlow's ops do and with the same candidates. In eager mode a call
with a seed returns the same each time, as the functions of `manyclass` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from manyclass import candidate_sampling
from manyclass._arrays import Array, ArrayLike
from manyclass._scalars import as_flag, as_integer
from manyclass._seeds import SeedLike
from manyclass.candidate_sampling import check_arguments
from manyclass.samplers import LogUniformSampler, SampledValues, Sampler, UniformSampler
from manyclass.tensorflow._candidates import as_labels, draw, sample_results
from manyclass.tensorflow._operations import Operation
from manyclass.tensorflow._tensors import call, unconverted
from manyclass.unigram_samplers import LearnedUnigramSampler


@unconverted
def uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> SampledValues:
    """Sample classes, every class alike.

    `manyclass.uniform_candidate_sampler`, which tells what the parameters mean, for tensors.

    Parameters
    ----------
    true_classes : Tensor of int64 or int32, shape [batch, num_true]
        The labels.
    seed : int, optional
        The op seed; with ``tf.random.set_seed`` it makes a pair, as for TensorFlow's ops.

    Returns
    -------
    SampledValues
        TensorFlow's tuple of three tensors: candidates in int64, expected counts in float32.

    Raises
    ------
    ValueError
        If a number or a shape does not fit.
    TypeError
        If a dtype is another.
    tf.errors.InvalidArgumentError
        If, in a graph, a label is out of range.
    """
    del name
    labels = _checked(true_classes, num_true, num_sampled, unique, range_max)

    def make(seeds: SeedLike) -> Sampler:
        return UniformSampler(range_max, seed=seeds)

    return draw(make, labels, num_sampled, unique, seed)


@unconverted
def log_uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> SampledValues:
    """Sample classes by Zipf's law, for classes numbered by falling frequency.

    Parameters, results and errors are those of `uniform_candidate_sampler`.
    """
    del name
    most = candidate_sampling.MOST_LOG_UNIFORM
    labels = _checked(true_classes, num_true, num_sampled, unique, range_max, most=most)

    def make(seeds: SeedLike) -> Sampler:
        return LogUniformSampler(range_max, seed=seeds)

    return draw(make, labels, num_sampled, unique, seed)


@unconverted
def learned_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> SampledValues:
    """Sample classes as often as they were labels before.

    In a graph it learns from run to run; in eager mode each call is the first of a new sampler:
    hold a `manyclass.LearnedUnigramSampler` there. Parameters, results and errors are those of
    `uniform_candidate_sampler`.
    """
    del name
    most = candidate_sampling.MOST_LEARNED
    labels = _checked(true_classes, num_true, num_sampled, unique, range_max, most=most)

    def make(seeds: SeedLike) -> Sampler:
        return LearnedUnigramSampler(range_max, seed=seeds)

    return draw(make, labels, num_sampled, unique, seed)


@unconverted
def fixed_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: str = "",
    distortion: float = 1.0,
    num_reserved_ids: int = 0,
    num_shards: int = 1,
    shard: int = 0,
    unigrams: ArrayLike = (),
    seed: int | None = None,
    name: str | None = None,
) -> SampledValues:
    """Sample classes in proportion to a power of their counts.

    Parameters from ``vocab_file`` to ``unigrams`` are those of
    `manyclass.fixed_unigram_candidate_sampler`, the others, results and errors those of
    `uniform_candidate_sampler`.
    """
    del name
    labels = _checked(true_classes, num_true, num_sampled, unique, range_max)

    def make(seeds: SeedLike) -> Sampler:
        return candidate_sampling.make_unigram_sampler(
            range_max,
            vocab_file,
            distortion,
            num_reserved_ids,
            num_shards,
            shard,
            unigrams,
            seeds,
        )

    return draw(make, labels, num_sampled, unique, seed)


@unconverted
def all_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    seed: int | None = None,
    name: str | None = None,
) -> SampledValues:
    """Return all of ``num_sampled`` classes, each expected once.

    Parameters, results and errors are those of `uniform_candidate_sampler`, but for ``seed``:
    nothing is drawn.
    """
    del seed, name
    labels = as_labels(true_classes, "true_classes", as_integer(num_true, "num_true"))
    if as_integer(num_sampled, "num_sampled") < 1:
        raise ValueError(f"num_sampled is {num_sampled}; it must be at least 1")
    as_flag(unique, "unique")

    def function(classes: Array) -> SampledValues:
        return candidate_sampling.all_candidate_sampler(classes, num_true, num_sampled, unique)

    operation = Operation("ManyclassAllCandidates", {"num_sampled": num_sampled})
    results = sample_results(labels, num_sampled)
    return SampledValues(*call(function, operation, [labels], results))


def _checked(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    **limit: int,
) -> tf.Tensor:
    """Check all but the values of labels; return labels."""
    columns = as_integer(num_true, "num_true")
    labels = as_labels(true_classes, "true_classes", columns)
    none = np.zeros((0, max(columns, 0)), np.int64)
    check_arguments(none, num_true, num_sampled, unique, range_max, **limit)
    return labels
