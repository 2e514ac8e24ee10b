"""Metrics of ranks: cases worked out by hand, plain NumPy, and scikit-learn's own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, top_k_accuracy_score

import manyclass as mc

Rows = list[list[int]]


def ragged(rows: Rows) -> mc.RaggedLabels:
    values = np.array([rank for row in rows for rank in row], np.int64)
    return mc.RaggedLabels(values, np.cumsum([0, *map(len, rows)]))


def gain(ranks: Any) -> float:
    return sum(1 / math.log2(1 + rank) for rank in ranks)


# Of one example each, from the distinct ranks of its labels.
PLAIN: dict[str, Callable[[set[int], int], float]] = {
    "top_k_accuracy": lambda ranks, k: float(min(ranks) <= k),
    "recall_at_k": lambda ranks, k: sum(rank <= k for rank in ranks) / len(ranks),
    "ndcg_at_k": lambda ranks, k: (
        gain(r for r in ranks if r <= k) / gain(range(1, min(len(ranks), k) + 1))
    ),
}


def test_by_hand() -> None:
    # Ranks 1 and 4; 2 and 3; 7 alone; no label.
    ranks = ragged([[4, 1], [2, 3], [7], []])
    assert mc.top_k_accuracy(ranks, 1) == pytest.approx(1 / 3)
    assert mc.top_k_accuracy(ranks, 2) == pytest.approx(2 / 3)
    assert mc.top_k_accuracy(ranks, 7) == 1
    assert mc.recall_at_k(ranks, 1) == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert mc.recall_at_k(ranks, 3) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert mc.recall_at_k(ranks, 10) == 1
    assert mc.mean_reciprocal_rank(ranks) == pytest.approx((1 + 1 / 2 + 1 / 7) / 3)
    # k = 1: one place, which only the first example fills.
    assert mc.ndcg_at_k(ranks, 1) == pytest.approx(1 / 3)
    best = 1 + 1 / math.log2(3)
    second = (1 / math.log2(3) + 1 / 2) / best
    assert mc.ndcg_at_k(ranks, 3) == pytest.approx((1 / best + second + 0) / 3)
    first = (1 + 1 / math.log2(5)) / best
    assert mc.ndcg_at_k(ranks, 7) == pytest.approx((first + second + 1 / 3) / 3)


@given(
    st.lists(st.lists(st.integers(1, 40), max_size=6), max_size=8),
    st.integers(1, 45),
    st.sampled_from(sorted(PLAIN)),
)
def test_agrees_with_one_example_at_a_time(rows: Rows, k: int, name: str) -> None:
    value = getattr(mc, name)(ragged(rows), k)
    examples = [PLAIN[name](set(row), k) for row in rows if row]
    if not examples:
        assert math.isnan(value)
        return
    assert value == pytest.approx(np.mean(examples), rel=1e-12)
    assert 0 <= value <= 1 + 1e-12


@given(st.integers(0, 999), st.integers(1, 9), st.integers(1, 4), st.integers(1, 12))
def test_a_matrix_is_rows_of_equal_length(seed: int, batch: int, num_true: int, k: int) -> None:
    matrix = np.random.default_rng(seed).integers(1, 12, (batch, num_true))
    rows = ragged(matrix.tolist())
    for name in PLAIN:
        assert getattr(mc, name)(matrix, k) == getattr(mc, name)(rows, k)
    assert mc.mean_reciprocal_rank(matrix) == mc.mean_reciprocal_rank(rows)
    np.testing.assert_allclose(mc.mean_reciprocal_rank(matrix), np.mean(1 / matrix.min(axis=1)))


def test_a_repeated_label_fills_a_row_up() -> None:
    filled, short = np.array([[5, 2, 5], [3, 3, 3]]), ragged([[2, 5], [3]])
    for k in (1, 2, 3, 4, 5, 9):
        for name in PLAIN:
            assert getattr(mc, name)(filled, k) == getattr(mc, name)(short, k)
    assert mc.mean_reciprocal_rank(filled) == mc.mean_reciprocal_rank(short)


@pytest.mark.parametrize("k", [1, 3, 10, 30])
def test_ndcg_is_that_of_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((50, 30))  # no ties, which scikit-learn averages
    relevant = rng.uniform(size=(50, 30)) < 0.2
    relevant[:, 0] |= ~relevant.any(axis=1)
    ranks = 1 + np.argsort(np.argsort(-logits, axis=1), axis=1)
    rows = [ranks[i, relevant[i]].tolist() for i in range(50)]
    expected = ndcg_score(relevant.astype(float), logits, k=k)
    assert mc.ndcg_at_k(ragged(rows), k) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_accuracy_is_that_of_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(2)
    weights, biases = rng.standard_normal((12, 4)), rng.standard_normal(12)
    inputs, labels = rng.standard_normal((200, 4)), rng.integers(0, 12, 200)
    ranks = mc.label_ranks(weights, biases, labels[:, None], inputs)
    expected = top_k_accuracy_score(labels, inputs @ weights.T + biases, k=k, labels=range(12))
    assert mc.top_k_accuracy(ranks, k) == pytest.approx(expected)


def test_perplexity() -> None:
    assert mc.perplexity(np.log(np.array([2.0, 8.0]))) == pytest.approx(4)
    assert mc.perplexity(np.array([1.0, 2.0], np.float32)) == pytest.approx(math.exp(1.5))
    assert mc.perplexity(np.array([700.0, 718.0])) == pytest.approx(math.exp(709))
    assert mc.perplexity(np.array([800.0])) == math.inf
    assert mc.perplexity(np.array([math.inf, 1.0])) == math.inf
    assert math.isnan(mc.perplexity(np.array([math.nan, 1.0])))
    assert math.isnan(mc.perplexity(np.zeros(0)))


@pytest.mark.parametrize("ranks", [np.zeros((0, 1), int), np.zeros((5, 0), int), ragged([[], []])])
def test_no_examples_have_no_metric(ranks: Any) -> None:
    assert all(math.isnan(getattr(mc, name)(ranks, 3)) for name in PLAIN)
    assert math.isnan(mc.mean_reciprocal_rank(ranks))


@pytest.mark.parametrize(
    ("ranks", "k", "error", "message"),
    [
        (np.ones((2, 1), int), 0, ValueError, "k is 0; it must be at least 1"),
        (np.ones((2, 1), int), 1.0, TypeError, "k is 1.0; it must be an integer"),
        (np.ones(2, int), 1, ValueError, "ranks has shape [2]; it must have shape [batch,"),
        (np.zeros((2, 1), int), 1, ValueError, "ranks has the entry 0; ranks begin with 1"),
        (np.ones((2, 1)), 1, TypeError, "ranks has dtype float64; it must be int64"),
        ([[1]], 1, TypeError, "ranks is a list"),
        (
            mc.RaggedLabels(np.ones(3, int), np.array([0, 2])),
            1,
            ValueError,
            "ranks.values has shape [3], ranks.row_splits [2]; row_splits must begin with 0",
        ),
        (mc.RaggedLabels(np.ones(3, int), np.array([1, 3])), 1, ValueError, "begin with 0"),
        (mc.RaggedLabels(np.ones(3, int), np.array([0, 2, 1, 3])), 1, ValueError, "never fall"),
        (mc.RaggedLabels(np.ones(3, int), np.zeros(0, int)), 1, ValueError, "begin with 0"),
        (mc.RaggedLabels(np.ones((3, 1), int), np.array([0, 3])), 1, ValueError, "has shape [3, 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    ranks: Any, k: Any, error: type[Exception], message: str
) -> None:
    for name in PLAIN:
        with pytest.raises(error, match=re.escape(message)):
            getattr(mc, name)(ranks, k)
