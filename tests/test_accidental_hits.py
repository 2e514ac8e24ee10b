"""Accidental hits: TensorFlow's, in its order, for any ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits

FLOAT32_MAX = np.finfo(np.float32).max


def plain_hits(labels: Any, candidates: list[int]) -> tuple[list[int], list[int]]:
    """Return indices and ids: for each label the last candidate equal to it."""
    last = {candidate: k for k, candidate in enumerate(candidates)}
    hits = [(i, last[y]) for i, row in enumerate(labels) for y in row if y in last]
    return [i for i, _ in hits], [k for _, k in hits]


int64s = st.integers(-(2**63), 2**63 - 1)
# Few ids, so that they meet; and the patterns that a hash table could mind.
few = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([-(2**63), 2**63 - 1, 2**32, -(2**32), 2**62]),
    st.integers(0, 7).map(lambda k: k << 60),
)


@given(st.integers(1, 4), st.data(), st.sampled_from([few, int64s]))
def test_hits_are_those_of_a_plain_loop(num_true: int, data: Any, ids: Any) -> None:
    rows = st.lists(ids, min_size=num_true, max_size=num_true)
    labels = data.draw(st.lists(rows, max_size=12))
    candidates = data.draw(st.lists(ids, max_size=20))
    hits = mc.compute_accidental_hits(
        np.array(labels, np.int64).reshape(-1, num_true), candidates, num_true
    )
    indices, positions = plain_hits(labels, candidates)
    assert_same_bits(hits.indices, np.array(indices, np.int32))
    assert_same_bits(hits.ids, np.array(positions, np.int64))
    assert_same_bits(hits.weights, np.full(len(indices), -FLOAT32_MAX, np.float32))


def test_hits_of_tensorflows_documentation() -> None:
    # A repeated candidate counts where it stands last, a repeated label each time.
    indices, ids, weights = mc.compute_accidental_hits([[5, 5], [1, 7]], [7, 5, 1, 5], 2, 3, "name")
    assert indices.tolist() == [0, 0, 1, 1]
    assert ids.tolist() == [3, 3, 2, 0]
    assert weights.tolist() == [-3.4028234663852886e38] * 4


def test_many_hits() -> None:
    random = np.random.default_rng(1)
    candidates = random.permutation(1 << 17) << 30
    labels = (random.integers(0, 1 << 18, (1 << 15, 2))) << 30
    hits = mc.compute_accidental_hits(labels, candidates, 2)
    order = np.argsort(candidates)
    place = np.searchsorted(candidates, labels, sorter=order)
    found = candidates[order[np.minimum(place, len(order) - 1)]] == labels
    assert_same_bits(hits.indices, np.nonzero(found)[0].astype(np.int32))
    assert_same_bits(hits.ids, order[place[found]])


@pytest.mark.parametrize(
    ("arguments", "error", "pattern"),
    [
        (([0, 1], [0], 1), ValueError, r"true_classes has shape \[2\]"),
        (([[0, 1]], [0], 1), ValueError, "true_classes has 2 columns, num_true is 1"),
        (([[0]], [[0]], 1), ValueError, r"sampled_candidates has shape \[1, 1\]"),
        (([[0]], 0, 1), TypeError, "sampled_candidates"),
        (([[0]], np.zeros(2, np.int32), 1), TypeError, "sampled_candidates.*int32"),
        ((np.zeros((1, 1), np.float32), [0], 1), TypeError, "true_classes.*float32"),
        (([[0]], [0], 0), ValueError, "num_true is 0"),
    ],
)
def test_hits_refuse(arguments: Any, error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=pattern):
        mc.compute_accidental_hits(*arguments)
