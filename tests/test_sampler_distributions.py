"""What the samplers draw, held against exact probabilities; unique samples to the last class."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from chi_square import p_value

NO_LABELS = np.zeros((0, 1), np.int64)
LEAST_P = 1e-4

RNG = np.random.default_rng(1)
LEARNED = mc.LearnedUnigramSampler(1000, seed=1)
LEARNED.sample(RNG.geometric(0.01, (5000, 1)) % 1000, 1)
SKEWED = np.exp(3.0 * RNG.standard_normal(1000))
SKEWED[::7] = 0.0
SAMPLERS = {
    "uniform": mc.UniformSampler(1000, seed=1),
    "uniform of 2^k": mc.UniformSampler(1024, seed=1),
    "log_uniform": mc.LogUniformSampler(1000, seed=1),
    "unigram": mc.UnigramSampler(SKEWED, seed=1),
    "distorted unigram": mc.UnigramSampler(SKEWED, distortion=0.75, seed=1),
    "alias": mc.AliasSampler(SKEWED, seed=1),
    "alias of one": mc.AliasSampler([0.0, 3.0, 0.0], seed=1),
    "learned unigram": LEARNED,
    "mixture": mc.MixtureSampler(
        [
            (mc.LogUniformSampler(1000), 0.2),
            (mc.AliasSampler(SKEWED), 0.7),
            (mc.UnigramSampler(np.repeat([1, 0], [10, 990])), 0.1),
        ],
        seed=1,
    ),
}
SMALL = {
    "uniform": mc.UniformSampler(5, seed=2),
    "log_uniform": mc.LogUniformSampler(5, seed=2),
    "unigram": mc.UnigramSampler([1, 0, 5, 2, 3], seed=2),
    "alias": mc.AliasSampler([8.0, 4.0, 2.0, 1.0, 0.5], seed=2),
    "mixture": mc.MixtureSampler(
        [(mc.AliasSampler([1.0, 0, 0, 0, 0]), 0.5), (mc.UnigramSampler([0, 0, 3, 2, 1]), 0.5)],
        seed=2,
    ),
}


def ordered_sample_probabilities(
    probability: np.ndarray, num_sampled: int
) -> dict[tuple[int, ...], float]:
    """Return the chance of each sequence of distinct draws."""
    chances = {}
    for sequence in itertools.permutations(range(len(probability)), num_sampled):
        chance, left = 1.0, 1.0
        for one in sequence:
            chance *= probability[one] / left if left > 0 else 0.0
            left -= probability[one]
        chances[sequence] = chance
    return chances


def assert_sequences_fit(
    sampler: Any, probability: np.ndarray, num_sampled: int, calls: int
) -> None:
    """Hold the frequencies of whole ordered samples to the enumeration."""
    chances = ordered_sample_probabilities(probability, num_sampled)
    seen = dict.fromkeys(chances, 0)
    for _ in range(calls):
        seen[tuple(sampler.sample(NO_LABELS, num_sampled).sampled_candidates.tolist())] += 1
    observed = np.array(list(seen.values()))
    assert p_value(observed, np.array(list(chances.values()))) > LEAST_P


def test_a_wrong_distribution_is_seen() -> None:
    sampler = mc.UniformSampler(1000, seed=1)
    observed = np.bincount(sampler.draw(500_000), minlength=1000)
    assert p_value(observed, np.full(1000, 1e-3)) > LEAST_P
    assert p_value(observed, np.linspace(0.95, 1.05, 1000)) < LEAST_P
    assert p_value(observed, mc.LogUniformSampler(1000).probability(np.arange(1000))) < LEAST_P


@pytest.mark.parametrize("seed", [31, 32, 33, 34, 35])
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_ten_million_draws_fit_the_probabilities(sampler: Any, seed: int) -> None:
    probability = sampler.probability(np.arange(sampler.num_classes))
    observed = np.bincount(sampler.draw(10**7, seed=seed), minlength=sampler.num_classes)
    assert not observed[probability == 0.0].any()
    if (probability > 0.0).sum() > 1:
        assert p_value(observed, probability) > LEAST_P


def test_draws_of_a_wide_range_fit_in_blocks() -> None:
    for sampler in (mc.UniformSampler(10**6, seed=3), mc.LogUniformSampler(10**6, seed=3)):
        blocks = np.geomspace(1, 10**6 + 1, 60).astype(np.int64) - 1
        blocks = np.unique(blocks)
        probability = np.add.reduceat(sampler.probability(np.arange(10**6)), blocks[:-1])
        drawn = np.searchsorted(blocks, sampler.draw(300_000), side="right") - 1
        assert p_value(np.bincount(drawn, minlength=len(blocks) - 1), probability) > LEAST_P


@pytest.mark.parametrize("sampler", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("num_sampled", [1, 2, 4])
def test_unique_samples_fit_the_enumeration(sampler: Any, num_sampled: int) -> None:
    probability = sampler.probability(np.arange(5))
    assert_sequences_fit(sampler, probability, num_sampled, 10_000)


@pytest.mark.parametrize("sampler", SMALL.values(), ids=SMALL)
def test_inclusion_fits_the_enumeration(sampler: Any) -> None:
    inclusion = np.zeros(5)
    for sequence, chance in ordered_sample_probabilities(
        sampler.probability(np.arange(5)), 3
    ).items():
        inclusion[list(sequence)] += chance
    calls = 10_000
    seen = np.zeros(5)
    for _ in range(calls):
        seen[sampler.sample(NO_LABELS, 3).sampled_candidates] += 1
    spread = np.sqrt(inclusion * (1 - inclusion) / calls)
    assert (np.abs(seen / calls - inclusion) <= 4.5 * spread + 1e-12).all()


@pytest.mark.parametrize("make", [mc.AliasSampler, mc.UnigramSampler])
def test_almost_all_mass_on_one_class(make: Any) -> None:
    # Plain rejection would need a thousand million draws for each call.
    weights = np.array([1e9, 4.0, 3.0, 2.0, 1.0])
    sampler = make(weights, seed=5)
    assert_sequences_fit(sampler, weights / weights.sum(), 3, 1000)


@pytest.mark.parametrize("tiny", [1e-3, 1e-5, 1e-8])
def test_number_of_tries_is_geometric(tiny: float) -> None:
    # The second of two classes comes at try n with P(n > k) = (1 - p)^k; its expected count
    # 1 - (1 - p)^n says n, and 1 - count is then uniform, up to the step of p.
    sampler = mc.AliasSampler([1.0, tiny])
    labels = np.array([[1]])
    # A seed for each call: like TensorFlow's, a stream moves on by a fixed stretch, so that long
    # rejections of successive calls would read some of the same random words.
    samples = [sampler.sample(labels, 2, seed=(6, 1 + call)) for call in range(500)]
    left = [1.0 - values.true_expected_count[0, 0] for values in samples]
    observed, _ = np.histogram(left, bins=10, range=(0.0, 1.0))
    assert observed.sum() == 500
    assert p_value(observed, np.full(10, 0.1)) > LEAST_P


@pytest.mark.parametrize(
    ("sampler", "num_sampled"),
    [
        (mc.LogUniformSampler(10_000, seed=7), 9_000),
        (mc.LogUniformSampler(10_000, seed=7), 10_000),
        (mc.UniformSampler(10_000, seed=7), 10_000),
        (mc.UnigramSampler(np.arange(1, 3001) ** 2, seed=7), 3000),
        (mc.AliasSampler(10.0 ** -np.arange(0, 300, 10), seed=7), 30),
        (mc.AliasSampler([1.0, 1e-300, 1e-320], seed=7), 3),
        (mc.UnigramSampler([0, 1, 0, 5], seed=7), 2),
        (
            mc.MixtureSampler(
                [(mc.UniformSampler(3000), 1e-9), (mc.LogUniformSampler(3000), 1)], seed=7
            ),
            3000,
        ),
    ],
)
def test_exhausting_samples_finish(sampler: Any, num_sampled: int) -> None:
    labels = np.array([[1], [2]])
    values = sampler.sample(labels, num_sampled)
    ids = values.sampled_candidates
    assert len(np.unique(ids)) == num_sampled
    possible = np.flatnonzero(sampler.probability(np.arange(sampler.num_classes)))
    assert np.isin(ids, possible).all()
    # Where a probability is zero in float32, TensorFlow's formula makes the count zero.
    assert (values.sampled_expected_count >= 0.0).all()
    assert np.isfinite(values.sampled_expected_count).all()
    again = sampler.sample(labels, num_sampled)
    if num_sampled > 2:
        assert not np.array_equal(again.sampled_candidates, ids) or sampler.num_classes <= 30


def test_the_likely_classes_come_first_in_an_exhausting_sample() -> None:
    sampler = mc.LogUniformSampler(10_000, seed=8)
    places = np.empty((10, 10_000))
    for row in places:
        row[sampler.sample(NO_LABELS, 10_000).sampled_candidates] = np.arange(10_000)
    mean = places.mean(axis=0).reshape(10, 1000).mean(axis=1)
    assert (np.diff(mean) > 0.0).all()
