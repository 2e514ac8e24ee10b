"""Ragged labels, weights of labels and label smoothing in the layer."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import manyclass as mc
import ragged_reference as reference
from agreement import assert_agrees, assert_same_bits, assert_same_slices
from bad_targets import DENSE, PROBLEM, RAGGED, WEIGHTS, Changes, cases, ragged
from layer_cases import (
    BATCH,
    NUM_CLASSES,
    NUM_SAMPLED,
    each_sampler,
    examples,
    make_layer,
    snapshot,
)
from optimizer_cases import OptimizerCase, each_kind
from ragged_reference import RaggedProblem
from random_ragged import RaggedExample, make_ragged_problem, ragged_examples


def layer_of(problem: RaggedProblem, **options: Any) -> mc.SampledSoftmax:
    """Return a layer with copies of the problem's tables."""
    return mc.SampledSoftmax(
        *problem.weights.shape,
        num_sampled=NUM_SAMPLED,
        weights=problem.weights.copy(),
        biases=problem.biases.copy(),
        label_smoothing=problem.label_smoothing,
        seed=1,
        **options,
    )


def problem_of(seed: int, dtype: Any = np.float32) -> RaggedProblem:
    """Return a problem with as many classes as the layers here have."""
    return make_ragged_problem(
        seed,
        num_classes=NUM_CLASSES,
        batch=12,
        weighted=True,
        label_smoothing=0.2,
        dtype=dtype,
    )


@given(ragged_examples())
def test_a_step_of_gradient_descent_agrees_with_the_oracle(example: RaggedExample) -> None:
    problem, sample, grad_loss, options, num_threads = example
    layer = layer_of(problem, optimizer=mc.SGD(0.5), **options)
    loss, grad_inputs = layer.train_step(
        problem.inputs,
        problem.labels(),
        label_weights=problem.flat_weights(),
        sampled_values=mc.SampledValues(*sample),
        grad_loss=grad_loss,
        num_threads=num_threads,
    )
    if grad_loss is None:
        grad_loss = np.full(len(loss), 1 / max(len(loss), 1), loss.dtype)
    expected_loss, expected = reference.sampled_loss(
        reference.softmax_row, problem, sample, grad_loss=grad_loss, **options
    )
    assert_agrees(loss, expected_loss)
    assert_agrees(grad_inputs, expected.inputs)
    assert_agrees(layer.weights, problem.weights - 0.5 * expected.weights)
    assert_agrees(layer.biases, problem.biases - 0.5 * expected.biases)


@each_kind
def test_a_step_equals_its_parts_with_every_optimizer(case: OptimizerCase) -> None:
    one, parts = (layer_of(problem_of(0), optimizer=case.make()) for _ in range(2))
    assert_steps_equal_their_parts(one, parts)


@each_sampler
def test_a_step_equals_its_parts_with_every_sampler(sampler: Any) -> None:
    one, parts = (
        layer_of(problem_of(0), sampler=sampler(), optimizer=mc.Adagrad(0.3)) for _ in range(2)
    )
    assert_steps_equal_their_parts(one, parts)


def assert_steps_equal_their_parts(one: mc.SampledSoftmax, parts: mc.SampledSoftmax) -> None:
    for seed in range(4):
        problem = problem_of(seed)
        loss, grad_inputs = one.train_step(
            problem.inputs, problem.labels(), label_weights=problem.flat_weights(), num_threads=2
        )
        expected_loss, gradients = mc.sampled_softmax_loss_and_grad(
            parts.weights,
            parts.biases,
            problem.labels(),
            problem.inputs,
            NUM_SAMPLED,
            NUM_CLASSES,
            sampler=parts.sampler,
            label_weights=problem.flat_weights(),
            label_smoothing=0.2,
            grad_loss=np.full(len(loss), 1 / len(loss), np.float32),
        )
        assert parts.optimizer is not None
        parts.optimizer.step([(parts.weights, gradients.weights), (parts.biases, gradients.biases)])
        assert_same_bits(loss, expected_loss)
        assert_same_bits(grad_inputs, gradients.inputs)
    assert snapshot(one) == snapshot(parts)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_it_computes_is_what_the_functions_compute(dtype: type) -> None:
    problem = problem_of(1, dtype)
    layer = layer_of(problem)
    inputs, labels, weights = problem.inputs, problem.labels(), problem.flat_weights()
    tables = (layer.weights, layer.biases, labels, inputs)
    options: dict[str, Any] = {"label_weights": weights, "label_smoothing": 0.2}
    assert layer.sampler is not None
    place = layer.sampler.state_dict()
    loss = layer.loss(inputs, labels, label_weights=weights)
    layer.sampler.load_state_dict(place)
    _, gradients = layer.loss_and_grad(
        inputs, labels, label_weights=weights, grad_loss=np.ones(12, dtype)
    )
    layer.sampler.load_state_dict(place)
    expected_loss, expected = mc.sampled_softmax_loss_and_grad(
        *tables, NUM_SAMPLED, NUM_CLASSES, sampler=layer.sampler, **options
    )
    assert_same_bits(loss, expected_loss)
    assert_same_slices(gradients.weights, expected.weights)
    assert_same_slices(gradients.biases, expected.biases)
    assert_same_bits(gradients.inputs, expected.inputs)
    assert_same_bits(
        layer.full_loss(inputs, labels, **options), mc.full_softmax_loss(*tables, **options)
    )
    assert_same_bits(
        layer.full_loss(inputs, labels, label_weights=weights),
        mc.full_softmax_loss(*tables, label_weights=weights),
    )
    assert_same_bits(layer.label_ranks(inputs, labels), mc.label_ranks(*tables))


def test_a_vector_of_labels_has_a_vector_of_weights() -> None:
    inputs, labels = examples(1)
    weights = np.linspace(0.0, 1.5, BATCH, dtype=np.float32)
    column = (labels, weights[:, None])
    vector = (labels[:, 0].tolist(), weights)
    one_each = (mc.RaggedLabels(labels[:, 0], np.arange(BATCH + 1)), weights)
    results = []
    for given_labels, given_weights in (column, vector, one_each):
        layer = make_layer(label_smoothing=0.1)
        step = layer.train_step(inputs, given_labels, label_weights=given_weights)
        full = layer.full_loss(inputs, given_labels, label_weights=given_weights)
        results.append(([one.tobytes() for one in (*step, full)], snapshot(layer)))
    assert results[0] == results[1] == results[2]


def test_a_step_without_labels_moves_nothing() -> None:
    problem = problem_of(2)
    layer = layer_of(problem, optimizer=mc.SGD(0.5))
    nothing = mc.RaggedLabels(np.zeros(0, np.int64), np.zeros(13, np.int64))
    loss, grad_inputs = layer.train_step(problem.inputs, nothing)
    assert not loss.any()
    assert not grad_inputs.any()
    assert_same_bits(layer.weights, problem.weights)
    assert_same_bits(layer.biases, problem.biases)
    assert layer.label_ranks(problem.inputs, nothing).shape == (0,)


# "num_true" is no argument of the layer.
@cases({name: case for name, case in RAGGED.items() if name != "num_true"}, WEIGHTS)
def test_a_refused_step_changes_nothing(
    changes: Changes, error: type[Exception], message: str
) -> None:
    assert_refused(ragged() | changes, error, message)


@cases(DENSE)
def test_weights_of_dense_labels_are_refused(
    changes: Changes, error: type[Exception], message: str
) -> None:
    assert_refused({"labels": PROBLEM.labels} | changes, error, message)


def assert_refused(arguments: Changes, error: type[Exception], message: str) -> None:
    layer = mc.SampledSoftmax(
        10,
        3,
        num_sampled=2,
        sampler=mc.LearnedUnigramSampler(10, seed=3),
        optimizer=mc.Adagrad(0.1),
        seed=1,
    )
    before = snapshot(layer)
    for function in (layer.train_step, layer.loss, layer.loss_and_grad, layer.full_loss):
        with pytest.raises(error, match=re.escape(message)):
            function(PROBLEM.inputs, **arguments)
    assert snapshot(layer) == before


def test_smoothing_that_was_set_is_checked_by_the_next_step() -> None:
    layer = make_layer()
    before = snapshot(layer)
    layer.label_smoothing = 1.5
    with pytest.raises(ValueError, match=r"label_smoothing is 1.5; it must be at least 0"):
        layer.train_step(*examples(1))
    assert snapshot(layer) == before
