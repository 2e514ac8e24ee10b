"""Frequencies learned from labels: against counting by hand, with and without forgetting."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits

IDS = np.arange(6)
batches = st.lists(
    st.lists(st.integers(0, 5), min_size=0, max_size=8).map(lambda ids: np.array(ids, np.int64)),
    max_size=12,
)


def shares_by_hand(
    seen: list[np.ndarray], half_life: float, counts: np.ndarray | None = None
) -> np.ndarray:
    """Return the weighted share of each of six classes: every label's weight from its own age."""
    weight = np.zeros(6)
    after = sum(map(len, seen))
    if counts is not None:
        weight += counts * 0.5 ** (after / half_life)
    for batch in seen:
        after -= len(batch)
        for label in batch:
            weight[label] += 0.5 ** (after / half_life)
    return weight / weight.sum() if weight.sum() else weight


@given(batches, st.sampled_from([0.5, 3.0, 1e4, None]), st.booleans())
def test_shares_are_those_of_counting(
    seen: list[np.ndarray], half_life: float | None, begun: bool
) -> None:
    counts = np.array([5.0, 0, 1, 0, 0, 2]) if begun else None
    frequencies = mc.StreamingFrequencies(6, half_life=half_life, counts=counts)
    for batch in seen:
        frequencies.update(batch)
    expected = shares_by_hand(seen, half_life or np.inf, counts)
    assert frequencies.probability(IDS) == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert frequencies.num_labels == sum(map(len, seen))


def test_counts_of_a_fixed_data_set_are_exact() -> None:
    labels = np.random.default_rng(1).zipf(1.3, 30_000) % 6
    frequencies = mc.StreamingFrequencies(6)
    for batch in np.split(labels, 100):
        frequencies.update(batch.reshape(-1, 2))
    assert_same_bits(frequencies.probability(IDS), np.bincount(labels, minlength=6) / 30_000)


def test_a_half_life_follows_what_is_popular_now() -> None:
    forgetting, keeping = mc.StreamingFrequencies(6, half_life=100), mc.StreamingFrequencies(6)
    for label in (1, 2):
        for _ in range(100):
            forgetting.update(np.full(10, label))
            keeping.update(np.full(10, label))
    assert forgetting.probability([1, 2]) == pytest.approx([1 / 1025, 1024 / 1025], rel=1e-9)
    assert keeping.probability([1, 2]).tolist() == [0.5, 0.5]


def test_a_long_stream_neither_overflows_nor_forgets_itself() -> None:
    frequencies = mc.StreamingFrequencies(6, half_life=1.0)
    for _ in range(3000):
        frequencies.update(np.array([1, 1, 2]))
    assert frequencies.probability([0, 1, 2]) == pytest.approx([0, 2 / 3, 1 / 3], rel=1e-12)


@pytest.mark.parametrize("half_life", [None, 7.5])
def test_state_resumes(half_life: float | None) -> None:
    rng = np.random.default_rng(2)
    frequencies = mc.StreamingFrequencies(6, half_life=half_life)
    frequencies.update(rng.integers(0, 6, 20))
    state = pickle.loads(pickle.dumps(frequencies.state_dict()))
    kept = copy.deepcopy(state)
    other = mc.StreamingFrequencies(6, half_life=half_life)
    other.load_state_dict(state)
    for _ in range(3):
        labels = rng.integers(0, 6, (5, 2))
        frequencies.update(labels)
        other.update(labels)
        assert_same_bits(other.probability(IDS), frequencies.probability(IDS))
    for key in ("counts", "seen_at"):
        assert_same_bits(state[key], kept[key])  # the state taken did not move


BAD_STATES: dict[str, tuple[dict[str, Any], str]] = {
    "other size": ({"num_classes": 7}, r"7.*\b6\b"),
    "other half-life": ({"half_life": 3.0}, r"3\.0.*7\.5"),
    "fewer counts": ({"counts": np.ones(5)}, r"5 counts.*6 classes"),
    "negative count": ({"counts": np.array([1.0, -1, 1, 1, 1, 1])}, r"counts of state\[1\] is -1"),
    "no times": ({"seen_at": np.zeros(0, np.int64)}, r"seen_at.*6"),
    "a time to come": ({"seen_at": np.full(6, 9)}, "9"),
    "negative total": ({"total": -1.0}, "total -1"),
    "negative labels": ({"num_labels": -1}, "-1"),
    "labels beyond counting": ({"num_labels": 2**63 - 1}, str(2**63 - 1)),
}


@pytest.mark.parametrize(("change", "pattern"), BAD_STATES.values(), ids=BAD_STATES)
def test_bad_states(change: dict[str, Any], pattern: str) -> None:
    frequencies = mc.StreamingFrequencies(6, half_life=7.5)
    frequencies.update(np.array([1, 2, 2]))
    before = frequencies.probability(IDS)
    with pytest.raises(ValueError, match=pattern):
        frequencies.load_state_dict(frequencies.state_dict() | change)
    assert_same_bits(frequencies.probability(IDS), before)
    with pytest.raises(ValueError, match="state"):
        frequencies.load_state_dict({})
    with pytest.raises(ValueError, match="counts, num_labels"):
        frequencies.load_state_dict({"num_classes": 6, "half_life": 7.5, "seen_at": 1, "total": 1})


BAD_ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = {
    "no class": ((0,), {}, ValueError, r"num_classes.*\b0\b"),
    "a float": ((6.0,), {}, TypeError, "num_classes"),
    "half-life of 0": ((6,), {"half_life": 0}, ValueError, r"half_life.*\b0\b"),
    "half-life NaN": ((6,), {"half_life": np.nan}, ValueError, "half_life.*nan"),
    "half-life text": ((6,), {"half_life": "1"}, TypeError, "half_life.*'1'"),
    "counts of another size": ((6,), {"counts": [1, 2]}, ValueError, r"6, counts has 2"),
    "counts of rank 2": ((6,), {"counts": np.ones((6, 1))}, ValueError, re.escape("[6, 1]")),
    "a negative count": ((2,), {"counts": [1, -2]}, ValueError, r"counts\[1\] is -2"),
    "an infinite count": ((2,), {"counts": [np.inf, 1]}, ValueError, r"counts\[0\] is inf"),
    "counts of text": ((2,), {"counts": ["a", "b"]}, TypeError, "counts"),
}


@pytest.mark.parametrize(
    ("positional", "options", "error", "pattern"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS
)
def test_bad_arguments(
    positional: tuple[Any, ...], options: dict[str, Any], error: type[Exception], pattern: str
) -> None:
    with pytest.raises(error, match=pattern):
        mc.StreamingFrequencies(*positional, **options)


@pytest.mark.parametrize(
    ("labels", "error", "pattern"),
    [
        (np.array([[1, 2], [3, 6]]), ValueError, re.escape("labels[1, 1] is 6, outside [0, 6)")),
        (np.array([-1]), ValueError, re.escape("labels[0, 0] is -1, outside [0, 6)")),
        (np.zeros((1, 1, 1), np.int64), ValueError, "labels has shape"),
        (np.array([1.0]), TypeError, "labels.*float64.*int64"),
        (np.array([1], np.int32), TypeError, "labels.*int32.*int64"),
    ],
)
def test_bad_labels_count_nothing(labels: Any, error: type[Exception], pattern: str) -> None:
    frequencies = mc.StreamingFrequencies(6, half_life=5)
    frequencies.update([1, 2])
    before = frequencies.probability(IDS)
    with pytest.raises(error, match=pattern):
        frequencies.update(labels)
    assert_same_bits(frequencies.probability(IDS), before)
    assert frequencies.num_labels == 2


def test_bad_ids() -> None:
    with pytest.raises(ValueError, match=re.escape("ids[1] is 6, outside [0, 6)")):
        mc.StreamingFrequencies(6).probability([0, 6])
