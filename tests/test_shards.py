"""Weights and biases given as lists of shards, cut as TensorFlow cuts them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_agrees, assert_same_bits, assert_same_slices
from random_problems import make_problem, make_sample
from reference import Problem, cut, full_softmax, joined

NUM_CLASSES = 13
PROBLEM = make_problem(1, num_classes=NUM_CLASSES, dim=7, batch=6, num_true=2)
SAMPLE = make_sample(2, PROBLEM, 5)
STRATEGIES = ("div", "mod")


def sampled(weights: Any, biases: Any, strategy: str) -> tuple[np.ndarray, mc.Gradients]:
    """Sampled loss and gradients of the one problem, its rows cut somehow."""
    return mc.sampled_softmax_loss_and_grad(
        weights,
        biases,
        PROBLEM.labels,
        PROBLEM.inputs,
        5,
        NUM_CLASSES,
        2,
        mc.SampledValues(*SAMPLE),
        partition_strategy=strategy,
    )


def assert_shard_slices(
    slices: list[mc.IndexedSlices], whole: mc.IndexedSlices, shards: list[np.ndarray], strategy: str
) -> None:
    """Each shard's slices are of its own shape, and together they are the unsharded gradient."""
    assert isinstance(slices, list)
    assert len(slices) == len(shards)
    for one, shard in zip(slices, shards, strict=True):
        assert tuple(one.dense_shape) == shard.shape
        assert one.indices.dtype == np.int64
        assert (np.diff(one.indices) > 0).all()
        assert one.values.shape == (len(one.indices), *shard.shape[1:])
    assert sum(len(one.indices) for one in slices) == len(whole.indices)
    assert_same_bits(joined([one.to_dense() for one in slices], strategy), whole.to_dense())


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("num_shards", [2, 3, 5, 13])
@pytest.mark.parametrize("which", ["both", "weights", "biases"])
def test_sampled_loss_of_shards(strategy: str, num_shards: int, which: str) -> None:
    whole_loss, whole = sampled(PROBLEM.weights, PROBLEM.biases, "div")
    weights = cut(PROBLEM.weights, num_shards, strategy)
    biases = cut(PROBLEM.biases, num_shards, strategy)
    loss, gradients = sampled(
        PROBLEM.weights if which == "biases" else weights,
        PROBLEM.biases if which == "weights" else biases,
        strategy,
    )
    assert_same_bits(loss, whole_loss)
    assert_same_bits(gradients.inputs, whole.inputs)
    if which == "biases":
        assert_same_slices(gradients.weights, whole.weights)
    else:
        assert_shard_slices(gradients.weights, whole.weights, weights, strategy)
    if which == "weights":
        assert_same_slices(gradients.biases, whole.biases)
    else:
        assert_shard_slices(gradients.biases, whole.biases, biases, strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("num_shards", [2, 5])
def test_full_softmax_of_shards(strategy: str, num_shards: int) -> None:
    expected_loss, expected = full_softmax(PROBLEM)
    weights = cut(PROBLEM.weights, num_shards, strategy)
    biases = cut(PROBLEM.biases, num_shards, strategy)
    arguments = (weights, biases, PROBLEM.labels, PROBLEM.inputs, 2)
    loss, gradients = mc.full_softmax_loss_and_grad(*arguments, partition_strategy=strategy)
    # Sums run over the classes in the order of the shards, so bits may differ from the whole's.
    assert_agrees(loss, expected_loss)
    assert_same_bits(mc.full_softmax_loss(*arguments, partition_strategy=strategy), loss)
    assert_agrees(joined(gradients.weights, strategy), expected.weights)
    assert_agrees(joined(gradients.biases, strategy), expected.biases)
    assert_agrees(gradients.inputs, expected.inputs)
    assert [g.shape for g in gradients.weights] == [shard.shape for shard in weights]
    ranks = mc.label_ranks(*arguments, partition_strategy=strategy)
    assert_same_bits(ranks, mc.label_ranks(*PROBLEM, 2))


def test_num_shards_may_differ_between_weights_and_biases() -> None:
    whole_loss, _ = sampled(PROBLEM.weights, PROBLEM.biases, "div")
    loss, _ = sampled(cut(PROBLEM.weights, 3, "div"), cut(PROBLEM.biases, 2, "div"), "div")
    assert_same_bits(loss, whole_loss)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("which", ["weights", "biases"])
def test_one_table_of_many_classes_in_shards(strategy: str, which: str) -> None:
    # Classes are read in blocks, and a block may lie in one shard.
    many = make_problem(3, num_classes=2000, dim=3, batch=6, num_true=2)
    weights, biases, labels, inputs = many
    expected = mc.full_softmax_loss_and_grad(weights, biases, labels, inputs, 2)
    best = mc.top_k(weights, biases, inputs, 5)[1]
    tables: dict[str, Any] = {"weights": weights, "biases": biases}
    tables[which] = cut(tables[which], 3, strategy)
    options: dict[str, Any] = {"inputs": inputs, "partition_strategy": strategy}
    loss, gradients = mc.full_softmax_loss_and_grad(**tables, labels=labels, num_true=2, **options)
    assert_agrees(loss, expected[0])
    for gradient, wanted in zip(gradients, expected[1], strict=True):
        whole = joined(gradient, strategy) if isinstance(gradient, list) else gradient
        assert_agrees(whole, wanted)
    assert_same_bits(mc.top_k(**tables, k=5, **options)[1], best)


def test_mod_shards_are_not_div_shards() -> None:
    whole_loss, _ = sampled(PROBLEM.weights, PROBLEM.biases, "div")
    swapped, _ = sampled(cut(PROBLEM.weights, 3, "mod"), PROBLEM.biases, "div")
    assert swapped.tobytes() != whole_loss.tobytes()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_shard_is_the_whole(strategy: str) -> None:
    whole_loss, whole = sampled(PROBLEM.weights, PROBLEM.biases, "div")
    loss, gradients = sampled([PROBLEM.weights], [PROBLEM.biases], strategy)
    assert_same_bits(loss, whole_loss)
    (only,) = gradients.weights
    assert_same_slices(only, whole.weights)


def test_rows_of_shards_may_have_any_stride() -> None:
    whole_loss, _ = sampled(PROBLEM.weights, PROBLEM.biases, "div")
    views = [PROBLEM.weights[part::3] for part in range(3)]  # no copy: a stride of three rows
    loss, _ = sampled(views, PROBLEM.biases, "mod")
    assert_same_bits(loss, whole_loss)


def test_a_shard_that_nothing_touches_has_no_rows() -> None:
    problem = Problem(
        PROBLEM.weights, PROBLEM.biases, np.array([[0], [1]]), PROBLEM.inputs[:2].copy()
    )
    sample = mc.SampledValues(np.array([2, 3]), np.ones((2, 1), np.float32), np.ones(2, np.float32))
    _, gradients = mc.sampled_softmax_loss_and_grad(
        cut(PROBLEM.weights, 2, "div"), *problem[1:], 2, NUM_CLASSES, 1, sample
    )
    first, second = gradients.weights
    assert first.indices.tolist() == [0, 1, 2, 3]
    assert second.values.shape == (0, 7)
    assert tuple(second.dense_shape) == (6, 7)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("sizes", "shard", "right"),
    [
        ((4, 5, 4), 0, 5),
        ((4, 4, 5), 0, 5),
        ((6, 4, 3), 0, 5),
        ((13, 0, 0), 0, 5),
        ((5, 5, 3), 1, 4),
    ],
)
def test_uneven_cut_is_refused(
    strategy: str, sizes: tuple[int, ...], shard: int, right: int
) -> None:
    shards = np.split(PROBLEM.weights, np.cumsum(sizes)[:-1])
    pattern = rf"\[{shard}\] has {sizes[shard]} rows.*\b{right}\b"
    with pytest.raises(ValueError, match="weights" + pattern):
        sampled(shards, PROBLEM.biases, strategy)
    bias_shards = np.split(PROBLEM.biases, np.cumsum(sizes)[:-1])
    with pytest.raises(ValueError, match="biases" + pattern):
        sampled(PROBLEM.weights, bias_shards, strategy)


@pytest.mark.parametrize("strategy", ["", "unheard of", "DIV"])
def test_unknown_strategy_is_refused(strategy: str) -> None:
    expected = (
        rf"(?s)(?=.*partition_strategy)(?=.*{re.escape(repr(strategy)[1:-1])})(?=.*div)(?=.*mod)"
    )
    with pytest.raises(ValueError, match=expected):
        sampled(cut(PROBLEM.weights, 2, "div"), PROBLEM.biases, strategy)


def test_empty_list_is_refused() -> None:
    with pytest.raises(ValueError, match="weights"):
        sampled([], PROBLEM.biases, "div")
    with pytest.raises(ValueError, match="biases"):
        sampled(PROBLEM.weights, [], "div")


def test_shards_of_different_dim_or_dtype_are_refused() -> None:
    first, second = cut(PROBLEM.weights, 2, "div")
    with pytest.raises(ValueError, match=r"weights\[1\]"):
        sampled([first, second[:, :6]], PROBLEM.biases, "div")
    with pytest.raises(TypeError, match=r"weights\[1\].*float64"):
        sampled([first, second.astype(np.float64)], PROBLEM.biases, "div")
