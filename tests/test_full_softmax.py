"""The softmax over all classes: loss, gradients, label ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
import reference
from agreement import assert_agrees, assert_gradients_agree, assert_same_bits
from random_problems import LAYOUTS, make_problem, problem_laid_out
from reference import Problem


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Shapes, dtypes and layouts; the values follow from a seed."""
    problem = make_problem(
        draw(st.integers(0, 10_000)),
        num_classes=draw(st.integers(1, 90)),
        dim=draw(st.integers(1, 70)),
        batch=draw(st.integers(0, 40)),
        num_true=draw(st.integers(1, 4)),
        dtype=draw(st.sampled_from([np.float32, np.float64])),
    )
    return problem_laid_out(problem, draw(st.sampled_from(LAYOUTS)))


def integer_problem(seed: int, num_classes: int, batch: int, num_true: int) -> Problem:
    """Small integers held in floats: logits are exact and many of them are equal."""
    rng = np.random.default_rng(seed)
    return Problem(
        rng.integers(-2, 3, (num_classes, 5)).astype(np.float32),
        rng.integers(-1, 2, num_classes).astype(np.float32),
        rng.integers(0, num_classes, (batch, num_true)),
        rng.integers(-2, 3, (batch, 5)).astype(np.float32),
    )


def uncancelled_scale(problem: Problem, grad_loss: np.ndarray | None) -> float | None:
    """Return what errors are relative to: with few classes the batch's gradients cancel."""
    if len(problem.weights) >= 4 or len(problem.labels) == 0:
        return None
    largest = 1.0 if grad_loss is None else float(np.abs(grad_loss).max())
    entries = np.abs(problem.inputs).max(), np.abs(problem.weights).max()
    return largest * max(1.0, *map(float, entries))


@given(problems(), st.booleans())
def test_agrees_with_oracle(problem: Problem, weighted: bool) -> None:
    num_true = problem.labels.shape[1]
    grad_loss = None
    if weighted:
        grad_loss = np.linspace(-1, 2, len(problem.labels)).astype(problem.weights.dtype)
    loss, gradients = mc.full_softmax_loss_and_grad(*problem, num_true, grad_loss=grad_loss)
    expected_loss, expected = reference.full_softmax(problem, grad_loss)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected, uncancelled_scale(problem, grad_loss))
    assert loss.dtype == gradients.weights.dtype == problem.weights.dtype
    assert_same_bits(mc.full_softmax_loss(*problem, num_true), loss)


@pytest.mark.parametrize("num_true", [1, 3, 7, 10])
def test_the_gradient_of_a_certain_class_is_zero(num_true: int) -> None:
    weights, inputs = np.ones((1, 2), np.float32), np.ones((3, 2), np.float32)
    labels = np.zeros((3, num_true), np.int64)
    loss, gradients = mc.full_softmax_loss_and_grad(
        weights, np.zeros(1, np.float32), labels, inputs, num_true
    )
    assert loss.tolist() == [0, 0, 0]
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("num_classes", "dim", "batch"), [(20_011, 33, 70), (3001, 257, 150), (700, 16, 1033)]
)
def test_agrees_beyond_one_tile(num_classes: int, dim: int, batch: int, dtype: type) -> None:
    problem = make_problem(
        1, num_classes=num_classes, dim=dim, batch=batch, num_true=2, dtype=dtype
    )
    loss, gradients = mc.full_softmax_loss_and_grad(*problem, 2)
    expected_loss, expected = reference.full_softmax(problem)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


def test_gradients_agree_with_finite_differences() -> None:
    problem = make_problem(2, num_classes=9, dim=4, batch=5, num_true=2, dtype=np.float64)
    _, gradients = mc.full_softmax_loss_and_grad(*problem, 2)
    step = 1e-5
    for name in ("weights", "biases", "inputs"):
        variable = getattr(problem, name)
        for place in np.ndindex(variable.shape):
            totals = []
            for shift in (step, -step):
                moved = variable.copy()
                moved[place] += shift
                moved_problem = problem._replace(**{name: moved})
                totals.append(float(mc.full_softmax_loss(*moved_problem, 2).sum()))
            slope = (totals[0] - totals[1]) / (2 * step)
            assert getattr(gradients, name)[place] == pytest.approx(slope, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand(dtype: type) -> None:
    exact = integer_problem(3, num_classes=40, batch=20, num_true=2)
    problem = Problem(
        (2000 * exact.weights).astype(dtype),
        exact.biases.astype(dtype),
        exact.labels,
        exact.inputs.astype(dtype),
    )
    assert np.abs(problem.inputs @ problem.weights.T).max() > 1e4
    loss, gradients = mc.full_softmax_loss_and_grad(*problem, 2)
    expected_loss, expected = reference.full_softmax(problem)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_at_every_number_of_threads(dtype: type) -> None:
    problem = make_problem(4, num_classes=5000, dim=23, batch=301, num_true=2, dtype=dtype)
    loss, gradients = mc.full_softmax_loss_and_grad(*problem, 2, num_threads=1)
    ranks = mc.label_ranks(*problem, 2, num_threads=1)
    for num_threads in (2, 3, 8):
        other_loss, other = mc.full_softmax_loss_and_grad(*problem, 2, num_threads=num_threads)
        assert_same_bits(other_loss, loss)
        for one, same in zip(other, gradients, strict=True):
            assert_same_bits(one, same)
        assert_same_bits(mc.full_softmax_loss(*problem, 2, num_threads=num_threads), loss)
        assert_same_bits(mc.label_ranks(*problem, 2, num_threads=num_threads), ranks)


@given(st.integers(0, 1000), st.integers(1, 80), st.integers(0, 30), st.integers(1, 3))
def test_ranks_agree_with_oracle(seed: int, num_classes: int, batch: int, num_true: int) -> None:
    problem = integer_problem(seed, num_classes, batch, num_true)
    ranks = mc.label_ranks(*problem, num_true)
    assert_same_bits(ranks, reference.label_ranks(problem))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_classes", [1, 77, 1030])
def test_equal_rows_tie_exactly(dtype: type, num_classes: int) -> None:
    # A label's logit summed in another order than its rivals' would break such ties by rounding.
    problem = make_problem(5, num_classes=num_classes, dim=37, batch=29, num_true=2, dtype=dtype)
    problem.weights[:] = problem.weights[0]
    problem.biases[:] = problem.biases[0]
    assert_same_bits(mc.label_ranks(*problem, 2), problem.labels + 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ranks_of_all_classes_are_a_permutation(dtype: type) -> None:
    problem = make_problem(6, num_classes=300, dim=19, batch=4, dtype=dtype)
    every = np.tile(np.arange(300), (4, 1))
    ranks = mc.label_ranks(problem.weights, problem.biases, every, problem.inputs, 300)
    for row, logits in zip(ranks, problem.inputs @ problem.weights.T + problem.biases, strict=True):
        assert sorted(row) == list(range(1, 301))
        assert row[logits.argmax()] == 1


def test_batch_may_be_empty() -> None:
    problem = make_problem(7, batch=0)
    loss, gradients = mc.full_softmax_loss_and_grad(*problem)
    assert loss.shape == (0,)
    assert not gradients.weights.any()
    assert not gradients.biases.any()
    assert mc.label_ranks(*problem).shape == (0, 1)
