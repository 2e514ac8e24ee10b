"""Graphs of manyclass.tensorflow: computed without Python, in any thread, refused elsewhere."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import manyclass as mc
import manyclass.tensorflow as mt
from agreement import assert_same_bits
from random_problems import make_problem, make_sample

PROBLEM = make_problem(1, num_classes=40, dim=7, batch=8, num_true=2)
SAMPLE = make_sample(2, PROBLEM, 12)
SHAPE = (12, 40, 2)
LABELS = tf.constant(PROBLEM.labels)
FLOATS_OF_ANY_SHAPE = tf.TensorSpec(None, tf.float32)
IDS_OF_ANY_SHAPE = tf.TensorSpec(None, tf.int64)
loss_names = pytest.mark.parametrize("name", ["sampled_softmax_loss", "nce_loss"])


def tables() -> tuple[tf.Variable, tf.Variable]:
    return tf.Variable(PROBLEM.weights), tf.Variable(PROBLEM.biases)


def operations_of(function: Any) -> set[str]:
    """The types of all nodes, those of functions that a graph calls too."""
    graph = function.get_concrete_function().graph.as_graph_def()
    functions = [node for function in graph.library.function for node in function.node_def]
    return {node.op for node in [*graph.node, *functions]}


def with_gradients(loss: Callable[..., Any]) -> Callable[[], Any]:
    variables = [*tables(), tf.Variable(PROBLEM.inputs)]

    def step() -> Any:
        with tf.GradientTape() as tape:
            losses = loss(*variables[:2], LABELS, variables[2])
        return tape.gradient(losses, variables)

    return step


STEPS: dict[str, Callable[[], Any]] = {
    "sampled_softmax": with_gradients(lambda *a: mt.sampled_softmax_loss(*a, *SHAPE)),
    "nce": with_gradients(lambda *a: mt.nce_loss(*a, *SHAPE, sampled_values=SAMPLE)),
    "full_softmax": with_gradients(lambda *a: mt.full_softmax_loss(*a, 2)),
    "sample": lambda: mt.uniform_candidate_sampler(LABELS, 2, 8, True, 40),
    "all": lambda: mt.all_candidate_sampler(LABELS, 2, 40, True),
}


@pytest.mark.parametrize("name", STEPS)
def test_no_node_calls_python(name: str) -> None:
    operations = operations_of(tf.function(STEPS[name]))
    assert any(operation.startswith("Manyclass") for operation in operations)
    assert not any("PyFunc" in operation for operation in operations)


def test_top_k_of_the_layer_calls_no_python() -> None:
    layer = mt.SampledSoftmax(40, 12)
    layer.build((None, 7))
    best = tf.function(lambda: layer.top_k(PROBLEM.inputs, 3))
    assert "ManyclassTopK" in operations_of(best)
    weights, biases = (variable.numpy() for variable in (layer.kernel, layer.bias))
    for actual, wanted in zip(best(), mc.top_k(weights, biases, PROBLEM.inputs, 3), strict=True):
        assert_same_bits(actual.numpy(), wanted)
    with pytest.raises(tf.errors.InvalidArgumentError, match="k is 41"):
        tf.function(lambda: layer.top_k(PROBLEM.inputs, 41))()


@loss_names
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_shapes_have_the_bits_of_numpy(name: str, dtype: Any) -> None:
    problem = make_problem(4, num_classes=40, dim=7, batch=8, num_true=2, dtype=dtype)
    sample = make_sample(5, problem, 12)
    smoothing = {"label_smoothing": 0.1} if name == "sampled_softmax_loss" else {}
    weights, biases = tf.Variable(problem.weights), tf.Variable(problem.biases)
    spec = tf.TensorSpec(None, dtype)

    @tf.function(input_signature=[IDS_OF_ANY_SHAPE, spec, spec])
    def step(labels: Any, inputs: Any, upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            losses = getattr(mt, name)(
                *(weights, biases, labels, inputs), *SHAPE, sampled_values=sample, **smoothing
            )
        gradients = tape.gradient(losses, [weights, biases, inputs], output_gradients=upstream)
        return losses, [tf.convert_to_tensor(gradient) for gradient in gradients]

    for upstream in (np.linspace(-1.0, 2.0, 8), np.full(8, 0.3), np.full(8, np.nan)):
        factors = upstream.astype(dtype)
        losses, gradients = step(problem.labels, problem.inputs, factors)
        expected_losses, expected = getattr(mc, f"{name}_and_grad")(
            *problem, *SHAPE, sample, **smoothing
        )
        if not np.all(factors == factors[0]):
            _, expected = getattr(mc, f"{name}_and_grad")(
                *problem, *SHAPE, sample, **smoothing, grad_loss=factors
            )
            factors = np.ones(1, dtype)
        wanted = (expected.weights.to_dense(), expected.biases.to_dense(), expected.inputs)
        assert_same_bits(losses.numpy(), expected_losses)
        for actual, gradient in zip(gradients, wanted, strict=True):
            np.testing.assert_array_equal(actual.numpy(), factors[0] * gradient)


def test_subnormal_numbers_are_no_zeros() -> None:
    tiny = PROBLEM._replace(weights=PROBLEM.weights * np.float32(1e-40))
    inputs = tf.Variable(tiny.inputs)

    @tf.function
    def gradient() -> Any:
        with tf.GradientTape() as tape:
            losses = mt.full_softmax_loss(*map(tf.constant, tiny[:2]), LABELS, inputs, 2)
        return tape.gradient(losses, inputs)

    expected = mc.full_softmax_loss_and_grad(*tiny, 2)[1].inputs
    assert np.any((expected != 0) & (np.abs(expected) < np.finfo(np.float32).tiny))
    assert_same_bits(gradient().numpy(), expected)


@loss_names
def test_gradients_flow_through_a_function_that_is_called(name: str) -> None:
    weights, biases = tables()
    inner = tf.function(lambda: getattr(mt, name)(weights, biases, LABELS, PROBLEM.inputs, *SHAPE))
    with tf.GradientTape() as tape:
        losses = inner()
    gradient = tape.gradient(losses, weights)
    assert isinstance(gradient, tf.IndexedSlices)
    assert np.all(np.diff(gradient.indices) > 0)
    outer = tf.function(lambda: tf.gradients(inner(), [weights])[0])
    assert isinstance(outer(), tf.IndexedSlices)


class TestRefusals:
    """What a running graph cannot use is an error of the node, and nothing is drawn."""

    def step(self, sampler: Any, **options: Any) -> Any:
        weights, biases = tables()
        signature = [IDS_OF_ANY_SHAPE, FLOATS_OF_ANY_SHAPE]
        return tf.function(
            lambda labels, inputs: mt.sampled_softmax_loss(
                weights, biases, labels, inputs, *SHAPE, sampler=sampler, **options
            ),
            input_signature=signature,
        )

    @pytest.mark.parametrize(
        ("labels", "inputs", "message"),
        [
            (PROBLEM.labels + 40, PROBLEM.inputs, r"labels\[0, 0\] is \d+, outside \[0, 40\)"),
            (PROBLEM.labels - 40, PROBLEM.inputs, r"labels\[0, 0\] is -\d+, outside \[0, 40\)"),
            (PROBLEM.labels[:5], PROBLEM.inputs, "labels has 5 rows, inputs has 8"),
            (PROBLEM.labels, PROBLEM.inputs[0], r"inputs has shape \[7\]; it must have shape"),
            (PROBLEM.labels[0], PROBLEM.inputs, r"labels|Shape of tensor"),
            (PROBLEM.labels[:, :1], PROBLEM.inputs, r"expected shape \[\?,2\]"),
        ],
    )
    def test_of_a_step_that_draws(self, labels: Any, inputs: Any, message: str) -> None:
        sampler, twin = (mc.UniformSampler(40, seed=5) for _ in range(2))
        step = self.step(sampler)
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            step(labels, inputs)
        expected = mc.sampled_softmax_loss(*PROBLEM, *SHAPE, sampler=twin)
        assert_same_bits(step(PROBLEM.labels, PROBLEM.inputs).numpy(), expected)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ((SAMPLE[0], SAMPLE[1], SAMPLE[2][:5]), "sampled_expected_count has 5 entries"),
            ((SAMPLE[0], SAMPLE[1][:3], SAMPLE[2]), r"true_expected_count has shape \[3, 2\]"),
            ((SAMPLE[0], SAMPLE[1] * 0, SAMPLE[2]), r"true_expected_count\[0, 0\] is 0"),
            ((SAMPLE[0] - 41, *SAMPLE[1:]), r"sampled_candidates\[0\] is -\d+; .* not be negative"),
            ((SAMPLE[0] + 40, *SAMPLE[1:]), r"is not in \[0, 40\)"),
        ],
    )
    def test_of_given_candidates(self, values: Any, message: str) -> None:
        step = self.step(None, sampled_values=values)
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            step(PROBLEM.labels, PROBLEM.inputs)

    def test_of_inputs_of_another_dim(self) -> None:
        step = self.step(None)
        with pytest.raises(tf.errors.InvalidArgumentError, match="weights has dim 7"):
            step(PROBLEM.labels, PROBLEM.inputs[:, :5])

    def test_of_the_full_softmax(self) -> None:
        weights, biases = tables()
        loss = tf.function(
            lambda labels, inputs: mt.full_softmax_loss(weights, biases, labels, inputs, 2),
            input_signature=[IDS_OF_ANY_SHAPE, FLOATS_OF_ANY_SHAPE],
        )
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"labels\[0, 0\] is .* outside"):
            loss(PROBLEM.labels + 40, PROBLEM.inputs)
        with pytest.raises(tf.errors.InvalidArgumentError, match="labels has 8 rows, inputs has 2"):
            loss(PROBLEM.labels, PROBLEM.inputs[:2])

    def test_of_labels_by_samplers(self) -> None:
        for sampler in (mt.uniform_candidate_sampler, mt.log_uniform_candidate_sampler):
            draw = tf.function(lambda labels, f=sampler: f(labels, 2, 8, True, 40))
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"true_classes\[0, 0\] is"):
                draw(LABELS + 40)
        every = tf.function(lambda labels: mt.all_candidate_sampler(labels, 2, 40, True))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"true_classes\[0, 0\] is"):
            every(LABELS + 40)

    def test_of_weights_of_another_dtype(self) -> None:
        loss = tf.function(
            lambda: mt.full_softmax_loss(*map(tf.constant, PROBLEM[:2]), LABELS, wide, 2)
        )
        wide = tf.constant(PROBLEM.inputs, tf.float64)
        with pytest.raises(TypeError, match=r"weights has dtype float32; .* inputs, float64"):
            loss()

    def test_of_xla(self) -> None:
        loss = tf.function(lambda: STEPS["sampled_softmax"](), jit_compile=True)
        with pytest.raises(tf.errors.InvalidArgumentError, match="ManyclassDrawnStep"):
            loss()


def in_threads(run: Callable[[], None]) -> None:
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_that_run_one_graph_share_its_stream() -> None:
    seeds: list[Any] = []
    drawn: list[tuple[int, ...]] = []

    @tf.function
    def draw() -> Any:
        seeds.append(tf.compat.v1.random.get_seed(11))
        return mt.uniform_candidate_sampler(LABELS, 2, 8, True, 40, seed=11)[0]

    draw.get_concrete_function()

    in_threads(lambda: drawn.extend(tuple(draw().numpy()) for _ in range(25)))
    twin = mc.UniformSampler(40, seed=seeds[0])
    expected = [tuple(twin.sample(PROBLEM.labels, 8).sampled_candidates) for _ in range(100)]
    assert sorted(drawn) == sorted(expected)


def test_threads_that_train_by_one_graph_agree() -> None:
    weights, biases = tables()
    step = tf.function(
        lambda inputs: mt.sampled_softmax_loss(
            weights, biases, LABELS, inputs, *SHAPE, sampled_values=SAMPLE
        )
    )
    expected = mc.sampled_softmax_loss(*PROBLEM, *SHAPE, SAMPLE)
    results: list[Any] = []

    in_threads(lambda: results.extend(step(PROBLEM.inputs).numpy() for _ in range(25)))
    assert len(results) == 100
    for losses in results:
        assert_same_bits(losses, expected)


def test_samplers_of_graphs_live_on_and_others_do_not() -> None:
    weights, biases = tables()

    def losses(sampler: mc.Sampler) -> Any:
        return mt.nce_loss(weights, biases, LABELS, PROBLEM.inputs, *SHAPE, sampler=sampler)

    def traced(sampler: mc.Sampler) -> Any:
        step = tf.function(lambda: losses(sampler))
        return step.get_concrete_function()

    step = traced(mc.UniformSampler(40, seed=1))
    twin = mc.UniformSampler(40, seed=1)
    expected = mc.nce_loss(*PROBLEM, *SHAPE, sampler=twin)
    assert_same_bits(step().numpy(), expected)

    eager = mc.UniformSampler(40)
    losses(eager)
    alive = weakref.ref(eager)
    assert sys.getrefcount(eager._core) == sys.getrefcount(twin._core)
    del eager
    assert alive() is None
