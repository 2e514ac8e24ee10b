"""Which classes are drawn as candidates, and how often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manyclass._arrays import IdArray
from manyclass._seeds import SeedLike
from manyclass.alias_sampler import AliasSampler
from manyclass.samplers import LogUniformSampler, Sampler, UniformSampler

SAMPLERS = ("unigram", "log_uniform", "uniform")

# word2vec's power: rare classes are drawn somewhat more often than they occur.
_DISTORTION = 0.75


def new_sampler(name: str, counts: NDArray[np.float64], seed: SeedLike) -> Sampler:
    """Make a sampler for classes of these counts, which fall."""
    if name == "unigram":
        return AliasSampler(_weights(counts), seed=seed)
    if name == "log_uniform":
        return LogUniformSampler(len(counts), seed=seed)
    return UniformSampler(len(counts), seed=seed)


def follow_counts(sampler: Sampler, changed: IdArray, counts: NDArray[np.float64]) -> None:
    """Tell a sampler by counts that those of some classes have changed."""
    if isinstance(sampler, AliasSampler):
        sampler.update(changed, _weights(counts[changed]))


def smoothed_frequencies(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return frequencies of classes, as if each had occurred once more."""
    frequencies: NDArray[np.float64] = (counts + 1.0) / (counts.sum() + len(counts))
    return frequencies


def _weights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = np.power(counts + 1.0, _DISTORTION)
    return weights
