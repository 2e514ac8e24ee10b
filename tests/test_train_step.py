"""One call that draws, computes the gradients and updates: the same as its parts, or nothing."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from layer_cases import (
    BATCH,
    COUNTS,
    DIM,
    NUM_CLASSES,
    NUM_SAMPLED,
    SAMPLERS,
    each_sampler,
    examples,
    make_layer,
    snapshot,
    tables_of,
    train,
)
from memory_use import resident_bytes
from optimizer_cases import OptimizerCase, each_case
from random_problems import LAYOUTS, laid_out, make_problem
from reference import Problem, Sample, cut, sampled_softmax


def step_in_parts(layer: mc.SampledSoftmax, inputs: Any, labels: Any, **options: Any) -> Any:
    """Do what a training step does by the public functions."""
    loss, gradients = mc.sampled_softmax_loss_and_grad(
        layer.weights,
        layer.biases,
        labels,
        inputs,
        layer.num_sampled,
        layer.num_classes,
        labels.shape[1],
        sampler=layer.sampler,
        partition_strategy=layer.partition_strategy,
        grad_loss=np.full(len(labels), 1 / max(len(labels), 1), inputs.dtype),
        **options,
    )
    assert layer.optimizer is not None
    pairs = [(layer.weights, gradients.weights), (layer.biases, gradients.biases)]
    layer.optimizer.step(pairs)
    return loss, gradients.inputs


def assert_step_equals_its_parts(
    one: mc.SampledSoftmax, parts: mc.SampledSoftmax, batches: Any, num_threads: int = 2
) -> None:
    for inputs, labels in batches:
        loss, grad_inputs = one.train_step(inputs, labels, num_threads=num_threads)
        expected_loss, expected_grad = step_in_parts(parts, inputs, labels)
        assert_same_bits(loss, expected_loss)
        assert_same_bits(grad_inputs, expected_grad)
    assert snapshot(one) == snapshot(parts)


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@each_case
def test_equals_its_parts_with_every_optimizer(
    case: OptimizerCase, clip_norm: float | None
) -> None:
    layers = [
        make_layer(optimizer=case.make(lambda step: 0.1 / (1 + step), clip_norm=clip_norm))
        for _ in range(2)
    ]
    assert_step_equals_its_parts(*layers, [examples(seed, num_true=2) for seed in range(4)])


@each_sampler
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_its_parts_with_every_sampler(sampler: Any, dtype: Any) -> None:
    layers = [make_layer(sampler=sampler(), dtype=dtype) for _ in range(2)]
    assert_step_equals_its_parts(*layers, [examples(seed, dtype) for seed in range(4)])


@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_equals_its_parts_on_shards(strategy: str) -> None:
    whole = make_layer()
    train(whole, range(3))

    def sharded() -> mc.SampledSoftmax:
        start = make_layer()
        return make_layer(
            weights=[np.array(shard) for shard in cut(start.weights, 3, strategy)],
            biases=[np.array(shard) for shard in cut(start.biases, 2, strategy)],
            partition_strategy=strategy,
        )

    one, parts = sharded(), sharded()
    assert_step_equals_its_parts(one, parts, [examples(seed) for seed in range(3)])
    expected = cut(whole.weights, 3, strategy) + cut(whole.biases, 2, strategy)
    for shard, rows in zip(tables_of(one), expected, strict=True):
        assert_same_bits(shard, np.ascontiguousarray(rows))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_are_trained_where_they_lie(layout: str, tmp_path: Path) -> None:
    expected = make_layer(optimizer=mc.Adam(0.1))
    start = make_layer().weights
    weights = laid_out(start, layout)
    biases = np.memmap(tmp_path / "biases", np.float32, "w+", shape=(NUM_CLASSES,))
    layer = make_layer(optimizer=mc.Adam(0.1), weights=weights, biases=biases)
    assert layer.weights is weights
    assert layer.biases is biases
    train(expected, range(3))
    train(layer, range(3))
    assert_same_bits(np.ascontiguousarray(weights), expected.weights)
    biases.flush()
    assert_same_bits(np.fromfile(tmp_path / "biases", np.float32), expected.biases)


@given(
    st.integers(1, 400),
    st.integers(1, 70),
    st.integers(0, 200),
    st.integers(1, 3),
    st.data(),
)
def test_equals_its_parts_for_all_shapes(
    num_classes: int, dim: int, batch: int, num_true: int, data: st.DataObject
) -> None:
    num_sampled = data.draw(st.integers(1, num_classes))
    problem = make_problem(
        3, num_classes=num_classes, dim=dim, batch=batch, num_true=num_true, dtype=np.float32
    )
    layers = [
        mc.SampledSoftmax(
            num_classes,
            dim,
            num_sampled=num_sampled,
            optimizer=mc.Adagrad(0.1, clip_norm=1.0),
            weights=problem.weights.copy(),
            biases=problem.biases.copy(),
            seed=1,
        )
        for _ in range(2)
    ]
    num_threads = data.draw(st.integers(1, 4))
    assert_step_equals_its_parts(*layers, [(problem.inputs, problem.labels)] * 2, num_threads)


def test_the_mean_of_the_sampled_loss_is_minimised() -> None:
    layer = make_layer(dtype=np.float64, optimizer=mc.SGD(1.0))
    inputs, labels = examples(3, np.float64, 2)
    values = layer.sampler.sample(labels, NUM_SAMPLED)

    def problem() -> Problem:
        return Problem(np.array(layer.weights), np.array(layer.biases), labels, inputs)

    def mean_loss(tables: Problem) -> float:
        return float(sampled_softmax(tables, Sample(*values))[0].mean())

    before = problem()
    loss, grad_inputs = layer.train_step(inputs, labels, sampled_values=values)
    np.testing.assert_allclose(loss.mean(), mean_loss(before), rtol=1e-12)
    moved = {  # by minus the gradient
        "weights": before.weights - layer.weights,
        "biases": before.biases - layer.biases,
        "inputs": grad_inputs,
    }
    rng = np.random.default_rng(4)
    for name, gradient in moved.items():
        direction = rng.standard_normal(gradient.shape)
        h = 1e-5
        up, down = (
            mean_loss(before._replace(**{name: getattr(before, name) + sign * h * direction}))
            for sign in (1, -1)
        )
        np.testing.assert_allclose((gradient * direction).sum(), (up - down) / (2 * h), rtol=1e-7)


def test_grad_loss_weighs_the_examples() -> None:
    one, two = make_layer(optimizer=mc.SGD(0.1)), make_layer(optimizer=mc.SGD(0.1))
    inputs, labels = examples(1)
    upstream = np.random.default_rng(2).random(BATCH).astype(np.float32)
    loss, gradients = one.loss_and_grad(inputs, labels, grad_loss=upstream)
    one.optimizer.step([(one.weights, gradients.weights), (one.biases, gradients.biases)])
    stepped_loss, grad_inputs = two.train_step(inputs, labels, grad_loss=upstream)
    assert_same_bits(stepped_loss, loss)
    assert_same_bits(grad_inputs, gradients.inputs)
    assert snapshot(one) == snapshot(two)


def test_given_candidates_leave_the_sampler_alone() -> None:
    layer = make_layer()
    inputs, labels = examples(1)
    values = mc.UniformSampler(NUM_CLASSES, seed=3).sample(labels, 20)
    place = layer.sampler.state_dict()
    layer.train_step(inputs, labels, sampled_values=values)
    assert layer.sampler.state_dict() == place


NAN_INPUTS = np.full((BATCH, DIM), np.nan, np.float32)
INPUTS, LABELS = examples(5)


def raise_in_schedule(step: int) -> float:
    raise RuntimeError("no rate today")


@pytest.mark.parametrize("sampler", ["learned", "log-uniform", "mixture"])
@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, {"labels": LABELS + NUM_CLASSES}, "labels[0, 0] is "),
        ({}, {"labels": LABELS[:-1]}, "labels has 6 rows, inputs has 7"),
        ({}, {"labels": LABELS.astype(np.int32)}, "labels has dtype int32"),
        ({}, {"labels": np.int64(3)}, "labels has shape []"),
        ({}, {"labels": LABELS[..., np.newaxis]}, "labels has shape [7, 1, 1]"),
        ({}, {"inputs": INPUTS[:, :-1]}, "inputs has shape [7, 5], weights has dim 6"),
        ({}, {"inputs": INPUTS.astype(np.float64)}, "weights has dtype float32"),
        ({}, {"grad_loss": np.ones(3, np.float32)}, "grad_loss has 3 entries"),
        ({}, {"num_threads": 0}, "num_threads is 0"),
        ({"num_sampled": NUM_CLASSES + 1}, {}, "num_sampled is 41"),
        ({"log_q_correction": "some"}, {}, 'log_q_correction is "some"'),
        ({"mask_repeats": True, "remove_accidental_hits": False}, {}, "mask_repeats is true"),
        ({"optimizer": None}, {}, "the layer has no optimizer"),
        ({"sampler": None}, {}, "the layer has no sampler"),
        ({"clip": 1.0}, {"inputs": NAN_INPUTS}, "the norm of the gradients is "),
        ({"rate": lambda step: -1.0}, {}, "learning_rate is -1"),
        ({"rate": raise_in_schedule}, {}, "no rate today"),
        ({"read_only": "weights"}, {}, "weights is read-only"),
        ({"read_only": "biases"}, {}, "biases is read-only"),
    ],
)
def test_a_refused_step_changes_nothing(
    change: dict[str, Any], arguments: dict[str, Any], message: str, sampler: str
) -> None:
    layer = make_layer(sampler=SAMPLERS[sampler](), optimizer=mc.Adagrad(0.1))
    train(layer, range(2))
    change = dict(change)
    if "clip" in change:
        layer.optimizer.clip_norm = change.pop("clip")
    if "rate" in change:
        layer.optimizer.learning_rate = change.pop("rate")
    if "read_only" in change:
        getattr(layer, change.pop("read_only")).flags.writeable = False
    for name, value in change.items():
        setattr(layer, name, value)
    before = snapshot(layer)
    with pytest.raises((ValueError, TypeError, RuntimeError), match=re.escape(message)):
        layer.train_step(**{"inputs": INPUTS, "labels": LABELS, **arguments})
    assert snapshot(layer) == before


def test_labels_that_are_never_drawn_are_refused_and_change_nothing() -> None:
    counts = COUNTS.copy()
    counts[LABELS[2, 0]] = 0
    layer = make_layer(sampler=mc.UnigramSampler(counts, seed=1))
    before = snapshot(layer)
    for call in (layer.train_step, layer.loss, layer.loss_and_grad):
        with pytest.raises(ValueError, match="expected_count"):
            call(INPUTS, LABELS)
        assert snapshot(layer) == before
    layer.log_q_correction = "sampled"
    layer.train_step(INPUTS, LABELS)


def test_a_seed_that_restarts_a_stream_is_taken_back_too() -> None:
    counts = COUNTS.copy()
    counts[LABELS[2, 0]] = 0
    sampler = mc.UnigramSampler(counts, seed=1)
    place = sampler.state_dict()["stream"]
    tables = make_layer()
    with pytest.raises(ValueError, match="expected_count"):
        mc.sampled_softmax_loss(
            tables.weights, tables.biases, LABELS, INPUTS, 5, NUM_CLASSES, sampler=sampler, seed=9
        )
    assert sampler.state_dict()["stream"] == place


@pytest.mark.parametrize(
    "values",
    [
        ([1, NUM_CLASSES], np.ones((BATCH, 1)), np.ones(2)),
        ([1, 2], np.zeros((BATCH, 1)), np.ones(2)),
        ([1, 2], np.ones((BATCH, 1)), np.ones(3)),
        np.ones(3),
        (1, 2),
        (),
    ],
)
def test_candidates_that_do_not_fit_are_refused(values: Any) -> None:
    layer = make_layer()
    before = snapshot(layer)
    with pytest.raises((ValueError, TypeError)):
        layer.train_step(INPUTS, LABELS, sampled_values=values)
    assert snapshot(layer) == before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_memory_map_is_held_where_it_is_touched_only(tmp_path: Path) -> None:
    num_classes = 2_000_000
    weights = np.memmap(tmp_path / "weights", np.float32, "w+", shape=(num_classes, 64))  # 512 MB
    layer = mc.SampledSoftmax(
        num_classes,
        64,
        num_sampled=100,
        sampler=mc.UniformSampler(num_classes, seed=1),
        optimizer=mc.Adagrad(0.1),
        weights=weights,
    )
    rng = np.random.default_rng(1)
    before, before_of_files = resident_bytes(), resident_bytes("RssFile")
    for _ in range(5):
        inputs = rng.standard_normal((100, 64)).astype(np.float32)
        layer.train_step(inputs, rng.integers(0, num_classes, 100))
    # 1,000 rows of weights, state, biases and their state: at most 6 pages for each.
    assert resident_bytes() - before < 100e6
    # Of the file just the pages of these rows: nothing is read ahead.
    pages = (resident_bytes("RssFile") - before_of_files) / mmap.PAGESIZE
    assert 900 < pages < 1100
    layer.full_loss(inputs[:1], [0])
    assert resident_bytes("RssFile") - before_of_files > 500e6  # a pass over all reads all
