"""`full_softmax_loss_estimate`: is it right on average, and is its error bar?"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from layer_cases import sampler_state
from random_problems import make_problem
from random_ragged import make_ragged_problem
from reference import Problem, cut

NUM_CLASSES, SEEDS = 2000, 300


def zipf_problem(num_true: int = 1) -> Problem:
    """Return a layer whose softmax falls with the class, about as log-uniform draws do."""
    problem = make_problem(1, num_classes=NUM_CLASSES, dim=6, batch=12, num_true=num_true)
    problem.weights[:] *= 0.7
    problem.biases[:] -= np.log(np.arange(1, NUM_CLASSES + 1)).astype(np.float32)
    return problem


def estimates(problem: Any, num_true: int = 1, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates and error bars of many independent samples."""
    found = [
        mc.full_softmax_loss_estimate(
            *problem, 320, NUM_CLASSES, num_true, seed=(seed, 5), **options
        )
        for seed in range(SEEDS)
    ]
    return tuple(np.array(found).T)  # type: ignore[return-value]


def assert_right_and_calibrated(exact: float, losses: np.ndarray, errors: np.ndarray) -> None:
    # Seeds are fixed: the bounds are those of 4 standard errors of each statistic, and some more
    # for the bias that is left and for error bars that vary themselves.
    scores = (losses - exact) / errors
    assert abs(losses.mean() - exact) < 4 * losses.std() / math.sqrt(SEEDS)
    assert abs(scores.mean()) < 0.35
    assert 0.8 < scores.std() < 1.25
    assert 0.8 < np.sqrt(np.mean(errors**2)) / losses.std() < 1.25
    assert 0.90 < np.mean(np.abs(scores) < 2) < 0.99


@pytest.mark.parametrize("num_true", [1, 2])
def test_right_on_average_with_an_honest_error_bar(num_true: int) -> None:
    problem = zipf_problem(num_true)
    exact = float(np.mean(mc.full_softmax_loss(*problem, num_true), dtype=np.float64))
    assert_right_and_calibrated(exact, *estimates(problem, num_true))


def test_uniform_draws() -> None:
    problem = make_problem(2, num_classes=NUM_CLASSES, dim=6, batch=12, dtype=np.float64)
    exact = float(np.mean(mc.full_softmax_loss(*problem)))
    sampler = mc.UniformSampler(NUM_CLASSES)
    losses, errors = estimates(problem, sampler=sampler)
    assert_right_and_calibrated(exact, losses, errors)
    assert errors.mean() < 0.1


def test_the_error_bar_falls_as_the_root_of_the_draws() -> None:
    problem = zipf_problem()
    few, many = (
        np.mean(
            [
                mc.full_softmax_loss_estimate(*problem, size, NUM_CLASSES, seed=s).standard_error
                for s in range(60)
            ]
        )
        for size in (320, 32 * 320)
    )
    assert few / many == pytest.approx(math.sqrt(32), rel=0.2)


def test_a_repeated_label_counts_once_in_the_softmax() -> None:
    problem = zipf_problem()
    filled = problem._replace(labels=np.repeat(problem.labels, 3, axis=1))
    exact = float(np.mean(mc.full_softmax_loss(*filled, 3), dtype=np.float64))
    assert_right_and_calibrated(exact, *estimates(filled, 3))


@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_ragged_labels_and_shards(strategy: str) -> None:
    ragged = make_ragged_problem(3, num_classes=NUM_CLASSES, dim=6, batch=12)
    ragged.rows[2][:] = ragged.rows[2][:1]
    ragged.biases[:] -= np.log(np.arange(1, NUM_CLASSES + 1)).astype(np.float32)
    problem = (
        cut(ragged.weights, 3, strategy),
        cut(ragged.biases, 2, strategy),
        ragged.labels(),
        ragged.inputs,
    )
    options = {"partition_strategy": strategy}
    exact = float(np.mean(mc.full_softmax_loss(*problem, **options), dtype=np.float64))
    assert_right_and_calibrated(exact, *estimates(problem, **options))


def test_num_sampled_is_rounded_up_and_a_seed_decides() -> None:
    problem = zipf_problem()
    first = mc.full_softmax_loss_estimate(*problem, 40, NUM_CLASSES, seed=3)
    assert first == mc.full_softmax_loss_estimate(*problem, 48, NUM_CLASSES, seed=3)
    assert first == mc.full_softmax_loss_estimate(
        *problem, 48, NUM_CLASSES, sampler=mc.LogUniformSampler(NUM_CLASSES, seed=3), num_threads=1
    )
    assert first != mc.full_softmax_loss_estimate(*problem, 48, NUM_CLASSES, seed=4)
    assert isinstance(first.loss, float)
    assert isinstance(first.standard_error, float)


def test_one_class_has_no_loss_and_no_error() -> None:
    problem = make_problem(4, num_classes=1)
    found = mc.full_softmax_loss_estimate(*problem, 32, 1, seed=1)
    assert found == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-12))


def test_no_examples_and_non_finite_inputs_give_nan() -> None:
    weights, biases, labels, inputs = make_problem(5)
    for some in (
        (weights, biases, labels[:0], inputs[:0]),
        (weights, biases, labels, inputs * np.float32(np.nan)),
        (weights, biases, labels, np.full_like(inputs, np.inf)),
    ):
        found = mc.full_softmax_loss_estimate(*some, 64, 20, seed=1)
        assert math.isnan(found.loss)
        assert math.isnan(found.standard_error)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"num_sampled": 31}, ValueError, "num_sampled is 31; it must be at least 32"),
        ({"num_sampled": 64.0}, TypeError, "num_sampled is 64.0; it must be an integer"),
        ({"num_classes": 19}, ValueError, "num_classes is 19; it must be the 20 rows of weights"),
        ({"num_classes": 21}, ValueError, "num_classes is 21; it must be the 20 rows of weights"),
        ({"num_true": 2}, ValueError, "labels must have shape [batch, num_true] = [5, 2]"),
        ({"labels": np.full((5, 1), 20)}, ValueError, "labels[0, 0] is 20, outside [0, 20)"),
        ({"labels": np.full((4, 1), 2)}, ValueError, "labels has 4 rows, inputs has 5"),
        ({"inputs": np.zeros((5, 3), np.float32)}, ValueError, "inputs has shape [5, 3]"),
        ({"inputs": np.zeros((5, 8))}, TypeError, "weights has dtype float32"),
        ({"sampler": mc.UniformSampler(7)}, ValueError, "num_classes is 20, sampler has 7"),
        ({"sampler": "log"}, TypeError, "sampler is 'log'; it must be a sampler"),
        ({"seed": "x"}, TypeError, "seed is"),
        ({"partition_strategy": "row"}, ValueError, 'partition_strategy is "row"'),
        ({"num_threads": 0}, ValueError, "num_threads is 0"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_sampler_stays(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    sampler = mc.LogUniformSampler(20, seed=1)
    before = sampler_state(sampler)
    arguments = {
        **make_problem(6)._asdict(),
        "num_sampled": 64,
        "num_classes": 20,
        "sampler": sampler,
        **change,
    }
    with pytest.raises(error, match=re.escape(message)):
        mc.full_softmax_loss_estimate(**arguments)
    assert sampler_state(sampler) == before
