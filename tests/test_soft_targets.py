"""Weights of labels and label smoothing: PyTorch's numbers, closed forms and identities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_agrees, assert_gradients_agree, assert_same_bits
from ragged_calls import assert_same_results, call_full, call_sampled, dense
from ragged_reference import RaggedProblem
from random_problems import make_problem
from random_ragged import make_ragged_problem, make_ragged_sample
from reference import Gradients, Sample

TORCH: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "soft_targets.json").read_text("utf-8")
)
DTYPES = [np.float32, np.float64]


def of_logits(labels: list[int], logits: list[float], smoothing: float) -> RaggedProblem:
    """Return one example of which classes have these logits."""
    biases = np.array(logits)
    return RaggedProblem(
        np.zeros((len(logits), 1)),
        biases,
        [np.array(labels)],
        np.ones((1, 1)),
        label_smoothing=smoothing,
    )


def candidates(*classes: int) -> Sample:
    """Return a sample of which each class is expected once."""
    return Sample(np.array(classes, np.int64), np.ones(()), np.ones(len(classes)))


@pytest.mark.parametrize("case", TORCH["cases"], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_full_softmax_gives_the_numbers_of_torch(case: dict[str, Any], dtype: type) -> None:
    problem = RaggedProblem(
        np.array(TORCH["weights"], dtype),
        np.array(TORCH["biases"], dtype),
        [np.array(row) for row in TORCH["rows"]],
        np.array(TORCH["inputs"], dtype),
        [np.array(row, dtype) for row in case["label_weights"]],
        case["label_smoothing"],
    )
    loss, gradients = call_full(problem)
    assert_agrees(loss, np.array(case["loss"]))
    expected = Gradients(**{name: np.array(grad) for name, grad in case["gradients"].items()})
    assert_gradients_agree(gradients, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_smoothing_over_all_classes_as_candidates_is_that_of_the_full_softmax(dtype: type) -> None:
    problem = make_problem(1, num_classes=53, dim=11, batch=9, dtype=dtype)
    ragged = RaggedProblem(
        problem.weights, problem.biases, list(problem.labels), problem.inputs, None, 0.25
    )
    loss, gradients = call_sampled(mc.sampled_softmax_loss_and_grad, ragged, candidates(*range(53)))
    expected_loss, expected = call_full(ragged)
    assert_agrees(loss, expected_loss.astype(np.float64))
    for mine, full in zip(gradients, expected, strict=True):
        assert_agrees(dense(mine), full.astype(np.float64))


def test_the_share_of_a_removed_hit_goes_to_the_terms_that_remain() -> None:
    problem = of_logits([2], [0.5, -1.0, 2.0], 0.25)
    loss, gradients = call_sampled(mc.sampled_softmax_loss_and_grad, problem, candidates(0, 2, 1))
    logits = problem.biases
    log_softmax = logits - np.log(np.exp(logits).sum())
    targets = np.array([0.25 / 3, 0.25 / 3, 0.75 + 0.25 / 3])
    assert loss[0] == pytest.approx(-targets @ log_softmax, rel=1e-14)
    assert dense(gradients.biases) == pytest.approx(np.exp(log_softmax) - targets, rel=1e-13)


def test_one_term_that_remains_has_the_whole_target() -> None:
    problem = of_logits([2, 2], [0.5, -1.0, 2.0], 0.5)
    loss, gradients = call_sampled(mc.sampled_softmax_loss_and_grad, problem, candidates(2))
    assert loss[0] == pytest.approx(np.log(2.0), rel=1e-15)  # the label twice
    assert not any(dense(gradient).any() for gradient in gradients)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_term_far_below_the_others_still_has_its_share(dtype: type) -> None:
    # The exponential of its logit is 0, as that of a removed hit.
    problem = of_logits([0], [0.0, -3000.0, 0.0], 0.3)
    problem = RaggedProblem(*(np.asarray(a, dtype) for a in problem[:2]), *problem[2:])
    problem = problem._replace(inputs=problem.inputs.astype(dtype))
    loss, gradients = call_sampled(mc.sampled_softmax_loss_and_grad, problem, candidates(1, 0, 2))
    assert loss[0] == pytest.approx(np.log(2.0) + 0.1 * 3000.0, rel=1e-6)
    assert dense(gradients.biases) == pytest.approx([-0.3, -0.1, 0.4], rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_a_candidate_whose_bias_is_minus_infinity_is_no_term(smoothing: float) -> None:
    masked = of_logits([0], [1.0, -np.inf, 0.5], smoothing)
    result = call_sampled(mc.sampled_softmax_loss_and_grad, masked, candidates(1, 2))
    without = call_sampled(mc.sampled_softmax_loss_and_grad, masked, candidates(2))
    assert_same_bits(result[0], without[0])
    assert_same_bits(dense(result[1].biases), dense(without[1].biases))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_losses_are_linear_in_weights(smoothing: float) -> None:
    problem = make_ragged_problem(2, batch=30, weighted=True, label_smoothing=smoothing)
    assert problem.label_weights is not None
    twice = problem._replace(label_weights=[2 * row for row in problem.label_weights])
    sample = make_ragged_sample(3, problem, 9)
    for once, double in (
        (call_full(problem), call_full(twice)),
        (
            call_sampled(mc.sampled_softmax_loss_and_grad, problem, sample),
            call_sampled(mc.sampled_softmax_loss_and_grad, twice, sample),
        ),
    ):
        # A power of two changes no digit, in either loss nor in what it is the gradient of.
        assert_same_bits(double[0], 2 * once[0])
        for mine, half in zip(double[1], once[1], strict=True):
            assert_same_bits(dense(mine), 2 * dense(half))


@pytest.mark.parametrize("function", [mc.sampled_softmax_loss_and_grad, mc.nce_loss_and_grad, None])
@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_of_one_over_their_number_are_the_default(function: Any, dtype: type) -> None:
    problem = make_ragged_problem(4, batch=30, dtype=dtype)
    uniform = problem._replace(
        label_weights=[np.full(len(row), 1.0 / max(len(row), 1), dtype) for row in problem.rows]
    )
    if function is None:
        (loss, gradients), (default, expected) = call_full(uniform), call_full(problem)
    else:
        sample = make_ragged_sample(5, problem, 9)
        loss, gradients = call_sampled(function, uniform, sample)
        default, expected = call_sampled(function, problem, sample)
    assert_agrees(loss, default.astype(np.float64))
    for mine, other in zip(gradients, expected, strict=True):
        assert_agrees(dense(mine), dense(other).astype(np.float64))


def test_weights_of_one_are_targets_of_one_for_nce() -> None:
    problem = of_logits([0, 2], [1.5, -1.0, 40.0], 0.0)._replace(label_weights=[np.ones(2)])
    loss, gradients = call_sampled(mc.nce_loss_and_grad, problem, candidates(1))
    assert loss[0] == pytest.approx(np.logaddexp(0.0, [-1.5, -1.0, -40.0]).sum(), rel=1e-14)
    expected = [-1.0 / (1.0 + np.exp(1.5)), 1.0 / (1.0 + np.exp(1.0)), -np.exp(-40.0)]
    assert dense(gradients.biases) == pytest.approx(expected, rel=1e-13)


def test_a_confident_model_keeps_small_losses_exact() -> None:
    # A label of weight 0.7 with nearly all the mass: nothing may cancel.
    problem = of_logits([1], [0.0, 40.0], 0.0)._replace(label_weights=[np.array([0.7])])
    loss, gradients = call_sampled(mc.sampled_softmax_loss_and_grad, problem, candidates(0))
    assert loss[0] == pytest.approx(0.7 * np.log1p(np.exp(-40.0)), rel=1e-14)
    assert dense(gradients.biases) == pytest.approx(
        np.array([0.7, -0.7]) * np.exp(-40.0), rel=1e-13
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_no_smoothing_is_the_default(weighted: bool) -> None:
    problem = make_ragged_problem(6, batch=20, weighted=weighted)
    sample = make_ragged_sample(7, problem, 5)
    loss = mc.sampled_softmax_loss(
        problem.weights,
        problem.biases,
        problem.labels(),
        problem.inputs,
        5,
        20,
        sampled_values=mc.SampledValues(*sample),
        label_weights=problem.flat_weights(),
    )
    result = call_sampled(mc.sampled_softmax_loss_and_grad, problem, sample)
    assert_same_bits(loss, result[0])
    assert_same_results(
        call_sampled(mc.sampled_softmax_loss_and_grad, problem, sample, label_smoothing=0), result
    )
