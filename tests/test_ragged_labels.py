"""Ragged labels against the oracle of targets, and against dense labels of the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
import ragged_reference as reference
from agreement import assert_agrees, assert_gradients_agree, assert_same_bits
from ragged_calls import Loss, assert_same_results, call_full, call_sampled, dense
from ragged_reference import RaggedProblem
from random_problems import make_problem, make_sample
from random_ragged import (
    RaggedExample,
    make_ragged_problem,
    make_ragged_sample,
    ragged_examples,
)
from reference import Sample, cut, joined

ROW_LOSSES = [
    (mc.sampled_softmax_loss_and_grad, reference.softmax_row),
    (mc.nce_loss_and_grad, reference.logistic_row),
]
LOSSES = [function for function, _ in ROW_LOSSES]


def assert_sampled_agrees(
    function: Loss, row_loss: reference.RowLoss, example: RaggedExample
) -> None:
    """Hold a sampled loss to the oracle."""
    problem, sample, grad_loss, options, num_threads = example
    loss, gradients = call_sampled(
        function, problem, sample, grad_loss=grad_loss, num_threads=num_threads, **options
    )
    expected_loss, expected = reference.sampled_loss(
        row_loss, problem, sample, grad_loss=grad_loss, **options
    )
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


@given(ragged_examples())
def test_sampled_softmax_agrees_with_oracle(example: RaggedExample) -> None:
    assert_sampled_agrees(mc.sampled_softmax_loss_and_grad, reference.softmax_row, example)


@given(ragged_examples(smoothing=False))
def test_nce_agrees_with_oracle(example: RaggedExample) -> None:
    assert_sampled_agrees(mc.nce_loss_and_grad, reference.logistic_row, example)


@given(ragged_examples())
def test_full_softmax_agrees_with_oracle(example: RaggedExample) -> None:
    problem, _, grad_loss, _, num_threads = example
    loss, gradients = call_full(problem, grad_loss=grad_loss, num_threads=num_threads)
    expected_loss, expected = reference.full_softmax(problem, grad_loss)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)
    alone = mc.full_softmax_loss(
        problem.weights,
        problem.biases,
        problem.labels(),
        problem.inputs,
        label_weights=problem.flat_weights(),
        label_smoothing=problem.label_smoothing,
    )
    assert_same_bits(alone, loss)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("num_classes", "dim", "batch", "most_labels", "num_sampled"),
    [(9000, 33, 300, 30, 700), (3000, 130, 70, 200, 90)],
)
def test_agrees_beyond_one_tile(
    num_classes: int,
    dim: int,
    batch: int,
    most_labels: int,
    num_sampled: int,
    weighted: bool,
    dtype: type,
) -> None:
    problem = make_ragged_problem(
        1,
        num_classes=num_classes,
        dim=dim,
        batch=batch,
        most_labels=most_labels,
        weighted=weighted,
        label_smoothing=0.25,
        dtype=dtype,
    )
    sample = make_ragged_sample(2, problem, num_sampled)
    options: dict[str, Any] = {"remove_accidental_hits": True}
    unsmoothed = problem._replace(label_smoothing=0.0)
    assert_sampled_agrees(*ROW_LOSSES[0], RaggedExample(problem, sample, None, options, 2))
    assert_sampled_agrees(*ROW_LOSSES[1], RaggedExample(unsmoothed, sample, None, options, 2))
    loss, gradients = call_full(problem)
    expected_loss, expected = reference.full_softmax(problem)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


@pytest.mark.parametrize("function", [*LOSSES, None], ids=["softmax", "nce", "full"])
def test_one_example_may_have_nearly_all_labels(function: Loss | None) -> None:
    problem = make_ragged_problem(3, num_classes=7000, dim=19, batch=140, most_labels=2)
    problem.rows[77] = np.random.default_rng(4).integers(0, 7000, 5000)
    sample = make_ragged_sample(5, problem, 40)
    if function is None:
        result, expected = call_full(problem), reference.full_softmax(problem)
    else:
        row_loss = dict(ROW_LOSSES)[function]
        result = call_sampled(function, problem, sample, remove_accidental_hits=True)
        expected = reference.sampled_loss(row_loss, problem, sample, True)
    assert_agrees(result[0], expected[0])
    assert_gradients_agree(result[1], expected[1])


@given(
    seed=st.integers(0, 1000),
    num_true=st.integers(1, 4),
    batch=st.integers(0, 40),
    num_sampled=st.integers(0, 30),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
)
def test_as_many_labels_for_each_give_the_bits_of_dense_labels(
    seed: int, num_true: int, batch: int, num_sampled: int, dtype: type, weighted: bool
) -> None:
    problem = make_problem(seed, num_true=num_true, batch=batch, dtype=dtype)
    rng = np.random.default_rng(seed)
    weights = rng.uniform(size=problem.labels.shape).astype(dtype) if weighted else None
    ragged = RaggedProblem(
        problem.weights,
        problem.biases,
        list(problem.labels),
        problem.inputs,
        None if weights is None else list(weights),
    )
    as_dense: dict[str, Any] = {
        "labels": problem.labels,
        "num_true": num_true,
        "label_weights": weights,
    }
    sample = make_sample(seed + 1, problem, num_sampled, repeats=True)
    flat = sample._replace(true_count=sample.true_count.reshape(-1))
    for function in LOSSES:
        assert_same_results(
            call_sampled(function, ragged, flat),
            call_sampled(function, ragged, sample, **as_dense),
        )
    assert_same_results(call_full(ragged), call_full(ragged, **as_dense))
    smoothed = ragged._replace(label_smoothing=0.3)
    assert_same_results(call_full(smoothed), call_full(smoothed, **as_dense))
    assert_same_results(
        call_sampled(LOSSES[0], smoothed, flat),
        call_sampled(LOSSES[0], smoothed, sample, **as_dense),
    )
    ranks = mc.label_ranks(problem.weights, problem.biases, ragged.labels(), problem.inputs)
    assert_same_bits(ranks, mc.label_ranks(*problem, num_true).reshape(-1))


@pytest.mark.parametrize("function", LOSSES)
def test_labels_may_have_strides(function: Loss) -> None:
    problem = make_ragged_problem(6, batch=30, most_labels=5, weighted=True)
    sample = make_ragged_sample(7, problem, 9)
    values, row_splits = problem.labels()
    strided = {
        "labels": mc.RaggedLabels(np.repeat(values, 2)[::2], row_splits[::-1].copy()[::-1]),
        "label_weights": np.repeat(problem.flat_weights(), 3)[::3],
    }
    assert_same_results(
        call_sampled(function, problem, sample, **strided),
        call_sampled(function, problem, sample),
    )


def test_lists_are_taken() -> None:
    problem = make_ragged_problem(8, batch=4)
    lists = mc.RaggedLabels(*(part.tolist() for part in problem.labels()))
    assert_same_results(call_full(problem, labels=lists), call_full(problem))


@pytest.mark.parametrize("function", [*LOSSES, None], ids=["softmax", "nce", "full"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_at_every_number_of_threads(function: Loss | None, dtype: type) -> None:
    problem = make_ragged_problem(
        9,
        num_classes=3000,
        dim=37,
        batch=401,
        most_labels=12,
        weighted=True,
        label_smoothing=0.0 if function is mc.nce_loss_and_grad else 0.1,
        dtype=dtype,
    )
    sample = make_ragged_sample(10, problem, 701)

    def result(num_threads: int) -> Any:
        if function is None:
            return call_full(problem, num_threads=num_threads)
        return call_sampled(function, problem, sample, num_threads=num_threads)

    for num_threads in (2, 3, 8):
        assert_same_results(result(num_threads), result(1))


@pytest.mark.parametrize("strategy", ["div", "mod"])
@pytest.mark.parametrize("function", [*LOSSES, None], ids=["softmax", "nce", "full"])
def test_shards_give_the_rows_of_the_whole(function: Loss | None, strategy: str) -> None:
    problem = make_ragged_problem(11, num_classes=23, batch=20, most_labels=4, weighted=True)
    sample = make_ragged_sample(12, problem, 9)
    shards = {
        "weights": cut(problem.weights, 3, strategy),
        "biases": cut(problem.biases, 3, strategy),
        "partition_strategy": strategy,
    }
    if function is None:
        loss, gradients = call_full(problem, **shards)
        expected_loss, expected = call_full(problem)
    else:
        loss, gradients = call_sampled(function, problem, sample, **shards)
        expected_loss, expected = call_sampled(function, problem, sample)
    assert_agrees(loss, expected_loss.astype(np.float64))
    for mine, whole in zip(gradients[:2], expected[:2], strict=True):
        assert_agrees(joined([dense(one) for one in mine], strategy), dense(whole).astype(float))
    assert_agrees(gradients.inputs, expected.inputs.astype(np.float64))


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
@pytest.mark.parametrize("num_sampled", [0, 6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_without_a_target_is_silent(
    dtype: type, num_sampled: int, smoothing: float
) -> None:
    problem = make_ragged_problem(13, batch=4, dtype=dtype, label_smoothing=smoothing)
    for rows in ([np.zeros(0, np.int64)] * 4, [np.array([3, 5]), *[np.zeros(0, np.int64)] * 3]):
        silent = problem._replace(rows=rows, label_weights=[np.zeros(len(r), dtype) for r in rows])
        for result in (
            call_sampled(LOSSES[0], silent, make_ragged_sample(14, silent, num_sampled)),
            call_full(silent),
        ):
            assert result[0].tolist() == [0.0] * 4
            assert not any(dense(gradient).any() for gradient in result[1])


def test_nce_without_labels_has_the_candidates_alone() -> None:
    problem = make_ragged_problem(15, batch=3)._replace(rows=[np.zeros(0, np.int64)] * 3)
    sample = Sample(np.array([4, 7]), np.ones(()), np.ones(2))
    loss, _ = call_sampled(mc.nce_loss_and_grad, problem, sample)
    logits = problem.inputs @ problem.weights[[4, 7]].T + problem.biases[[4, 7]]
    assert_agrees(loss, np.logaddexp(0.0, logits.astype(np.float64)).sum(axis=1))


@pytest.mark.parametrize("function", [*LOSSES, None], ids=["softmax", "nce", "full"])
def test_batch_may_be_empty(function: Loss | None) -> None:
    problem = make_ragged_problem(16, batch=0, weighted=True)
    if function is None:
        loss, gradients = call_full(problem)
    else:
        loss, gradients = call_sampled(function, problem, make_ragged_sample(17, problem, 3))
    assert loss.shape == (0,)
    assert not any(dense(gradient).any() for gradient in gradients)


@pytest.mark.parametrize(("function", "row_loss"), ROW_LOSSES)
def test_gradients_agree_with_finite_differences(
    function: Loss, row_loss: reference.RowLoss
) -> None:
    problem = make_ragged_problem(
        18,
        num_classes=12,
        dim=4,
        batch=6,
        weighted=True,
        label_smoothing=0.2 if row_loss is reference.softmax_row else 0.0,
        dtype=np.float64,
    )
    sample = make_ragged_sample(19, problem, 7)
    grad_loss = np.array([1.0, -0.5, 2.0, 0.25, 1.5, -1.0])
    _, gradients = call_sampled(function, problem, sample, grad_loss=grad_loss)
    step = 1e-5
    for name in ("weights", "biases", "inputs"):
        variable, gradient = getattr(problem, name), dense(getattr(gradients, name))
        for place in np.ndindex(variable.shape):
            totals = []
            for shift in (step, -step):
                moved = variable.copy()
                moved[place] += shift
                loss, _ = call_sampled(function, problem._replace(**{name: moved}), sample)
                totals.append(float(loss @ grad_loss))
            slope = (totals[0] - totals[1]) / (2 * step)
            assert gradient[place] == pytest.approx(slope, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("function", LOSSES)
def test_candidates_may_be_drawn_beforehand(function: Loss) -> None:
    problem = make_ragged_problem(20, num_classes=50, batch=9)
    samplers = [mc.LearnedUnigramSampler(50, seed=3) for _ in range(2)]
    labels = problem.labels()
    for _ in range(3):
        values = samplers[0].sample(labels.values[:, np.newaxis], 12)
        drawn = call_sampled(
            function,
            problem,
            Sample(values.sampled_candidates, *values[1:]),
            sampled_values=None,
            sampler=samplers[1],
        )
        assert_same_results(drawn, call_sampled(function, problem, Sample(*values)))


@given(st.integers(0, 1000), st.integers(1, 80), st.integers(0, 30), st.integers(0, 7))
def test_ranks_are_those_of_each_label(
    seed: int, num_classes: int, batch: int, most_labels: int
) -> None:
    problem = make_ragged_problem(
        seed, num_classes=num_classes, batch=batch, most_labels=most_labels
    )
    ranks = mc.label_ranks(problem.weights, problem.biases, problem.labels(), problem.inputs)
    assert ranks.dtype == np.int64
    expected = [
        mc.label_ranks(problem.weights, problem.biases, [[label]], problem.inputs[i : i + 1]).item()
        for i, row in enumerate(problem.rows)
        for label in row
    ]
    assert ranks.tolist() == expected
