"""The proposal distributions that the demo offers, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

import manyclass

Sampler: TypeAlias = (
    manyclass.LogUniformSampler | manyclass.UniformSampler | manyclass.UnigramSampler
)

# Flatter than the text's own frequencies, as is usual since word2vec.
_DISTORTION = 0.75


def _log_uniform(counts: npt.NDArray[np.int64], seed: int) -> Sampler:
    return manyclass.LogUniformSampler(len(counts), seed=seed)


def _uniform(counts: npt.NDArray[np.int64], seed: int) -> Sampler:
    return manyclass.UniformSampler(len(counts), seed=seed)


def _unigram(counts: npt.NDArray[np.int64], seed: int) -> Sampler:
    # A class may have no count at all: <unk>, in a text where no token is rare.
    return manyclass.UnigramSampler(np.maximum(counts, 1), distortion=_DISTORTION, seed=seed)


SAMPLERS: dict[str, Callable[[npt.NDArray[np.int64], int], Sampler]] = {
    "log-uniform": _log_uniform,
    "uniform": _uniform,
    "unigram": _unigram,
}
