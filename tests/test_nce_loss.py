"""Noise-contrastive loss and gradients against the oracle, closed forms and identities."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import manyclass as mc
import reference
from agreement import (
    assert_agrees,
    assert_gradients_agree,
    assert_same_bits,
    assert_same_slices,
)
from random_examples import Example, examples
from random_problems import make_problem, make_sample
from reference import Problem, Sample, cut


def call(problem: Problem, sample: Sample, **options: Any) -> tuple[np.ndarray, mc.Gradients]:
    """Loss and gradients for explicit candidates."""
    return mc.nce_loss_and_grad(
        *problem,
        len(sample.candidates),
        len(problem.biases),
        problem.labels.shape[1],
        mc.SampledValues(*sample),
        **options,
    )


def with_logits(true: list[float], sampled: list[float], dtype: type) -> tuple[Problem, Sample]:
    """Return one example with these logits: the classes' biases, expected counts of 1."""
    biases = np.array(true + sampled, dtype)
    classes = np.arange(len(biases))
    problem = Problem(
        np.zeros((len(biases), 1), dtype),
        biases,
        classes[None, : len(true)],
        np.ones((1, 1), dtype),
    )
    counts = np.ones((1, 1), np.float32), np.ones(len(sampled), np.float32)
    return problem, Sample(classes[len(true) :], *counts)


@given(examples())
def test_agrees_with_oracle(example: Example) -> None:
    problem, sample, grad_loss, remove_hits, num_threads = example
    options = {"remove_accidental_hits": remove_hits, "num_threads": num_threads}
    loss, gradients = call(problem, sample, grad_loss=grad_loss, **options)
    expected_loss, expected = reference.nce(problem, sample, remove_hits, grad_loss)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)
    assert loss.dtype == gradients.inputs.dtype == problem.weights.dtype
    alone = mc.nce_loss(
        *problem,
        len(sample.candidates),
        len(problem.weights),
        problem.labels.shape[1],
        mc.SampledValues(*sample),
        **options,
    )
    assert_same_bits(alone, loss)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("num_classes", "dim", "batch", "num_true", "num_sampled"),
    [(20_000, 17, 20, 1, 10_000), (300, 64, 513, 3, 257), (2000, 513, 33, 2, 300)],
)
def test_agrees_beyond_one_tile(
    num_classes: int, dim: int, batch: int, num_true: int, num_sampled: int, dtype: type
) -> None:
    problem = make_problem(
        3, num_classes=num_classes, dim=dim, batch=batch, num_true=num_true, dtype=dtype
    )
    sample = make_sample(4, problem, num_sampled)
    loss, gradients = call(problem, sample)
    expected_loss, expected = reference.nce(problem, sample)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


def test_gradients_agree_with_finite_differences() -> None:
    problem = make_problem(5, num_classes=12, dim=5, batch=4, num_true=2, dtype=np.float64)
    sample = make_sample(6, problem, 7, repeats=True)
    grad_loss = np.array([1.0, -0.5, 2.0, 0.25])
    _, gradients = call(problem, sample, remove_accidental_hits=True, grad_loss=grad_loss)
    dense = {
        "weights": gradients.weights.to_dense(),
        "biases": gradients.biases.to_dense(),
        "inputs": gradients.inputs,
    }
    step = 1e-5
    for name, gradient in dense.items():
        variable = getattr(problem, name)
        for place in np.ndindex(variable.shape):
            totals = []
            for shift in (step, -step):
                moved = variable.copy()
                moved[place] += shift
                shifted = problem._replace(**{name: moved})
                totals.append(
                    float(call(shifted, sample, remove_accidental_hits=True)[0] @ grad_loss)
                )
            slope = (totals[0] - totals[1]) / (2 * step)
            assert gradient[place] == pytest.approx(slope, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gap", [0.0, 1e-3, 1.0, 5.0, 15.0, 30.0, 80.0])
def test_a_sure_model_keeps_its_relative_precision(dtype: type, gap: float) -> None:
    # One label far above zero and two candidates far below: what is left is exp(-gap), and nothing
    # of it may be lost beside 1.
    loss, gradients = call(*with_logits([gap], [-gap, -gap], dtype))
    size = float(dtype(gap))
    tail = np.exp(-size)
    few_ulp = {"rel": 8 * float(np.finfo(dtype).eps), "abs": 0.0}
    assert loss[0] == pytest.approx(3 * np.log1p(tail), **few_ulp)
    sigmoid = tail / (1 + tail)
    assert gradients.biases.to_dense().tolist() == [
        pytest.approx(-sigmoid, **few_ulp),
        pytest.approx(sigmoid, **few_ulp),
        pytest.approx(sigmoid, **few_ulp),
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("logit", [-1e4, -90.0, -1.0, 0.0, 1.0, 90.0, 1e4])
def test_wrong_and_sure_is_linear(dtype: type, logit: float) -> None:
    loss, gradients = call(*with_logits([-logit], [logit], dtype))
    expected = 2 * np.logaddexp(0.0, logit)
    assert loss[0] == pytest.approx(expected, rel=1e-6, abs=1e-37)
    slope = 1 / (1 + np.exp(-np.clip(logit, -700, 700)))
    assert gradients.biases.to_dense() == pytest.approx([-slope, slope], rel=1e-6, abs=1e-37)


@pytest.mark.parametrize("num_true", [1, 2, 5, 100])
@pytest.mark.parametrize("logit", [-30.0, -0.5, 0.0, 0.5, 30.0])
def test_true_classes_share_a_target_of_one(num_true: int, logit: float) -> None:
    loss, gradients = call(*with_logits([logit] * num_true, [], np.float32))
    assert loss[0] == pytest.approx(num_true * np.logaddexp(0, logit) - logit, rel=5e-7)
    slope = 1 / (1 + np.exp(-logit)) - 1 / num_true
    assert gradients.biases.to_dense() == pytest.approx([slope] * num_true, rel=5e-7, abs=1e-7)


def test_zero_logits_are_ln_two_each() -> None:
    loss, _ = call(*with_logits([0.0], [0.0] * 9999, np.float32))
    assert loss[0] == pytest.approx(10_000 * np.log(2.0), rel=3e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_removed_hit_counts_exactly_nothing(dtype: type) -> None:
    problem = make_problem(8, num_classes=9, batch=3, dtype=dtype)
    problem = problem._replace(labels=np.full((3, 1), 2))
    with_hit = make_sample(9, problem, 4)._replace(candidates=np.array([5, 2, 7, 3]))
    rest = np.array([0, 2, 3])
    without = Sample(with_hit.candidates[rest], with_hit.true_count, with_hit.sampled_count[rest])
    loss, gradients = call(problem, with_hit, remove_accidental_hits=True)
    same_loss, same = call(problem, without)
    assert_same_bits(loss, same_loss)
    assert_same_slices(gradients.biases, same.biases)
    assert_gradients_agree(gradients, reference.nce(problem, without)[1])
    assert (call(problem, with_hit)[0] > loss).all()  # by default, as in TensorFlow, it counts


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("place", [0, 1, 16, 20])
def test_nan_stays_nan(dtype: type, place: int) -> None:
    logits = [0.5] * 21
    logits[place] = np.nan
    loss, gradients = call(*with_logits(logits[:1], logits[1:], dtype))
    assert np.isnan(loss[0])
    assert np.flatnonzero(np.isnan(gradients.biases.to_dense())).tolist() == [place]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_true", [1, 3])
def test_same_bits_at_every_number_of_threads(dtype: type, num_true: int) -> None:
    problem = make_problem(18, num_classes=3000, dim=37, batch=401, num_true=num_true, dtype=dtype)
    sample = make_sample(19, problem, 701, repeats=True)
    options = {"remove_accidental_hits": True, "mask_repeats": True}
    loss, gradients = call(problem, sample, num_threads=1, **options)
    for num_threads in (2, 3, 8):
        other_loss, other = call(problem, sample, num_threads=num_threads, **options)
        assert_same_bits(other_loss, loss)
        assert_same_slices(other.weights, gradients.weights)
        assert_same_slices(other.biases, gradients.biases)
        assert_same_bits(other.inputs, gradients.inputs)


@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_shards_are_one_table(strategy: str) -> None:
    problem = make_problem(20, num_classes=23, batch=6, num_true=2)
    sample = make_sample(21, problem, 9)
    loss, gradients = call(problem, sample)
    shards = problem._replace(
        weights=cut(problem.weights, 3, strategy), biases=cut(problem.biases, 2, strategy)
    )
    arguments = (*shards, 9, 23, 2, mc.SampledValues(*sample))
    same_loss, parts = mc.nce_loss_and_grad(*arguments, partition_strategy=strategy)
    assert_same_bits(same_loss, loss)
    dense = [part.to_dense() for part in parts.weights]
    assert_same_bits(reference.joined(dense, strategy), gradients.weights.to_dense())
    assert [part.dense_shape[0] for part in parts.biases] == [12, 11]


def test_default_is_one_call_of_a_fresh_log_uniform_sampler() -> None:
    problem = make_problem(22, num_classes=200, batch=10, num_true=2)
    values = mc.LogUniformSampler(200, seed=7).sample(problem.labels, 30)
    expected = mc.nce_loss(*problem, 30, 200, 2, values)
    assert_same_bits(mc.nce_loss(*problem, 30, 200, 2, seed=7), expected)
    sampler = mc.LogUniformSampler(200, seed=7)
    assert_same_bits(mc.nce_loss(*problem, 30, 200, 2, sampler=sampler), expected)


def test_the_signature_is_tensorflows() -> None:
    for function in (mc.nce_loss, mc.nce_loss_and_grad):
        parameters = inspect.signature(function).parameters.values()
        positional = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        assert [p.name for p in positional] == [
            "weights",
            "biases",
            "labels",
            "inputs",
            "num_sampled",
            "num_classes",
            "num_true",
            "sampled_values",
            "remove_accidental_hits",
            "name",
        ]
        assert [p.default for p in positional[6:]] == [1, None, False, None]
