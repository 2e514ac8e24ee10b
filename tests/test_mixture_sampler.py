"""Mixtures: probabilities and counts by hand, streams of the parts, lifetime, bad parts."""

from __future__ import annotations

import copy
import gc
import pickle
import re
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from reference import expected_count

LABELS = np.array([[0, 4], [3, 3]])
IDS = np.arange(5)


def mixture_of(*weights: list[float], shares: list[float], seed: int = 1) -> mc.MixtureSampler:
    """Return a mixture of alias samplers."""
    parts = [(mc.AliasSampler(w), share) for w, share in zip(weights, shares, strict=True)]
    return mc.MixtureSampler(parts, seed=seed)


weight_lists = st.lists(st.floats(0.0, 100.0), min_size=5, max_size=5).filter(lambda w: sum(w) > 1)


@given(st.lists(st.tuples(weight_lists, st.floats(1e-3, 1e3)), min_size=1, max_size=4))
def test_probability_is_the_weighted_mean(parts: list[tuple[list[float], float]]) -> None:
    weights, shares = zip(*parts, strict=True)
    mixture = mixture_of(*weights, shares=list(shares))
    expected = sum(
        share / sum(shares) * np.array(w) / sum(w) for w, share in zip(weights, shares, strict=True)
    )
    assert mixture.probability(IDS) == pytest.approx(expected, rel=1e-12, abs=1e-300)
    assert mixture.shares == pytest.approx(np.array(shares) / sum(shares), rel=1e-12)
    assert mixture.num_classes == 5


def test_counts_are_those_of_the_mixtures_probability() -> None:
    mixture = mixture_of([1, 2, 3, 4, 5], [5, 0, 0, 1, 0], shares=[1, 2])
    p = mixture.probability(IDS).astype(np.float32)
    values = mixture.sample(LABELS, 7, unique=False)
    assert_same_bits(values.true_expected_count, expected_count(p[LABELS], 7, 7))
    assert_same_bits(
        values.sampled_expected_count, expected_count(p[values.sampled_candidates], 7, 7)
    )
    unique = mixture.sample(LABELS, 5)
    tries = [
        tries
        for tries in range(5, 10_000)
        if np.allclose(unique.true_expected_count, expected_count(p[LABELS], 5, tries), rtol=1e-6)
    ]
    assert tries  # one number of tries explains all counts
    np.testing.assert_allclose(
        unique.sampled_expected_count,
        expected_count(p[unique.sampled_candidates], 5, tries[0]),
        rtol=2e-6,
    )


def test_the_streams_of_the_parts_stay_where_they_are() -> None:
    parts = [mc.LogUniformSampler(50, seed=1), mc.UnigramSampler(np.arange(50), seed=2)]
    twins = [mc.LogUniformSampler(50, seed=1), mc.UnigramSampler(np.arange(50), seed=2)]
    mixture = mc.MixtureSampler([(part, 1.0) for part in parts], seed=3)
    mixture.draw(1000)
    mixture.sample(np.zeros((0, 1), np.int64), 40)
    drawn = mixture.draw(20, seed=3)
    for part, twin in zip(parts, twins, strict=True):
        assert part.state_dict()["stream"] == twin.state_dict()["stream"]
        assert_same_bits(part.draw(30), twin.draw(30))
    assert_same_bits(mixture.draw(20, seed=3), drawn)  # nor does the mixture see the parts move


def test_successive_calls_read_different_words() -> None:
    # Exhausting samples make many draws again; in a stream that moved on too little, the next call
    # would begin with words of this one.
    mixture = mixture_of([1e6, 1, 1, 1, 1], [1, 1, 1, 1, 1], shares=[1, 1e-3])
    stream = [mixture.state_dict()["stream"]]
    for _ in range(3):
        mixture.sample(LABELS, 5)
        stream.append(mixture.state_dict()["stream"])
    blocks = [place[2] for place in stream]
    assert min(np.diff(blocks)) >= 4 * 2**16  # 16 words for each draw that rejection may make


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8))
def test_copies_have_the_same_shares_and_the_same_place(shares: list[float]) -> None:
    mixture = mc.MixtureSampler([(mc.UniformSampler(50), share) for share in shares], seed=1)
    for other in (copy.deepcopy(mixture), pickle.loads(pickle.dumps(mixture))):
        assert other.shares == mixture.shares
        other.load_state_dict(mixture.state_dict())


def test_more_blocks_than_int64_counts_are_passed() -> None:
    sampler = mc.MixtureSampler([(mc.UniformSampler(2**63 - 1), 1.0)], seed=1)
    sampler.sample(LABELS, 3)
    assert sampler.state_dict()["stream"][2] == 2**63 - 1 + 3 + 4 * (2**16 + 3)


def test_every_class_that_a_part_draws_is_drawable() -> None:
    mixture = mixture_of([1, 0, 0, 0, 0], [0, 0, 0, 1, 1], shares=[1, 1])
    ids = mixture.sample(LABELS % 1, 3).sampled_candidates
    assert sorted(ids.tolist()) == [0, 3, 4]
    twin = mixture_of([1, 0, 0, 0, 0], [0, 0, 0, 1, 1], shares=[1, 1])
    twin.sample(LABELS % 1, 3)
    with pytest.raises(ValueError, match=r"num_sampled is 4.*only 3 of 5"):
        mixture.sample(LABELS % 1, 4)
    assert_same_bits(mixture.draw(20), twin.draw(20))


def test_a_class_of_almost_no_mass_is_drawable() -> None:
    mixture = mixture_of([1, 1e-320, 0, 0, 0], [1, 0, 0, 0, 0], shares=[1e-6, 1])
    assert mixture.probability(IDS)[1] > 0.0  # though the product is below the least float64
    assert sorted(mixture.sample(LABELS % 1, 2).sampled_candidates.tolist()) == [0, 1]


def test_a_mixture_of_mixtures() -> None:
    inner = mixture_of([1, 0, 0, 0, 0], [0, 1, 0, 0, 0], shares=[1, 3])
    outer = mc.MixtureSampler([(inner, 0.5), (mc.UniformSampler(5), 0.5)], seed=1)
    assert outer.probability(IDS) == pytest.approx([0.225, 0.475, 0.1, 0.1, 0.1])
    seen = np.bincount(outer.draw(20_000), minlength=5) / 20_000
    np.testing.assert_allclose(seen, outer.probability(IDS), atol=0.02)


def test_huge_ranges_are_not_counted() -> None:
    parts = [(mc.UniformSampler(2**60), 1), (mc.LogUniformSampler(2**60), 1)]
    values = mc.MixtureSampler(parts, seed=1).sample(LABELS, 100)
    assert len(np.unique(values.sampled_candidates)) == 100


def test_the_mixture_keeps_its_parts_alive_and_no_longer() -> None:
    part = mc.AliasSampler([1.0, 2.0, 3.0], seed=1)
    gone = weakref.ref(part._core)
    mixture = mc.MixtureSampler([(part, 1.0)], seed=2)
    expected = mixture.draw(100, seed=5)
    del part
    gc.collect()
    assert gone() is not None
    assert_same_bits(mixture.draw(100, seed=5), expected)
    del mixture
    gc.collect()
    assert gone() is None


def test_a_loss_draws_from_a_mixture() -> None:
    weights, biases = np.zeros((5, 2), np.float32), np.zeros(5, np.float32)
    inputs = np.ones((2, 2), np.float32)
    mixture = mixture_of([1, 2, 3, 4, 5], [5, 0, 0, 1, 0], shares=[1, 2])
    values = mixture.sample(LABELS, 3, seed=9)
    loss = mc.sampled_softmax_loss(
        weights, biases, LABELS, inputs, 3, 5, 2, sampler=mixture, seed=9
    )
    given_values = mc.sampled_softmax_loss(weights, biases, LABELS, inputs, 3, 5, 2, values)
    assert_same_bits(loss, given_values)


ONE = mc.UniformSampler(5)
BAD_PARTS: dict[str, tuple[Any, type[Exception], str]] = {
    "none": ([], ValueError, "parts is empty"),
    "no sequence": (ONE, TypeError, "parts"),
    "no pair": ([(ONE, 1.0), ONE], TypeError, r"parts\[1\]"),
    "three": ([(ONE, 1.0, 2.0)], TypeError, r"parts\[0\]"),
    "no sampler": ([(ONE, 1.0), ("uniform", 1.0)], TypeError, r"parts\[1\].*'uniform'"),
    "share of 0": ([(ONE, 1.0), (ONE, 0.0)], ValueError, r"parts\[1\] has the share 0;"),
    "negative share": ([(ONE, -0.5)], ValueError, r"parts\[0\].*-0\.5"),
    "NaN share": ([(ONE, np.nan)], ValueError, r"parts\[0\].*nan"),
    "infinite share": ([(ONE, np.inf)], ValueError, r"parts\[0\].*inf"),
    "infinite sum": ([(ONE, 1.5e308), (ONE, 1.5e308)], ValueError, "sum"),
    "text share": ([(ONE, "1")], TypeError, r"parts\[0\].*'1'"),
    "other size": (
        [(ONE, 1.0), (mc.UniformSampler(6), 1.0)],
        ValueError,
        re.escape("parts[1] has 6 classes, parts[0] has 5"),
    ),
}


@pytest.mark.parametrize(("parts", "error", "pattern"), BAD_PARTS.values(), ids=BAD_PARTS)
def test_bad_parts(parts: Any, error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=pattern):
        mc.MixtureSampler(parts)


@pytest.mark.parametrize("shares", [None, (0.5,), (0.25, 0.75), "x"])
def test_a_state_of_other_shares_is_refused(shares: Any) -> None:
    mixture, twin = (mixture_of([1] * 5, [1, 2, 3, 4, 5], shares=[1, 1]) for _ in range(2))
    with pytest.raises(ValueError, match=r"shares.*0\.5, 0\.5"):
        mixture.load_state_dict(mixture.state_dict() | {"shares": shares})
    assert_same_bits(mixture.draw(20), twin.draw(20))
