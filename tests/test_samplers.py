"""Candidate samplers: TensorFlow's ids call after call, probabilities, seeds, state."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from philox_reference import FixedUnigram, LogUniform, ReferenceSampler, Uniform, distorted
from tensorflow_cases import Case, case_name, cases_of, counts_of

NO_LABELS = np.zeros((0, 1), np.int64)
MODULUS = 2**31 - 1  # of TensorFlow's seeds

SAMPLERS = {
    "uniform": lambda seed: mc.UniformSampler(50, seed=seed),
    "log_uniform": lambda seed: mc.LogUniformSampler(50, seed=seed),
    "unigram": lambda seed: mc.UnigramSampler(np.arange(50), distortion=0.75, seed=seed),
    "alias": lambda seed: mc.AliasSampler(np.arange(50.0) ** 3, seed=seed),
    "learned_unigram": lambda seed: mc.LearnedUnigramSampler(50, seed=seed),
    "mixture": lambda seed: mc.MixtureSampler(
        [(mc.UniformSampler(50), 1), (mc.AliasSampler(np.arange(50.0) ** 3), 3)], seed=seed
    ),
}
each_sampler = pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)


def sampler_of(case: Case) -> Any:
    """Return the sampler that a stored case was taken from."""
    seed = tuple(case["seeds"])
    if case["sampler"] == "uniform":
        return mc.UniformSampler(case["range_max"], seed=seed)
    if case["sampler"] == "log_uniform":
        return mc.LogUniformSampler(case["range_max"], seed=seed)
    return mc.UnigramSampler(counts_of(case), distortion=case["distortion"], seed=seed)


def error_of_tensorflows_total(case: Case) -> float:
    """Return the relative error of a running float32 sum of weights, which TensorFlow takes."""
    if case["sampler"] != "fixed_unigram":
        return 0.0
    weights = distorted(counts_of(case), case["distortion"])
    running = np.cumsum(weights, dtype=np.float32)[-1]
    return abs(float(running) / weights.sum(dtype=np.float64) - 1.0)


def assert_within_ulps(actual: np.ndarray, expected: np.ndarray, most: int = 2) -> None:
    """Hold positive float32 values to a distance counted in representable numbers."""
    assert actual.dtype == expected.dtype == np.float32
    assert actual.shape == expected.shape
    distance = actual.view(np.int32).astype(np.int64) - expected.view(np.int32)
    assert np.abs(distance).max(initial=0) <= most


def assert_same_sample(actual: mc.SampledValues, expected: mc.SampledValues) -> None:
    """Hold all three arrays to the same bytes."""
    for one, other in zip(actual, expected, strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("case", cases_of("uniform", "log_uniform", "fixed_unigram"), ids=case_name)
def test_tensorflow_gives_the_same_ids_and_counts(case: Case) -> None:
    sampler = sampler_of(case)
    for call in case["calls"]:
        labels = np.array(call["true_classes"])
        values = sampler.sample(labels, case["num_sampled"], unique=case["unique"])
        assert values.sampled_candidates.dtype == np.int64
        assert values.sampled_candidates.tolist() == call["sampled_candidates"]
        true_count = np.array(call["true_expected_count"], np.float32).reshape(labels.shape)
        sampled_count = np.array(call["sampled_expected_count"], np.float32)
        error = error_of_tensorflows_total(case)
        for ours, theirs in (
            (values.true_expected_count, true_count),
            (values.sampled_expected_count, sampled_count),
        ):
            if error == 0.0:
                assert_within_ulps(ours, theirs)
            else:
                np.testing.assert_allclose(ours, theirs, rtol=1.01 * error + 2**-22)


def test_more_unit_weights_than_float32_can_count() -> None:
    # TensorFlow's float32 total of 2^24 and more ones stays at 2^24.
    num_classes = 2 * 10**7
    sampler = mc.UnigramSampler(np.broadcast_to(np.float64(1.0), num_classes), seed=1)
    assert sampler.probability(np.array([0, num_classes - 1])) == pytest.approx(5e-8, rel=1e-12)
    values = sampler.sample(np.array([[5]]), 4, unique=False)
    assert values.true_expected_count.item() == np.float32(np.float32(5e-8) * 4)


seeds = st.integers(0, MODULUS - 1)


@given(
    st.sampled_from(["uniform", "log_uniform", "unigram"]),
    st.integers(1, 400),
    st.integers(1, 60),
    st.booleans(),
    st.tuples(seeds, seeds.filter(bool)),
)
def test_pure_python_gives_the_same_ids_and_counts(
    kind: str, num_classes: int, num_sampled: int, unique: bool, seed: tuple[int, int]
) -> None:
    if unique:
        num_sampled = min(num_sampled, num_classes // 2 + 1)
    counts = np.arange(1.0, num_classes + 1)
    proposal: Any
    if kind == "uniform":
        sampler, proposal = mc.UniformSampler(num_classes, seed=seed), Uniform(num_classes)
    elif kind == "log_uniform":
        sampler, proposal = mc.LogUniformSampler(num_classes, seed=seed), LogUniform(num_classes)
    else:
        sampler = mc.UnigramSampler(counts, distortion=0.5, seed=seed)
        proposal = FixedUnigram(distorted(counts, 0.5))
    oracle = ReferenceSampler(proposal, seed)
    labels = np.array([[0, num_classes - 1]])
    for _ in range(2):
        values = sampler.sample(labels, num_sampled, unique=unique)
        ids, true_count, sampled_count = oracle.sample(labels, num_sampled, unique)
        assert values.sampled_candidates.tolist() == ids.tolist()
        assert_within_ulps(values.true_expected_count, true_count, 4)
        assert_within_ulps(values.sampled_expected_count, sampled_count, 4)


@pytest.mark.parametrize("num_classes", [2**31, 2**40 + 12345, 2**62])
def test_ranges_beyond_32_bits(num_classes: int) -> None:
    labels = np.array([[num_classes - 1]])
    for make, proposal in (
        (mc.UniformSampler, Uniform(num_classes)),
        (mc.LogUniformSampler, LogUniform(num_classes)),
    ):
        values = make(num_classes, seed=(7, 8)).sample(labels, 40)
        ids, _, _ = ReferenceSampler(proposal, (7, 8)).sample(labels, 40, unique=True)
        assert values.sampled_candidates.tolist() == ids.tolist()


@each_sampler
def test_probability_sums_to_one(make: Any) -> None:
    sampler = make(1)
    assert sampler.num_classes == 50
    probability = sampler.probability(np.arange(50))
    assert probability.dtype == np.float64
    assert probability.sum() == pytest.approx(1.0, rel=1e-6)
    assert_same_bits(sampler.probability(np.arange(50).reshape(2, 5, 5)).ravel(), probability)


def test_probabilities_are_those_asked_for() -> None:
    ids = np.arange(50)
    uniform, log_uniform, unigram, alias, learned, mixture = (
        make(1).probability(ids) for make in SAMPLERS.values()
    )
    np.testing.assert_array_equal(learned, 1 / 50)
    assert uniform == pytest.approx(np.full(50, 0.02), rel=1e-15)
    assert log_uniform == pytest.approx(np.log((ids + 2) / (ids + 1)) / np.log(51), rel=1e-13)
    assert unigram == pytest.approx(ids**0.75 / (ids**0.75).sum(), rel=1e-6)
    assert alias == pytest.approx(ids**3.0 / (ids**3.0).sum(), rel=1e-14)
    assert mixture == pytest.approx(0.25 * 0.02 + 0.75 * ids**3.0 / (ids**3.0).sum(), rel=1e-14)


@pytest.mark.parametrize("kind", ["uniform", "log_uniform", "unigram"])
def test_draw_gives_the_ids_of_a_sample_with_repeats(kind: str) -> None:
    drawing, sampling = SAMPLERS[kind](3), SAMPLERS[kind](3)
    for size in (40, 1, 1000):
        drawn = drawing.draw(size)
        assert_same_bits(drawn, sampling.sample(NO_LABELS, size, unique=False).sampled_candidates)
    assert_same_sample(drawing.sample(NO_LABELS, 9), sampling.sample(NO_LABELS, 9))


@each_sampler
def test_draw_shape_and_seed(make: Any) -> None:
    sampler = make(3)
    first = sampler.draw(100)
    assert first.shape == (100,)
    assert first.dtype == np.int64
    assert not np.array_equal(sampler.draw(100), first)
    assert_same_bits(sampler.draw(100, seed=3), first)
    assert sampler.draw(0).shape == (0,)


@each_sampler
@pytest.mark.parametrize(
    ("seed", "pair"),
    [
        (0, (87654321, 0)),
        (5, (87654321, 5)),
        (np.int64(5), (87654321, 5)),
        (-1, (87654321, MODULUS - 1)),
        (MODULUS + 5, (87654321, 5)),
        (2**70, (87654321, 2**70 % MODULUS)),
        ((MODULUS + 3, -4), (3, MODULUS - 4)),
        ((0, 0), (0, MODULUS)),
        ((MODULUS, 2 * MODULUS), (0, MODULUS)),
    ],
)
def test_integer_seeds_are_pairs(make: Any, seed: Any, pair: tuple[int, int]) -> None:
    # (0, 2^31-1) is what TensorFlow puts in the place of (0, 0); as a seed it is (0, 0) again.
    assert_same_sample(make(seed).sample(NO_LABELS, 20), make(pair).sample(NO_LABELS, 20))


def test_seed_zero_zero_is_tensorflows() -> None:
    values = mc.UniformSampler(1000, seed=(0, 0)).sample(NO_LABELS, 20)
    ids, _, _ = ReferenceSampler(Uniform(1000), (0, MODULUS)).sample(NO_LABELS, 20, unique=True)
    assert values.sampled_candidates.tolist() == ids.tolist()


@each_sampler
def test_generator_as_seed(make: Any) -> None:
    generator = np.random.default_rng(11)
    first = make(generator).draw(50)
    assert_same_bits(make(np.random.default_rng(11)).draw(50), first)
    assert not np.array_equal(make(generator).draw(50), first)  # the generator moved on


@each_sampler
def test_no_seed_is_fresh_entropy(make: Any) -> None:
    assert not np.array_equal(make(None).draw(50), make(None).draw(50))


@each_sampler
@pytest.mark.parametrize(
    "seed", [True, 1.0, "1", np.float32(1), np.bool_(True), (1, 2.0), (1, "2")]
)
def test_other_seeds_are_refused(make: Any, seed: Any) -> None:
    with pytest.raises(TypeError, match="seed"):
        make(seed)
    sampler, twin = make(4), make(4)
    with pytest.raises(TypeError, match="seed"):
        sampler.sample(NO_LABELS, 5, seed=seed)
    assert_same_sample(sampler.sample(NO_LABELS, 5), twin.sample(NO_LABELS, 5))


@each_sampler
def test_a_seed_restarts_the_stream_and_later_calls_go_on(make: Any) -> None:
    fresh, used = make(8), make(9)
    used.sample(NO_LABELS, 20)
    assert_same_sample(used.sample(NO_LABELS, 20, seed=8), fresh.sample(NO_LABELS, 20))
    assert_same_sample(used.sample(NO_LABELS, 20), fresh.sample(NO_LABELS, 20))


@each_sampler
def test_labels_do_not_change_the_candidates(make: Any) -> None:
    labels = np.arange(1, 31).reshape(10, 3)
    with_labels, without = make(8).sample(labels, 20), make(8).sample(NO_LABELS, 20)
    assert_same_bits(with_labels.sampled_candidates, without.sampled_candidates)
    assert with_labels.true_expected_count.shape == (10, 3)
    assert without.true_expected_count.shape == (0, 1)


@each_sampler
def test_state_resumes(make: Any) -> None:
    sampler = make(12)
    sampler.sample(NO_LABELS, 7)
    state = sampler.state_dict()
    kept = copy.deepcopy(state)
    expected = [sampler.sample(NO_LABELS, 7) for _ in range(3)]
    other = make(99)
    other.load_state_dict(pickle.loads(pickle.dumps(state)))
    for values in expected:
        assert_same_sample(other.sample(NO_LABELS, 7), values)
    other.load_state_dict(kept)  # the state taken did not move with the sampler
    assert_same_sample(other.sample(NO_LABELS, 7), expected[0])


COPIES = {
    "pickle": lambda sampler: pickle.loads(pickle.dumps(sampler)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@each_sampler
@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_copies_continue_with_the_same_ids(make: Any, duplicate: Any) -> None:
    sampler = make(12)
    labels = np.array([[3, 3, 49]])
    sampler.sample(labels, 7)
    other = duplicate(sampler)
    assert type(other) is type(sampler)
    assert_same_bits(other.probability(np.arange(50)), sampler.probability(np.arange(50)))
    for unique in (True, False):
        values = sampler.sample(labels, 7, unique=unique)
        if duplicate is not copy.copy:  # which shares the stream
            assert_same_sample(other.sample(labels, 7, unique=unique), values)


@each_sampler
def test_counts_in_double(make: Any) -> None:
    labels = np.array([[0, 1], [2, 49]])
    for unique in (True, False):
        single = make(5).sample(labels, 20, unique=unique)
        double = make(5).sample(labels, 20, unique=unique, dtype=np.float64)
        assert_same_bits(double.sampled_candidates, single.sampled_candidates)
        for one, two in zip(single[1:], double[1:], strict=True):
            assert one.dtype == np.float32
            assert two.dtype == np.float64
            np.testing.assert_allclose(one, two, rtol=5e-6)
    p = make(5).probability(labels)
    np.testing.assert_allclose(double.true_expected_count, 20 * p, rtol=1e-15)


def test_log_uniform_classes_beyond_float64_have_a_probability() -> None:
    sampler = mc.LogUniformSampler(2**62, seed=1)
    ids = np.array([[2**53], [2**60]])
    expected = 1.0 / (ids + 1.0) / np.log1p(2.0**62)
    assert sampler.probability(ids) == pytest.approx(expected, rel=1e-12)
    counts = sampler.sample(ids, 4, unique=False).true_expected_count
    assert counts == pytest.approx(4 * expected, rel=1e-6)
