"""`top_k` with classes that examples may not be answered, against a sort without them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from random_problems import LAYOUTS, laid_out
from reference import cut

Rows = list[np.ndarray]


def exact_problem(seed: int, num_classes: int, batch: int) -> tuple[Any, Any, Any]:
    """Return weights, biases and inputs of small integers: logits are exact and often equal."""
    rng = np.random.default_rng(seed)
    shapes = (num_classes, 5), (num_classes,), (batch, 5)
    return tuple(rng.integers(-2, 3, shape).astype(np.float32) for shape in shapes)


def ragged(rows: Rows) -> mc.RaggedLabels:
    values = np.concatenate([np.zeros(0, np.int64), *rows])
    return mc.RaggedLabels(values, np.cumsum([0, *map(len, rows)]))


def best_left(problem: tuple[Any, Any, Any], rows: Rows, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k best of the classes that are left, in float64, one example at a time."""
    weights, biases, inputs = (a.astype(np.float64) for a in problem)
    values, indices = np.zeros((len(inputs), k)), np.zeros((len(inputs), k), np.int64)
    for i, x in enumerate(inputs):
        left = np.setdiff1d(np.arange(len(weights)), rows[i])
        logits = weights[left] @ x + biases[left]
        order = np.argsort(-logits, kind="stable")[:k]
        values[i], indices[i] = logits[order], left[order]
    return values, indices


def assert_best_left(problem: Any, rows: Rows, k: int, excluded: Any, **options: Any) -> None:
    values, indices = mc.top_k(*problem, k, excluded=excluded, **options)
    expected = best_left(problem, rows, k)
    np.testing.assert_array_equal(indices, expected[1])
    np.testing.assert_array_equal(values, expected[0])


@given(st.integers(0, 999), st.integers(1, 200), st.integers(0, 12), st.data())
def test_ragged_ones_are_never_answered(
    seed: int, num_classes: int, batch: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    most = data.draw(st.integers(0, num_classes - 1))
    # Repetitions and any order: a draw of as many distinct classes, some of them twice.
    rows = [
        rng.permutation(np.repeat(rng.permutation(num_classes)[: rng.integers(0, most + 1)], 2))
        for _ in range(batch)
    ]
    left = num_classes - max((len(np.unique(row)) for row in rows), default=0)
    k = data.draw(st.integers(1, left))
    assert_best_left(exact_problem(seed, num_classes, batch), rows, k, ragged(rows))


@pytest.mark.parametrize("batch", [1, 4, 5, 17, 256, 257, 600])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matrix(batch: int, layout: str) -> None:
    # Beyond one chunk of examples, where example and lane differ.
    matrix = np.random.default_rng(batch).integers(0, 1500, (batch, 40))
    matrix[:, 7] = matrix[:, 3]
    problem = exact_problem(batch, 1500, batch)
    assert_best_left(problem, list(matrix), 9, laid_out(matrix, layout))


def test_lists_and_read_only_arrays() -> None:
    problem = exact_problem(1, 30, 2)
    rows = [np.array([3, 29, 3]), np.array([0, 1, 2])]
    assert_best_left(problem, rows, 4, [row.tolist() for row in rows])
    matrix = np.array(rows)
    matrix.flags.writeable = False
    assert_best_left(problem, rows, 4, matrix)


@pytest.mark.parametrize("batch", [3, 20])
def test_the_best_of_each_example_excluded_moves_the_others_up(batch: int) -> None:
    problem = exact_problem(2, 3000, batch)
    values, indices = mc.top_k(*problem, 60)
    fewer_values, fewer = mc.top_k(*problem, 20, excluded=np.ascontiguousarray(indices[:, :40]))
    np.testing.assert_array_equal(fewer, indices[:, 40:])
    np.testing.assert_array_equal(fewer_values, values[:, 40:])


@pytest.mark.parametrize("batch", [2, 9])
def test_all_but_k(batch: int) -> None:
    rng = np.random.default_rng(3)
    rows = [rng.permutation(700)[:690] for _ in range(batch)]
    assert_best_left(exact_problem(3, 700, batch), rows, 10, np.stack(rows))


@pytest.mark.parametrize("strategy", ["div", "mod"])
@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_shards(strategy: str, num_threads: int) -> None:
    rng = np.random.default_rng(4)
    rows = [rng.integers(0, 1000, rng.integers(0, 300)) for _ in range(21)]
    weights, biases, inputs = exact_problem(4, 1000, 21)
    options = {"partition_strategy": strategy, "num_threads": num_threads}
    excluded = ragged(rows)
    values, indices = mc.top_k(
        cut(weights, 7, strategy),
        cut(biases, 3, strategy),
        inputs,
        12,
        excluded=excluded,
        **options,
    )
    expected = best_left((weights, biases, inputs), rows, 12)
    np.testing.assert_array_equal(indices, expected[1])
    np.testing.assert_array_equal(values, expected[0])


def test_what_excludes_nothing_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    problem = tuple(
        rng.standard_normal(shape).astype(np.float32) for shape in ((400, 9), (400,), (6, 9))
    )
    plain = mc.top_k(*problem, 5)
    none = np.zeros((6, 0), np.int64)
    for excluded in (none, mc.RaggedLabels(none.ravel(), np.zeros(7, np.int64))):
        for found, expected in zip(mc.top_k(*problem, 5, excluded=excluded), plain, strict=True):
            assert_same_bits(found, expected)


def test_nan_is_answered_when_nothing_else_is_left() -> None:
    weights = np.array([[1.0], [np.nan], [2.0], [np.nan]])
    values, indices = mc.top_k(weights, np.zeros(4), np.ones((1, 1)), 2, excluded=[[2, 1]])
    assert indices.tolist() == [[0, 3]]
    np.testing.assert_array_equal(values, [[1, np.nan]])


def test_empty_batch() -> None:
    weights, biases, inputs = exact_problem(6, 20, 0)
    empty = np.zeros(0, np.int64)
    for excluded in (empty.reshape(0, 3), mc.RaggedLabels(empty, np.zeros(1, np.int64))):
        values, indices = mc.top_k(weights, biases, inputs, 3, excluded=excluded)
        assert values.shape == indices.shape == (0, 3)


@pytest.mark.parametrize(
    ("excluded", "k", "error", "message"),
    [
        ([[1], [2], [20]], 1, ValueError, "excluded[2, 0] is 20, outside [0, 20)"),
        ([[1], [-1], [2]], 1, ValueError, "excluded[1, 0] is -1, outside [0, 20)"),
        ([[1], [2]], 1, ValueError, "excluded has 2 rows, inputs has 3"),
        (np.zeros(3, int), 1, ValueError, "excluded has shape [3]; it must have shape [batch,"),
        (np.zeros((3, 1), np.int32), 1, TypeError, "excluded has dtype int32"),
        ([[0.5], [1.0], [2.0]], 1, TypeError, "excluded is a list of float64"),
        ([[1], [2, 3], []], 1, ValueError, "excluded is a list that is no rectangular array"),
        (7, 1, TypeError, "excluded is a int"),
        (ragged([np.array([1])] * 2), 1, ValueError, "excluded has 2 rows, inputs has 3"),
        (
            ragged([np.array([1]), np.array([5, 25]), np.array([2])]),
            1,
            ValueError,
            "excluded.values[2] is 25, outside [0, 20)",
        ),
        (
            mc.RaggedLabels(np.arange(5), np.array([0, 3, 1, 5])),
            1,
            ValueError,
            "excluded.row_splits[2] is 1, below the 3 before it",
        ),
        (
            mc.RaggedLabels(np.arange(5), np.array([0, 1, 2, 4])),
            1,
            ValueError,
            "excluded.row_splits ends with 4",
        ),
        (
            ragged([np.array([1]), np.array([3, 3, 4]), np.array([2])]),
            19,
            ValueError,
            "k is 19, and excluded leaves 18 classes to example 1; k must be at most their number",
        ),
        (np.tile(np.arange(20), (3, 1)), 1, ValueError, "k is 1, and excluded leaves 0 classes"),
        ([[1], [2], [3]], 21, ValueError, "k is 21; it must be at least 1 and at most the 20"),
    ],
)
def test_what_does_not_fit_is_refused(
    excluded: Any, k: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        mc.top_k(*exact_problem(7, 20, 3), k, excluded=excluded)


def test_too_many_are_refused_before_anything_is_computed() -> None:
    # 10^13 products, were they computed; the last example is the bad one.
    num_classes, batch = 2_000_000, 100_000
    weights = np.broadcast_to(np.zeros(64, np.float32), (num_classes, 64))
    inputs = np.broadcast_to(np.zeros(64, np.float32), (batch, 64))
    splits = np.zeros(batch + 1, np.int64)
    splits[-1] = num_classes - 3
    excluded = mc.RaggedLabels(np.arange(num_classes - 3), splits)
    with pytest.raises(ValueError, match="leaves 3 classes to example 99999"):
        mc.top_k(weights, np.zeros(num_classes, np.float32), inputs, 4, excluded=excluded)
