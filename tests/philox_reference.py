"""TensorFlow's random stream and candidate samplers, in plain Python.

Slow and simple: the oracle that the library's own streams are held against.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from reference import expected_count

MASK32 = 0xFFFFFFFF
MASK64 = 0xFFFFFFFFFFFFFFFF
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
RESERVED_PER_CANDIDATE = 2048  # 32-bit values that one call takes for each candidate
RESERVATION_ABOVE = 1 << 20  # where TensorFlow's int32 product of the two overflows

Words4 = tuple[int, int, int, int]


def philox_4x32_10(counter: Words4, key: tuple[int, int]) -> Words4:
    """Ten rounds of Philox4x32: four random words for one counter."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0 = MULTIPLIERS[0] * c0
        product1 = MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (product1 >> 32) ^ c1 ^ k0,
            product1 & MASK32,
            (product0 >> 32) ^ c3 ^ k1,
            product0 & MASK32,
        )
        k0 = (k0 + WEYL[0]) & MASK32
        k1 = (k1 + WEYL[1]) & MASK32
    return c0, c1, c2, c3


class PhiloxStream:
    """32-bit words of a pair of seeds, from block ``first_block`` on."""

    def __init__(self, seeds: tuple[int, int], first_block: int = 0) -> None:
        seed1, seed2 = seeds
        self._key = (seed1 & MASK32, (seed1 >> 32) & MASK32)
        self._seed2 = (seed2 & MASK32, (seed2 >> 32) & MASK32)
        self._words = self._walk(first_block)

    def _walk(self, block: int) -> Iterator[int]:
        while True:
            counter = (block & MASK32, (block >> 32) & MASK32, *self._seed2)
            yield from philox_4x32_10(counter, self._key)
            block = (block + 1) & MASK64

    def word32(self) -> int:
        """Return the next word."""
        return next(self._words)

    def word64(self) -> int:
        """Return two words, the low one first."""
        low = self.word32()
        return low | (self.word32() << 32)

    def unit_double(self) -> float:
        """Return a double in [0, 1): 52 bits, the first word's low 20 are the high ones."""
        high = self.word32() & 0xFFFFF
        return ((high << 32) | self.word32()) * 2.0**-52

    def unit_float(self) -> float:
        """Return a float32 in [0, 1): the low 23 bits of a word."""
        return (self.word32() & 0x7FFFFF) * 2.0**-23

    def below(self, n: int, bits: int) -> int:
        """Return an unbiased integer less than ``n`` from words of 32 or 64 bits."""
        word = self.word64 if bits == 64 else self.word32
        if n & (n - 1) == 0:
            return word() & (n - 1)
        reject_below = ((1 << bits) - 1) % n + 1
        value = word()
        while value < reject_below:
            value = word()
        return value % n


class Proposal(Protocol):
    """What a sampler draws from."""

    def draw_one(self, stream: PhiloxStream) -> int:
        """Draw one class."""

    def probability(self, ids: np.ndarray) -> np.ndarray:
        """Return the float32 probabilities that TensorFlow computes with."""


class Uniform:
    """Every class alike."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def draw_one(self, stream: PhiloxStream) -> int:
        """Draw one class."""
        return stream.below(self.num_classes, 64)

    def probability(self, ids: np.ndarray) -> np.ndarray:
        """Return float32(1 / N)."""
        return np.full(ids.shape, 1.0 / self.num_classes, np.float32)


class LogUniform:
    """Zipf-like: P(c) = log((c + 2) / (c + 1)) / log(N + 1)."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self._log_range = math.log1p(num_classes)

    def draw_one(self, stream: PhiloxStream) -> int:
        """Draw one class."""
        value = int(math.exp(stream.unit_double() * self._log_range)) - 1
        return value % self.num_classes

    def probability(self, ids: np.ndarray) -> np.ndarray:
        """Return the probabilities, computed in double and rounded once."""
        c = ids.astype(np.float64)
        return (np.log((c + 2.0) / (c + 1.0)) / self._log_range).astype(np.float32)


class FixedUnigram:
    """Given float32 weights, through Walker's alias table."""

    def __init__(self, weights: np.ndarray) -> None:
        assert weights.dtype == np.float32
        self._weights = weights
        self._thresholds, self._alias = walker_alias_table(weights)

    def draw_one(self, stream: PhiloxStream) -> int:
        """Draw one class: the float comes before the bucket."""
        level = stream.unit_float()
        bucket = stream.below(len(self._weights), 32)
        return bucket if level < self._thresholds[bucket] else int(self._alias[bucket])

    def probability(self, ids: np.ndarray) -> np.ndarray:
        """Return the weights over their sum, in float32.

        TensorFlow's sum runs in float32 and loses what is small beside it; ours does not.
        """
        return self._weights[ids] / np.float32(self._weights.sum(dtype=np.float64))


def distorted(counts: Sequence[float], distortion: float) -> np.ndarray:
    """Return float32(count ** distortion), as the fixed unigram sampler stores it."""
    return np.array([math.pow(np.float32(c), distortion) for c in counts], np.float32)


def walker_alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds (float32) and aliases, paired in TensorFlow's order."""
    n = len(weights)
    total = float(np.cumsum(weights.astype(np.float64))[-1])
    level = (weights * np.float32(n)).astype(np.float64) / total
    alias = np.arange(n)
    low = [i for i in range(n) if level[i] < 1.0]
    high = [i for i in range(n) if level[i] >= 1.0]
    while low and high:
        small, large = low.pop(), high.pop()
        alias[small] = large
        level[large] -= 1.0 - level[small]
        (low if level[large] < 1.0 else high).append(large)
    level[low + high] = 1.0
    return level.astype(np.float32), alias


class ReferenceSampler:
    """A proposal with its own stream, called again and again like TensorFlow's kernel."""

    def __init__(self, proposal: Proposal, seeds: tuple[int, int]) -> None:
        self._proposal = proposal
        self._seeds = seeds
        self._next_block = 0

    def sample(
        self, true_classes: np.ndarray, num_sampled: int, unique: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return candidates, true expected counts, sampled expected counts."""
        assert num_sampled < RESERVATION_ABOVE
        stream = PhiloxStream(self._seeds, self._next_block)
        self._next_block += -(-RESERVED_PER_CANDIDATE * num_sampled // 4)
        kept: list[int] = []
        seen: set[int] = set()
        tries = 0
        while len(kept) < num_sampled:
            candidate = self._proposal.draw_one(stream)
            tries += 1
            if not unique or candidate not in seen:
                kept.append(candidate)
                seen.add(candidate)
        ids = np.array(kept, np.int64)
        return (
            ids,
            self._counts(true_classes, num_sampled, tries),
            self._counts(ids, num_sampled, tries),
        )

    def _counts(self, ids: np.ndarray, num_sampled: int, tries: int) -> np.ndarray:
        return expected_count(self._proposal.probability(ids), num_sampled, tries)
