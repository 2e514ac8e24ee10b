"""What ``seed`` means."""

from __future__ import annotations

import secrets
from typing import TypeAlias

import numpy as np

SeedLike: TypeAlias = int | tuple[int, int] | np.random.Generator | None

# TensorFlow's graph-level seed when only an op has one, and the modulus that it takes seeds by.
_DEFAULT_GRAPH_SEED = 87654321
_MODULUS = 2**31 - 1


def _integer(seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(
            f"seed is {seed!r}; it must be an int, a pair of ints, a numpy.random.Generator or None"
        )
    return int(seed) % _MODULUS


def resolve_seed(seed: SeedLike) -> tuple[int, int]:
    """Return the pair of seeds that starts a stream.

    An int is what TensorFlow calls an op seed; a pair is the global seed and the op seed. A
    `numpy.random.Generator` gives two numbers; None takes fresh entropy.
    """
    if seed is None:
        bits = secrets.randbits(128)
        return bits >> 64, bits & (2**64 - 1)
    if isinstance(seed, np.random.Generator):
        first, second = seed.integers(0, 2**63, size=2)
        return int(first), int(second)
    if isinstance(seed, (tuple, list)) and len(seed) == 2:
        pair = _integer(seed[0]), _integer(seed[1])
        # TensorFlow keeps (0, 0) for "no seed".
        return pair if pair != (0, 0) else (0, _MODULUS)
    return _DEFAULT_GRAPH_SEED, _integer(seed)
