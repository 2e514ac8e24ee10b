"""manyclass.tensorflow: the bits of the NumPy functions, the results of ``tf.nn``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import manyclass as mc
import manyclass.tensorflow as mt
from agreement import assert_gradients_agree, assert_same_bits
from random_problems import make_problem, make_sample
from reference import cut, full_softmax

NUM_SAMPLED = 12
PROBLEM = make_problem(1, num_classes=40, dim=7, batch=8, num_true=2)
SAMPLE = make_sample(2, PROBLEM, NUM_SAMPLED)
SHAPE = (NUM_SAMPLED, 40, 2)
LOSSES = {
    "sampled_softmax": (
        mt.sampled_softmax_loss,
        tf.nn.sampled_softmax_loss,
        mc.sampled_softmax_loss_and_grad,
    ),
    "nce": (mt.nce_loss, tf.nn.nce_loss, mc.nce_loss_and_grad),
}
loss_names = pytest.mark.parametrize("name", LOSSES)
modes = pytest.mark.parametrize("mode", ["eager", "graph"])


def run(mode: str, loss: Any, weights: Any, biases: Any, upstream: Any, **options: Any) -> Any:
    """Loss, and the gradients of its sum with the weights of upstream."""
    labels, inputs = tf.constant(PROBLEM.labels), tf.Variable(PROBLEM.inputs)

    def step() -> Any:
        with tf.GradientTape() as tape:
            losses = loss(weights, biases, labels, inputs, *SHAPE, **options)
            total = tf.reduce_sum(upstream * losses)
        return losses, tape.gradient(total, [weights, biases, inputs])

    losses, gradients = (tf.function(step) if mode == "graph" else step)()
    assert losses.shape == (8,)
    return losses.numpy(), gradients


def dense(slices: Any) -> Any:
    return tf.convert_to_tensor(slices).numpy()


@modes
@loss_names
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"remove_accidental_hits": True, "mask_repeats": True, "log_q_correction": "sampled"},
        {"remove_accidental_hits": False, "num_threads": 1},
    ],
)
@pytest.mark.parametrize("upstream", [np.ones(8), np.linspace(-1.0, 2.0, 8)])
def test_losses_and_gradients_have_the_bits_of_numpy(
    mode: str, name: str, options: dict[str, Any], upstream: Any
) -> None:
    ours, _, numpy_loss = LOSSES[name]
    upstream = upstream.astype(np.float32)
    tables = tf.Variable(PROBLEM.weights), tf.Variable(PROBLEM.biases)
    losses, (weights, biases, inputs) = run(
        mode, ours, *tables, upstream, sampled_values=SAMPLE, **options
    )
    expected_losses, expected = numpy_loss(*PROBLEM, *SHAPE, SAMPLE, grad_loss=upstream, **options)
    assert_same_bits(losses, expected_losses)
    assert isinstance(weights, tf.IndexedSlices)
    assert isinstance(biases, tf.IndexedSlices)
    np.testing.assert_array_equal(weights.indices, expected.weights.indices)
    assert_same_bits(dense(weights), expected.weights.to_dense())
    assert_same_bits(dense(biases), expected.biases.to_dense())
    assert_same_bits(inputs.numpy(), expected.inputs)


@modes
@loss_names
@pytest.mark.parametrize("hits", [False, True])
def test_results_are_those_of_tensorflow(mode: str, name: str, hits: bool) -> None:
    ours, theirs, _ = LOSSES[name]
    upstream = np.full(8, 1 / 8, np.float32)
    values = tf.random.log_uniform_candidate_sampler(PROBLEM.labels, *(2, 12, True, 40), seed=1)
    options = {"sampled_values": values, "remove_accidental_hits": hits}
    tables = tf.Variable(PROBLEM.weights), tf.Variable(PROBLEM.biases)
    losses, gradients = run(mode, ours, *tables, upstream, **options)
    expected_losses, expected = run(mode, theirs, *tables, upstream, **options)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-6)
    for actual, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(dense(actual), dense(wanted), atol=2e-7)


@modes
@loss_names
def test_shards_are_cut_as_tensorflow_cuts_them(mode: str, name: str) -> None:
    ours, _, _ = LOSSES[name]
    whole = tf.Variable(PROBLEM.weights), tf.Variable(PROBLEM.biases)
    ones = np.ones(8, np.float32)
    expected = run(mode, ours, *whole, ones, sampled_values=SAMPLE)[0]
    for strategy in ("div", "mod"):
        weights, biases = (
            [tf.Variable(shard) for shard in cut(table, 3, strategy)] for table in PROBLEM[:2]
        )
        options = {"sampled_values": SAMPLE, "partition_strategy": strategy}
        losses, gradients = run(mode, ours, weights, biases, ones, **options)
        assert_same_bits(losses, expected)
        for table in gradients[:2]:
            assert len(table) == 3
            assert all(isinstance(slices, tf.IndexedSlices) for slices in table)


@loss_names
def test_finite_differences_in_float64(name: str) -> None:
    ours, _, _ = LOSSES[name]
    problem = make_problem(3, num_classes=20, dim=3, batch=4, dtype=np.float64)
    sample = make_sample(4, problem, 6)
    labels = tf.constant(problem.labels)

    def loss(weights: Any, biases: Any, inputs: Any) -> Any:
        return ours(weights, biases, labels, inputs, 6, 20, sampled_values=sample)

    tables = [tf.constant(array) for array in (problem.weights, problem.biases, problem.inputs)]
    theory, numeric = tf.test.compute_gradient(loss, tables)
    for actual, wanted in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-7)


@modes
def test_the_full_softmax_agrees_with_the_oracle(mode: str) -> None:
    upstream = np.linspace(-1.0, 2.0, 8, dtype=np.float32)
    tables = [tf.Variable(array) for array in (PROBLEM.weights, PROBLEM.biases, PROBLEM.inputs)]
    labels = tf.constant(PROBLEM.labels.astype(np.int32))

    def step() -> Any:
        with tf.GradientTape() as tape:
            losses = mt.full_softmax_loss(tables[0], tables[1], labels, tables[2], 2)
            total = tf.reduce_sum(upstream * losses)
        return losses, tape.gradient(total, tables)

    losses, gradients = (tf.function(step) if mode == "graph" else step)()
    assert_same_bits(losses.numpy(), mc.full_softmax_loss(*PROBLEM, 2))
    _, expected = full_softmax(PROBLEM, upstream)
    assert_gradients_agree(mc.Gradients(*(g.numpy() for g in gradients)), expected)


class TestCandidates:
    def test_a_graph_goes_on_with_tensorflows_stream(self) -> None:
        tables = tf.constant(PROBLEM.weights), tf.constant(PROBLEM.biases)
        rest = (tf.constant(PROBLEM.labels), tf.constant(PROBLEM.inputs))
        ours, theirs = (
            tf.function(lambda loss=loss: loss(*tables, *rest, *SHAPE, seed=3))
            for loss in (mt.sampled_softmax_loss, tf.nn.sampled_softmax_loss)
        )
        steps = [(ours().numpy(), theirs().numpy()) for _ in range(3)]
        for mine, other in steps:
            np.testing.assert_allclose(mine, other, rtol=1e-6)
        assert not np.array_equal(steps[0][0], steps[1][0])

    def test_eager_calls_with_a_seed_are_those_of_numpy(self) -> None:
        tensors = map(tf.constant, PROBLEM)
        losses = mt.sampled_softmax_loss(*tensors, *SHAPE, seed=3)
        assert_same_bits(losses.numpy(), mc.sampled_softmax_loss(*PROBLEM, *SHAPE, seed=3))

    @modes
    def test_a_samplers_stream_goes_on(self, mode: str) -> None:
        tensors = list(map(tf.constant, PROBLEM))
        sampler, twin = (mc.UniformSampler(40, seed=5) for _ in range(2))

        def step() -> Any:
            return mt.nce_loss(*tensors, *SHAPE, sampler=sampler)

        compiled = tf.function(step) if mode == "graph" else step
        for _ in range(3):
            expected = mc.nce_loss(*PROBLEM, *SHAPE, sampler=twin)
            assert_same_bits(compiled().numpy(), expected)


def test_batches_of_any_size_are_traced_once() -> None:
    traces = []
    weights, biases = tf.Variable(PROBLEM.weights), tf.Variable(PROBLEM.biases)

    @tf.function(
        input_signature=[tf.TensorSpec([None, 2], tf.int64), tf.TensorSpec([None, 7], tf.float32)]
    )
    def step(labels: Any, inputs: Any) -> Any:
        traces.append(labels)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            losses = mt.sampled_softmax_loss(weights, biases, labels, inputs, *SHAPE)
        assert losses.shape.as_list() == [None]
        return losses, tape.gradient(losses, inputs)

    for batch in (8, 3, 1, 0):
        losses, grad = step(PROBLEM.labels[:batch], PROBLEM.inputs[:batch])
        assert (losses.shape, grad.shape) == ((batch,), (batch, 7))
    assert len(traces) == 1
