"""SGD and Adagrad on the touched rows of a variable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
import reference
from agreement import assert_agrees, assert_same_bits
from random_problems import LAYOUTS, laid_out, make_problem
from reference import cut, joined


def random_slices(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, num_rows: int
) -> mc.IndexedSlices:
    """Gradients of some distinct rows, ascending."""
    indices = np.sort(rng.permutation(shape[0])[:num_rows])
    values = rng.standard_normal((num_rows, *shape[1:])).astype(dtype)
    return mc.IndexedSlices(values, indices, shape)


@st.composite
def steps(draw: st.DrawFn) -> tuple[np.ndarray, list[mc.IndexedSlices], int]:
    """Return a variable, some gradients for it and a number of threads."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rows = draw(st.integers(1, 50))
    if draw(st.booleans()):
        variable = rng.standard_normal(rows).astype(dtype)
    else:
        dim = draw(st.integers(1, 70))
        matrix = rng.standard_normal((rows, dim)).astype(dtype)
        variable = laid_out(matrix, draw(st.sampled_from(LAYOUTS)))
    count = draw(st.integers(1, 4))
    slices = [
        random_slices(rng, variable.shape, dtype, draw(st.integers(0, rows))) for _ in range(count)
    ]
    return variable, slices, draw(st.integers(1, 3))


@given(steps(), st.sampled_from([0.5, 0.01]))
def test_sgd(case: tuple[np.ndarray, list[mc.IndexedSlices], int], learning_rate: float) -> None:
    variable, gradients, num_threads = case
    expected = variable.astype(np.float64)
    optimizer = mc.SGD(learning_rate)
    for slices in gradients:
        expected = reference.sgd(expected, slices.to_dense().astype(np.float64), learning_rate)
        optimizer.apply(variable, slices, num_threads=num_threads)
    assert_agrees(variable, expected)


@given(steps(), st.sampled_from([(0.1, 1e-7), (0.0, 1e-3), (2.0, 0.0)]))
def test_adagrad(
    case: tuple[np.ndarray, list[mc.IndexedSlices], int], options: tuple[float, float]
) -> None:
    variable, gradients, num_threads = case
    initial, epsilon = options
    expected = variable.astype(np.float64)
    accumulator = np.full(variable.shape, initial)
    optimizer = mc.Adagrad(0.3, initial_accumulator_value=initial, epsilon=epsilon)
    for slices in gradients:
        dense = slices.to_dense().astype(np.float64)
        expected, accumulator = reference.adagrad(expected, accumulator, dense, 0.3, epsilon)
        optimizer.apply(variable, slices, num_threads=num_threads)
    assert_agrees(variable, expected)


def test_adagrad_defaults() -> None:
    variable = np.zeros((2, 1))
    mc.Adagrad(1.0).apply(variable, mc.IndexedSlices(np.array([[3.0]]), np.array([1]), (2, 1)))
    assert variable[0, 0] == 0.0
    assert variable[1, 0] == pytest.approx(-3.0 / (np.sqrt(9.1) + 1e-7), rel=1e-14)


@pytest.mark.parametrize("optimizer", [mc.SGD(0.1), mc.Adagrad(0.1)])
def test_only_touched_rows_change(optimizer: Any) -> None:
    rng = np.random.default_rng(1)
    whole = rng.standard_normal((30, 12)).astype(np.float32)
    before = whole.copy()
    slices = random_slices(rng, (30, 8), np.float32, 6)
    optimizer.apply(whole[:, 2:10], slices)
    touched = np.zeros(whole.shape, bool)
    touched[slices.indices, 2:10] = True
    assert (whole[touched] != before[touched]).all()
    assert_same_bits(whole[~touched], before[~touched])


@pytest.mark.parametrize("strategy", ["div", "mod"])
@pytest.mark.parametrize("make", [lambda: mc.SGD(0.2), lambda: mc.Adagrad(0.2)])
def test_shards_are_updated_like_the_whole(strategy: str, make: Any) -> None:
    problem = make_problem(2, num_classes=31, dim=6, batch=9)
    whole = problem.weights.copy()
    shards = cut(problem.weights, 4, strategy)
    whole_optimizer, shard_optimizer = make(), make()
    for seed in range(3):
        arguments = (problem.biases, problem.labels, problem.inputs, 10, 31)
        _, gradients = mc.sampled_softmax_loss_and_grad(whole, *arguments, seed=seed)
        whole_optimizer.apply(whole, gradients.weights)
        _, gradients = mc.sampled_softmax_loss_and_grad(
            shards, *arguments, seed=seed, partition_strategy=strategy
        )
        shard_optimizer.apply(shards, gradients.weights)
    assert_same_bits(joined(shards, strategy), whole)


def test_adagrad_keeps_a_state_for_each_variable() -> None:
    rng = np.random.default_rng(3)
    slices = [random_slices(rng, (9, 4), np.float64, 5) for _ in range(4)]
    together = [np.zeros((9, 4)), np.ones((9, 4))]
    apart = [v.copy() for v in together]
    one = mc.Adagrad(0.1)
    for gradient in slices:
        for variable in together:
            one.apply(variable, gradient)
    for variable in apart:
        own = mc.Adagrad(0.1)
        for gradient in slices:
            own.apply(variable, gradient)
    for variable, expected in zip(together, apart, strict=True):
        assert_same_bits(variable, expected)


def test_adagrad_tells_its_accumulator() -> None:
    variable = np.zeros((3, 2))
    optimizer = mc.Adagrad(1.0)
    assert optimizer.accumulator(variable).tolist() == [[0.1, 0.1]] * 3
    slices = mc.IndexedSlices(np.array([[3.0, 2.0]]), np.array([1]), (3, 2))
    optimizer.apply(variable, slices)
    assert optimizer.accumulator(variable) == pytest.approx(
        np.array([[0.1, 0.1], [9.1, 4.1], [0.1, 0.1]]), rel=1e-15
    )


def test_adagrad_knows_a_variable_by_its_memory() -> None:
    rng = np.random.default_rng(4)
    first, second = (random_slices(rng, (9, 4), np.float64, 9) for _ in range(2))
    variable, expected = np.zeros((9, 4)), np.zeros((9, 4))
    reference_optimizer, optimizer = mc.Adagrad(0.1), mc.Adagrad(0.1)
    for gradient in (first, second):
        reference_optimizer.apply(expected, gradient)
    optimizer.apply(variable[:], first)
    optimizer.apply(variable[:], second)  # another view, the same memory
    assert_same_bits(variable, expected)


@pytest.mark.parametrize("make", [lambda: mc.SGD(0.2), lambda: mc.Adagrad(0.2)])
def test_same_bits_at_every_number_of_threads(make: Any) -> None:
    rng = np.random.default_rng(5)
    start = rng.standard_normal((4000, 33)).astype(np.float32)
    slices = random_slices(rng, start.shape, np.float32, 3000)
    results = []
    for num_threads in (1, 2, 3, 8):
        variable = start.copy()
        make().apply(variable, slices, num_threads=num_threads)
        results.append(variable)
    for other in results[1:]:
        assert_same_bits(other, results[0])


@pytest.mark.parametrize("optimizer", [mc.SGD(0.5), mc.Adagrad(0.5)])
def test_training_lowers_the_full_loss(optimizer: Any) -> None:
    rng = np.random.default_rng(6)
    weights, biases = np.zeros((50, 10), np.float32), np.zeros(50, np.float32)
    inputs = rng.standard_normal((200, 10)).astype(np.float32)
    labels = (inputs @ rng.standard_normal((10, 50))).argmax(axis=1)[:, None]
    before = mc.full_softmax_loss(weights, biases, labels, inputs).mean()
    sampler = mc.UniformSampler(50, seed=1)
    for _ in range(60):
        _, gradients = mc.sampled_softmax_loss_and_grad(
            weights,
            biases,
            labels,
            inputs,
            20,
            50,
            sampler=sampler,
            grad_loss=np.full(200, 1 / 200, np.float32),
        )
        optimizer.apply(weights, gradients.weights)
        optimizer.apply(biases, gradients.biases)
    after = mc.full_softmax_loss(weights, biases, labels, inputs).mean()
    assert before == pytest.approx(np.log(50), rel=1e-5)
    assert after < 0.7 * before
