"""TensorFlow's candidate sampling functions, argument for argument.

Each of the first four is one call of a fresh sampler: with a seed it returns the same each time,
where TensorFlow's op in eager mode goes on with its stream. What is called again and again is
better served by the samplers, which build their table once.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray
from manyclass._scalars import as_flag, as_integer
from manyclass._seeds import SeedLike
from manyclass.accidental_hits import labels_of
from manyclass.samplers import (
    LogUniformSampler,
    SampledValues,
    Sampler,
    UniformSampler,
    wants_float64,
)
from manyclass.unigram_samplers import (
    LearnedUnigramSampler,
    file_core,
    shard_numbers,
    unigram_core,
)

# A learned unigram sampler counts in int32.
MOST_LEARNED = 2**31 - 2
# Classes of a log-uniform one are float64s on the way.
MOST_LOG_UNIFORM = 2**62
_MOST_INT64 = 2**63 - 1


def uniform_candidate_sampler(
    true_classes: ArrayLike,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    dtype: DTypeLike = np.float32,
) -> SampledValues:
    """Sample classes, every class alike.

    Parameters
    ----------
    true_classes : array of int64, shape [batch, num_true]
        The labels; they decide nothing but ``true_expected_count``. Candidates may include them.
    num_true : int
        The number of labels of an example.
    num_sampled : int
        The number of candidates, shared by the whole batch.
    unique : bool
        Draw again until all candidates are different.
    range_max : int
        The number of classes.
    seed : int, pair of int, numpy.random.Generator, optional
        TensorFlow's op seed, or its global seed and op seed; fresh entropy if None.
    name : str, optional
        Ignored.
    dtype : numpy.dtype, default numpy.float32
        What expected counts are computed in: float32, as TensorFlow does, or float64.

    Returns
    -------
    SampledValues
        What `UniformSampler.sample` returns.

    Raises
    ------
    ValueError
        If ``true_classes`` has another shape or a class outside [0, range_max), if ``num_true``,
        ``num_sampled`` or ``range_max`` is below 1, or if ``unique`` and ``num_sampled`` is above
        ``range_max``.
    TypeError
        If an argument is of another type; arrays of other integers are not converted.
    """
    del name
    labels, size = check_arguments(true_classes, num_true, num_sampled, unique, range_max)
    sampler = UniformSampler(range_max, seed=seed)
    return sampler.sample(labels, size, unique=unique, dtype=dtype)


def log_uniform_candidate_sampler(
    true_classes: ArrayLike,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    dtype: DTypeLike = np.float32,
) -> SampledValues:
    """Sample classes by Zipf's law, for classes numbered by falling frequency.

    Parameters, results and errors are those of `uniform_candidate_sampler`, the distribution is
    that of `LogUniformSampler`.
    """
    del name
    labels, size = check_arguments(
        true_classes, num_true, num_sampled, unique, range_max, most=MOST_LOG_UNIFORM
    )
    sampler = LogUniformSampler(range_max, seed=seed)
    return sampler.sample(labels, size, unique=unique, dtype=dtype)


def learned_unigram_candidate_sampler(
    true_classes: ArrayLike,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    dtype: DTypeLike = np.float32,
) -> SampledValues:
    """Sample classes as the first call of a sampler that learns: every class alike.

    A function has no memory to learn in. TensorFlow's op keeps its own, shared by calls whose
    attributes and seeds all agree; the memory here is a `LearnedUnigramSampler` that the caller
    holds. Parameters, results and errors are those of `uniform_candidate_sampler`; ``range_max``
    is at most 2**31 - 2.
    """
    del name
    labels, size = check_arguments(
        true_classes, num_true, num_sampled, unique, range_max, most=MOST_LEARNED
    )
    sampler = LearnedUnigramSampler(range_max, seed=seed)
    return sampler.sample(labels, size, unique=unique, dtype=dtype)


def fixed_unigram_candidate_sampler(
    true_classes: ArrayLike,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: str | bytes | os.PathLike[Any] = "",
    distortion: float = 1.0,
    num_reserved_ids: int = 0,
    num_shards: int = 1,
    shard: int = 0,
    unigrams: ArrayLike = (),
    seed: SeedLike = None,
    name: str | None = None,
    *,
    dtype: DTypeLike = np.float32,
) -> SampledValues:
    """Sample classes in proportion to a power of their counts.

    Other parameters, results and errors are those of `uniform_candidate_sampler`.

    Parameters
    ----------
    range_max : int
        The number of classes of this shard, reserved ones among them.
    vocab_file : str, bytes or os.PathLike, optional
        A file of counts, as `UnigramSampler.from_vocab_file` reads it.
    distortion : float, default 1.0
        The power.
    num_reserved_ids : int, default 0
        Ids of weight zero before the counts.
    num_shards : int, default 1
        How many samplers share the classes.
    shard : int, default 0
        Which of them this one is. Labels and candidates are numbered within it: `UnigramSampler`
        says how, and where TensorFlow's numbering, which is kept, is not what one expects.
    unigrams : array of float or int, or list, optional
        The counts.

    Returns
    -------
    SampledValues
        What `UnigramSampler.sample` returns.

    Raises
    ------
    ValueError
        If not exactly one of ``vocab_file`` and ``unigrams`` is given, if ``range_max`` is not the
        number of classes that they give, or if a count is negative, NaN or too large.
    FileNotFoundError
        If there is no such file.
    """
    del name
    labels, size = check_arguments(true_classes, num_true, num_sampled, unique, range_max)
    sampler = make_unigram_sampler(
        range_max, vocab_file, distortion, num_reserved_ids, num_shards, shard, unigrams, seed
    )
    return sampler.sample(labels, size, unique=unique, dtype=dtype)


def all_candidate_sampler(
    true_classes: ArrayLike,
    num_true: int,
    num_sampled: int,
    unique: bool,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    dtype: DTypeLike = np.float32,
) -> SampledValues:
    """Return all of ``num_sampled`` classes, each expected once.

    With it, and accidental hits removed, the sampled softmax loss is the full one.

    Parameters
    ----------
    true_classes : array of int64, shape [batch, num_true]
        The labels.
    num_true : int
        The number of labels of an example.
    num_sampled : int
        The number of classes.
    unique : bool
        Ignored: classes are different.
    seed : int, pair of int, numpy.random.Generator, optional
        Ignored: nothing is drawn.
    name : str, optional
        Ignored.
    dtype : numpy.dtype, default numpy.float32
        Of expected counts: float32 or float64.

    Returns
    -------
    SampledValues
        Candidates 0 to ``num_sampled - 1`` in order; counts of 1.

    Raises
    ------
    ValueError
        If ``true_classes`` has another shape or a class outside [0, num_sampled), or if
        ``num_true`` or ``num_sampled`` is below 1.
    TypeError
        If an argument is of another type.
    """
    del seed, name
    as_flag(unique, "unique")
    labels = labels_of(true_classes, num_true)
    size = as_integer(num_sampled, "num_sampled")
    return SampledValues(*_core.all_candidates(labels, size, wants_float64(dtype)))


def make_unigram_sampler(
    range_max: int,
    vocab_file: str | bytes | os.PathLike[Any],
    distortion: float,
    num_reserved_ids: int,
    num_shards: int,
    shard: int,
    unigrams: ArrayLike,
    seed: SeedLike,
) -> Sampler:
    """Make the sampler of `fixed_unigram_candidate_sampler`."""
    in_list = np.size(unigrams) > 0
    if in_list == bool(vocab_file):
        both = "both" if in_list else "neither"
        raise ValueError(f"vocab_file and unigrams: {both} given; exactly one must be")
    numbers = shard_numbers(num_reserved_ids, num_shards, shard)
    if in_list:
        sampler = Sampler(unigram_core(unigrams, "unigrams", distortion, numbers, seed))
    else:
        sampler = Sampler(file_core(vocab_file, distortion, numbers, seed))
    if sampler.num_classes != range_max:
        source = "unigrams" if in_list else "vocab_file"
        raise ValueError(
            f"range_max is {range_max}, {source} and num_reserved_ids give {sampler.num_classes} "
            "classes"
        )
    return sampler


def check_arguments(
    true_classes: ArrayLike,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    *,
    most: int = _MOST_INT64,
) -> tuple[IdArray, int]:
    """Check what a sampler would call by its own names; return the labels and num_sampled."""
    labels = labels_of(true_classes, num_true)
    size = as_integer(num_sampled, "num_sampled")
    classes = as_integer(range_max, "range_max")
    if not 1 <= classes <= most:
        raise ValueError(f"range_max is {classes}; it must lie in [1, {most}]")
    if as_flag(unique, "unique") and size > classes:
        raise ValueError(
            f"num_sampled is {size}, more than range_max {classes} with unique candidates"
        )
    return labels, size
