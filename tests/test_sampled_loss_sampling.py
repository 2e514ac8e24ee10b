"""Where the candidates of a sampled loss come from: the default sampler, seeds, a given one."""

from __future__ import annotations

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_agrees, assert_same_bits, assert_same_slices
from random_problems import make_problem
from reference import Sample, sampled_softmax

PROBLEM = make_problem(1, num_classes=200, dim=12, batch=10, num_true=2)
NUM_SAMPLED = 30


def loss_of(values: mc.SampledValues) -> np.ndarray:
    """Loss for explicit candidates."""
    return mc.sampled_softmax_loss(*PROBLEM, NUM_SAMPLED, 200, 2, values)


@pytest.mark.parametrize("seed", [0, 42, -1, (3, 4), (0, 0)])
def test_default_is_one_call_of_a_fresh_log_uniform_sampler(seed: int | tuple[int, int]) -> None:
    values = mc.LogUniformSampler(200, seed=seed).sample(PROBLEM.labels, NUM_SAMPLED)
    loss = mc.sampled_softmax_loss(*PROBLEM, NUM_SAMPLED, 200, 2, seed=seed)
    assert_same_bits(loss, loss_of(values))


def test_seed_repeats_and_none_does_not() -> None:
    first, again = (
        mc.sampled_softmax_loss_and_grad(*PROBLEM, NUM_SAMPLED, 200, 2, seed=9) for _ in range(2)
    )
    assert_same_bits(again[0], first[0])
    assert_same_slices(again[1].weights, first[1].weights)
    fresh = [mc.sampled_softmax_loss(*PROBLEM, NUM_SAMPLED, 200, 2) for _ in range(2)]
    assert fresh[0].tobytes() != fresh[1].tobytes()


def test_fewer_num_classes_than_rows_limits_the_candidates() -> None:
    few = PROBLEM._replace(labels=PROBLEM.labels % 40)
    loss, gradients = mc.sampled_softmax_loss_and_grad(*few, NUM_SAMPLED, 40, 2, seed=3)
    assert gradients.weights.indices.max() < 40
    assert tuple(gradients.weights.dense_shape) == PROBLEM.weights.shape
    values = mc.LogUniformSampler(40, seed=3).sample(few.labels, NUM_SAMPLED)
    assert_same_bits(loss, mc.sampled_softmax_loss(*few, NUM_SAMPLED, 200, 2, values))


def test_a_given_sampler_goes_on_with_its_stream() -> None:
    twin = mc.UniformSampler(200, seed=5)
    expected = [loss_of(twin.sample(PROBLEM.labels, NUM_SAMPLED)) for _ in range(3)]
    sampler = mc.UniformSampler(200, seed=5)
    for one in expected:
        loss = mc.sampled_softmax_loss(*PROBLEM, NUM_SAMPLED, 200, 2, sampler=sampler)
        assert_same_bits(loss, one)


def test_a_seed_restarts_a_given_sampler() -> None:
    sampler = mc.UniformSampler(200, seed=5)
    loss = mc.sampled_softmax_loss(*PROBLEM, NUM_SAMPLED, 200, 2, sampler=sampler, seed=77)
    values = mc.UniformSampler(200, seed=77).sample(PROBLEM.labels, NUM_SAMPLED)
    assert_same_bits(loss, loss_of(values))


def test_default_sampling_works_in_float64() -> None:
    doubles = PROBLEM._replace(
        weights=PROBLEM.weights.astype(np.float64),
        biases=PROBLEM.biases.astype(np.float64),
        inputs=PROBLEM.inputs.astype(np.float64),
    )
    loss = mc.sampled_softmax_loss(*doubles, NUM_SAMPLED, 200, 2, seed=4)
    values = mc.LogUniformSampler(200, seed=4).sample(PROBLEM.labels, NUM_SAMPLED)
    assert_agrees(loss, sampled_softmax(doubles, Sample(*values))[0])


def test_sampled_values_may_be_a_plain_tuple_and_labels_a_list() -> None:
    values = mc.UniformSampler(200, seed=6).sample(PROBLEM.labels, NUM_SAMPLED)
    loss = mc.sampled_softmax_loss(
        PROBLEM.weights,
        PROBLEM.biases,
        PROBLEM.labels.tolist(),
        PROBLEM.inputs,
        NUM_SAMPLED,
        200,
        2,
        tuple(values),
        name="ignored",
    )
    assert_same_bits(loss, loss_of(values))


def test_explicit_sampled_values_do_not_need_num_classes() -> None:
    values = mc.UniformSampler(200, seed=7).sample(PROBLEM.labels, NUM_SAMPLED)
    loss = mc.sampled_softmax_loss(*PROBLEM, NUM_SAMPLED, 1, 2, values)
    assert_same_bits(loss, loss_of(values))
