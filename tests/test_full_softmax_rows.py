"""The gradient of the full softmax, some rows at a time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import TOLERANCE, assert_same_bits
from child_process import run_child
from random_problems import LAYOUTS, make_problem, problem_laid_out
from random_ragged import make_ragged_problem
from reference import Problem, cut, joined

WEIGHTS, BIASES, LABELS, INPUTS = make_problem(4)


def assert_rows_agree(gradient: mc.FullSoftmaxGradient, loss: Any, expected: Any) -> None:
    """Hold rows to the bits of all at once; the gradient of inputs is another sum."""
    assert_same_bits(gradient.loss, loss)
    weights, biases = (np.full_like(table, np.nan) for table in expected[:2])
    for rows in gradient:
        assert np.isnan(biases[rows.classes]).all()  # each class once
        assert len(biases[rows.classes]) == len(rows.biases) == len(rows.weights)
        weights[rows.classes] = rows.weights
        biases[rows.classes] = rows.biases
    assert_same_bits(weights, expected[0])
    assert_same_bits(biases, expected[1])
    assert gradient.inputs.dtype == expected[2].dtype
    largest = max(1e-2, float(np.abs(expected[2]).max(initial=0)))
    error = np.abs(gradient.inputs - expected[2]).max(initial=0)
    assert error <= 4 * TOLERANCE[gradient.inputs.dtype] * largest


@given(
    st.integers(0, 999),
    st.integers(1, 300),
    st.integers(0, 30),
    st.integers(1, 400),
    st.sampled_from([np.float32, np.float64]),
)
def test_rows_are_those_of_all_at_once(
    seed: int, num_classes: int, batch: int, rows_at_once: int, dtype: Any
) -> None:
    problem = make_ragged_problem(
        seed,
        num_classes=num_classes,
        batch=batch,
        weighted=seed % 2 == 0,
        label_smoothing=0.1 * (seed % 3),
        dtype=dtype,
    )
    arguments = problem.keywords()
    if seed % 5 == 0:
        arguments["grad_loss"] = np.linspace(-1, 2, batch).astype(dtype)
    loss, expected = mc.full_softmax_loss_and_grad(**arguments)
    gradient = mc.FullSoftmaxGradient(**arguments, rows_at_once=rows_at_once)
    assert_rows_agree(gradient, loss, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("batch", [2, 300])
def test_rows_of_any_layout(layout: str, batch: int) -> None:
    problem = make_problem(5, num_classes=900, dim=17, batch=batch, num_true=2)
    loss, expected = mc.full_softmax_loss_and_grad(*problem, 2)
    gradient = mc.FullSoftmaxGradient(*problem_laid_out(problem, layout), 2, rows_at_once=250)
    assert_rows_agree(gradient, loss, expected)


@pytest.mark.parametrize("strategy", ["div", "mod"])
@pytest.mark.parametrize("num_shards", [(3, 3), (7, 1), (1, 4), (600, 2)])
@pytest.mark.parametrize("rows_at_once", [1, 64, 10**12])
def test_rows_of_shards(num_shards: tuple[int, int], strategy: str, rows_at_once: int) -> None:
    weights, biases, labels, inputs = make_problem(6, num_classes=600, batch=20)
    tables = cut(weights, num_shards[0], strategy), cut(biases, num_shards[1], strategy)
    options = {"partition_strategy": strategy}
    loss, expected = mc.full_softmax_loss_and_grad(*tables, labels, inputs, **options)
    whole = joined(expected.weights, strategy), joined(expected.biases, strategy), expected.inputs
    gradient = mc.FullSoftmaxGradient(*tables, labels, inputs, **options, rows_at_once=rows_at_once)
    assert_rows_agree(gradient, loss, whole)


def test_same_bits_at_every_number_of_threads() -> None:
    problem = make_problem(7, num_classes=3000, dim=20, batch=300)
    found = []
    for num_threads in (1, 2, 7):
        gradient = mc.FullSoftmaxGradient(*problem, rows_at_once=1000, num_threads=num_threads)
        rows = [(r.classes, r.weights.tobytes(), r.biases.tobytes()) for r in gradient]
        found.append((gradient.loss.tobytes(), rows, gradient.inputs.tobytes()))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("strategy", ["div", "mod"])
@pytest.mark.parametrize("batch", [3, 270])
def test_rows_that_were_given_may_be_updated_at_once(strategy: str, batch: int) -> None:
    weights, biases, labels, inputs = make_problem(8, num_classes=500, batch=batch)
    tables = cut(weights, 3, strategy), cut(biases, 3, strategy)
    options = {"partition_strategy": strategy, "rows_at_once": 70}
    still = mc.FullSoftmaxGradient(*tables, labels, inputs, **options)
    expected = [(r.weights.copy(), r.biases.copy()) for r in still]
    moving = mc.FullSoftmaxGradient(*tables, labels, inputs, **options)
    place = {c: (p, j) for p in range(3) for j, c in enumerate(classes_of(p, strategy))}
    for rows, (grad_weights, grad_biases) in zip(moving, expected, strict=True):
        assert_same_bits(rows.weights, grad_weights)
        assert_same_bits(rows.biases, grad_biases)
        for k, c in enumerate(range(500)[rows.classes]):
            p, j = place[c]
            tables[0][p][j] = 1e6 * rows.weights[k] - 5
            tables[1][p][j] = np.nan
    assert_same_bits(moving.inputs, still.inputs)


def classes_of(shard: int, strategy: str) -> list[int]:
    return cut(np.arange(500), 3, strategy)[shard].tolist()  # type: ignore[no-any-return]


def test_training_rows_at_a_time_is_training_at_once() -> None:
    weights, biases, labels, inputs = make_problem(9, num_classes=400, batch=30, dtype=np.float64)
    other_weights, other_biases = weights.copy(), biases.copy()
    optimizer, other = mc.Adagrad(0.1), mc.Adagrad(0.1)
    classes = np.arange(400)
    for _ in range(3):
        gradient = mc.FullSoftmaxGradient(weights, biases, labels, inputs, rows_at_once=90)
        for rows in gradient:
            ids = classes[rows.classes]
            optimizer.apply(weights, mc.IndexedSlices(rows.weights, ids, weights.shape))
            optimizer.apply(biases, mc.IndexedSlices(rows.biases, ids, biases.shape))
        _, dense = mc.full_softmax_loss_and_grad(other_weights, other_biases, labels, inputs)
        other.apply(other_weights, mc.IndexedSlices(dense.weights, classes, weights.shape))
        other.apply(other_biases, mc.IndexedSlices(dense.biases, classes, biases.shape))
    assert_same_bits(weights, other_weights)
    assert_same_bits(biases, other_biases)


def small_gradient(**options: Any) -> mc.FullSoftmaxGradient:
    return mc.FullSoftmaxGradient(WEIGHTS, BIASES, LABELS, INPUTS, **options)


def test_the_gradient_of_inputs_is_known_with_the_last_row() -> None:
    gradient = small_gradient(rows_at_once=10)
    message = "the gradient of inputs is the sum over all rows; iterate over them first"
    with pytest.raises(RuntimeError, match=message):
        _ = gradient.inputs
    steps = iter(gradient)
    next(steps)
    with pytest.raises(RuntimeError, match=message):
        _ = gradient.inputs
    next(steps)
    assert gradient.inputs.shape == (5, 8)


def test_iterating_goes_on_where_it_stopped_and_gives_nothing_twice() -> None:
    gradient = small_gradient(rows_at_once=6)
    for rows in gradient:
        assert rows.classes == slice(0, 6, 1)
        break
    assert [rows.classes.start for rows in gradient] == [6, 12, 18]
    assert list(gradient) == []
    _, expected = mc.full_softmax_loss_and_grad(WEIGHTS, BIASES, LABELS, INPUTS)
    np.testing.assert_allclose(gradient.inputs, expected.inputs, atol=1e-6)


def test_an_exception_of_the_caller_loses_no_rows() -> None:
    gradient = small_gradient(rows_at_once=15)

    def update(rows: mc.GradientRows) -> None:
        raise KeyError(rows.classes)

    with pytest.raises(KeyError):
        list(map(update, gradient))
    assert [rows.classes for rows in gradient] == [slice(15, 20, 1)]


def test_arrays_live_as_long_as_they_are_needed() -> None:
    problem = make_problem(10, num_classes=3000, dim=30, batch=40)
    _, expected = mc.full_softmax_loss_and_grad(*problem)
    gradient = mc.FullSoftmaxGradient(*(array.copy() for array in problem), rows_at_once=500)
    _ = [np.full(n, 9.0) for n in (90_000, 3000, 40, 1200)]  # takes what would have been freed
    weights = np.concatenate([rows.weights for rows in gradient])
    assert_same_bits(weights, expected.weights)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rows_at_once": 0}, ValueError, "rows_at_once is 0; it must be at least 1"),
        ({"rows_at_once": -3}, ValueError, "rows_at_once is -3; it must be at least 1"),
        ({"rows_at_once": 2.0}, TypeError, "rows_at_once is 2.0; it must be an integer"),
        ({"labels": np.full((5, 1), 20)}, ValueError, "labels[0, 0] is 20, outside [0, 20)"),
        ({"inputs": INPUTS[1:]}, ValueError, "labels has 5 rows, inputs has 4"),
        ({"grad_loss": np.ones(4, np.float32)}, ValueError, "grad_loss has 4 entries"),
        ({"grad_loss": np.ones(5)}, TypeError, "grad_loss has dtype float64"),
        ({"label_smoothing": 1.0}, ValueError, "label_smoothing is 1"),
        ({"num_threads": 0}, ValueError, "num_threads is 0"),
        ({"partition_strategy": "row"}, ValueError, 'partition_strategy is "row"'),
    ],
)
def test_what_does_not_fit_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = Problem(WEIGHTS, BIASES, LABELS, INPUTS)._asdict() | change
    with pytest.raises(error, match=re.escape(message)):
        mc.FullSoftmaxGradient(**arguments)


def test_ctrl_c_within_rows_leaves_it_refusing() -> None:
    # A row block of 4 * 10^10 products, interrupted; its rows are half done: none come any more.
    child = run_child("""
import os, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
import manyclass as mc
rows = 1_000_000
weights = np.broadcast_to(np.zeros(64, np.float32), (rows, 64))
biases = np.broadcast_to(np.float32(0), rows)
inputs, labels = np.zeros((400, 64), np.float32), np.zeros((400, 1), np.int64)
gradient = mc.FullSoftmaxGradient(weights, biases, labels, inputs, rows_at_once=500_000)
threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for _ in gradient:
        print("rows")
except KeyboardInterrupt:
    print("interrupted")
for attempt in (lambda: next(iter(gradient)), lambda: gradient.inputs):
    try:
        attempt()
    except RuntimeError as error:
        print(error)
""")
    assert child.stdout.splitlines() == [
        "interrupted",
        "the gradients are being computed in another thread, or an exception has ended that "
        "halfway",
        "the gradient of inputs is the sum over all rows; iterate over them first",
    ], child.stderr
