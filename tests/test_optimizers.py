"""Optimizers against the NumPy reference, and what holds for each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_agrees, assert_same_bits
from optimizer_cases import (
    OPTIMIZER_CASES,
    OptimizerCase,
    each_case,
    each_kind,
    random_slices,
    step_reference,
)
from random_problems import LAYOUTS, laid_out, make_problem
from reference import cut, joined

PEERS = json.loads((Path(__file__).parent / "data" / "optimizer_steps.json").read_text())


@st.composite
def updates(draw: st.DrawFn) -> tuple[np.ndarray, list[mc.IndexedSlices], int]:
    """Return a variable, some gradients for it and a number of threads."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rows = draw(st.integers(1, 50))
    if draw(st.booleans()):
        variable = rng.standard_normal(rows).astype(dtype)
    else:
        dim = draw(st.integers(1, 70))
        matrix = rng.standard_normal((rows, dim)).astype(dtype)
        variable = laid_out(matrix, draw(st.sampled_from(LAYOUTS)))
    count = draw(st.integers(1, 4))
    slices = [
        random_slices(rng, variable.shape, dtype, draw(st.integers(0, rows))) for _ in range(count)
    ]
    return variable, slices, draw(st.integers(1, 3))


@given(updates(), st.sampled_from(OPTIMIZER_CASES))
def test_every_rule_agrees_with_the_reference(
    update: tuple[np.ndarray, list[mc.IndexedSlices], int], case: OptimizerCase
) -> None:
    variable, gradients, num_threads = update
    expected = variable.astype(np.float64)
    optimizer, rule = case.make(0.3), case.reference()
    for slices in gradients:
        step_reference(rule, expected, slices, 0.3)
        optimizer.apply(variable, slices, num_threads=num_threads)
    assert_agrees(variable, expected)


@pytest.mark.parametrize("peer", PEERS["cases"], ids=[case["peer"] for case in PEERS["cases"]])
def test_the_steps_of_peers(peer: dict[str, Any]) -> None:
    options = {key: tuple(v) if key == "betas" else v for key, v in peer["options"].items()}
    optimizer = getattr(mc, peer["ours"])(PEERS["rate"], **options)
    table = np.array(PEERS["start"])
    for rows, values in zip(peer["rows"], peer["gradients"], strict=True):
        optimizer.apply(table, mc.IndexedSlices(np.array(values), np.array(rows), table.shape))
    assert table == pytest.approx(np.array(peer["result"]), rel=1e-13, abs=1e-15)


def test_defaults() -> None:
    slices = mc.IndexedSlices(np.array([[3.0]]), np.array([1]), (2, 1))
    moved = {
        mc.SGD: -3.0,
        mc.Adagrad: -3.0 / (np.sqrt(9.1) + 1e-7),
        mc.RowwiseAdagrad: -3.0 / (np.sqrt(9.1) + 1e-7),
        mc.Adam: -3.0 / (3.0 + 1e-8),
    }
    for make, expected in moved.items():
        variable = np.zeros((2, 1))
        make(1.0).apply(variable, slices)
        assert variable[0, 0] == 0.0
        assert variable[1, 0] == pytest.approx(expected, rel=1e-14)


def test_rowwise_adagrad_shares_one_accumulator_in_a_row() -> None:
    variable = np.zeros((2, 2))
    optimizer = mc.RowwiseAdagrad(1.0, initial_accumulator_value=0.5, epsilon=0.0)
    optimizer.apply(variable, mc.IndexedSlices(np.array([[1.0, 7.0]]), np.array([1]), (2, 2)))
    assert optimizer.accumulator(variable).tolist() == [0.5, 25.5]
    assert variable[1] == pytest.approx(-np.array([1.0, 7.0]) / np.sqrt(25.5), rel=1e-14)


def test_adam_counts_the_steps_of_each_row() -> None:
    variable = np.zeros((2, 1))
    optimizer = mc.Adam(0.1)
    first = mc.IndexedSlices(np.array([[2.0]]), np.array([0]), (2, 1))
    for _ in range(5):
        optimizer.apply(variable, first)
    optimizer.apply(variable, first._replace(indices=np.array([1])))
    assert optimizer.state(variable)["step"].tolist() == [5.0, 1.0]
    # The first step of a row has the length of the learning rate, whenever it comes.
    assert variable[1, 0] == pytest.approx(-0.1, rel=1e-8)


@each_case
def test_only_touched_rows_change(case: OptimizerCase) -> None:
    rng = np.random.default_rng(1)
    whole = rng.standard_normal((30, 12)).astype(np.float32)
    optimizer = case.make()
    variable = whole[:, 2:10]
    for _ in range(2):  # with and without momentum from before
        before = whole.copy()
        slices = random_slices(rng, (30, 8), np.float32, 6)
        optimizer.apply(variable, slices)
        touched = np.zeros(whole.shape, bool)
        touched[slices.indices, 2:10] = True
        assert (whole[touched] != before[touched]).all()
        assert_same_bits(whole[~touched], before[~touched])


@pytest.mark.parametrize("strategy", ["div", "mod"])
@each_kind
def test_shards_are_updated_like_the_whole(strategy: str, case: OptimizerCase) -> None:
    problem = make_problem(2, num_classes=31, dim=6, batch=9)
    whole = problem.weights.copy()
    shards = cut(problem.weights, 4, strategy)
    whole_optimizer, shard_optimizer = case.make(), case.make()
    for seed in range(3):
        arguments = (problem.biases, problem.labels, problem.inputs, 10, 31)
        _, gradients = mc.sampled_softmax_loss_and_grad(whole, *arguments, seed=seed)
        whole_optimizer.apply(whole, gradients.weights)
        _, gradients = mc.sampled_softmax_loss_and_grad(
            shards, *arguments, seed=seed, partition_strategy=strategy
        )
        shard_optimizer.apply(shards, gradients.weights)
    assert_same_bits(joined(shards, strategy), whole)


def test_shards_may_be_empty() -> None:
    whole = np.ones((3, 2))
    shards = np.array_split(whole, 6)  # views; the last three are all empty, at one address
    slices = [
        mc.IndexedSlices(np.ones_like(shard), np.arange(len(shard)), shard.shape)
        for shard in shards
    ]
    mc.SGD(0.5).apply(shards, slices)
    assert (whole == 0.5).all()


@each_case
def test_same_bits_at_every_number_of_threads(case: OptimizerCase) -> None:
    rng = np.random.default_rng(5)
    start = rng.standard_normal((4000, 33)).astype(np.float32)
    slices = random_slices(rng, start.shape, np.float32, 3000)
    results = []
    for num_threads in (1, 2, 3, 8):
        variable, optimizer = start.copy(), case.make(clip_norm=1.0)
        for _ in range(2):
            optimizer.apply(variable, slices, num_threads=num_threads)
        results.append(variable)
    for other in results[1:]:
        assert_same_bits(other, results[0])


@each_kind
def test_memory_maps_are_updated_in_place(case: OptimizerCase, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    start = rng.standard_normal((50, 7)).astype(np.float32)
    slices = random_slices(rng, start.shape, np.float32, 20)
    mapped = np.memmap(tmp_path / "weights", np.float32, "w+", shape=start.shape)
    mapped[:] = start
    case.make().apply(mapped, slices)
    mapped.flush()
    case.make().apply(start, slices)
    assert_same_bits(np.fromfile(tmp_path / "weights", np.float32).reshape(start.shape), start)


@each_kind
def test_a_gradient_that_is_no_number_spoils_its_own_row_at_most(case: OptimizerCase) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        rng = np.random.default_rng(7)
        variable = rng.standard_normal((9, 20)).astype(np.float32)
        slices = random_slices(rng, variable.shape, np.float32, 4)
        clean, optimizer = variable.copy(), case.make()
        case.make().apply(clean, slices)
        slices.values[2, 17] = bad
        optimizer.apply(variable, slices)
        row = slices.indices[2]
        others = np.arange(9) != row
        assert_same_bits(variable[others], clean[others])
        assert not np.isfinite(variable[row, 17])
        if case.name != "RowwiseAdagrad":
            assert_same_bits(np.delete(variable[row], 17), np.delete(clean[row], 17))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0)])
@each_kind
def test_empty_tables(case: OptimizerCase, shape: tuple[int, ...]) -> None:
    variable = np.zeros(shape, np.float32)
    rows = np.arange(shape[0])
    case.make(clip_norm=1.0).apply(
        variable, mc.IndexedSlices(np.zeros(shape, np.float32), rows, shape)
    )


@each_kind
def test_training_lowers_the_full_loss(case: OptimizerCase) -> None:
    rng = np.random.default_rng(6)
    weights, biases = np.zeros((50, 10), np.float32), np.zeros(50, np.float32)
    inputs = rng.standard_normal((200, 10)).astype(np.float32)
    labels = (inputs @ rng.standard_normal((10, 50))).argmax(axis=1)[:, None]
    before = mc.full_softmax_loss(weights, biases, labels, inputs).mean()
    sampler = mc.UniformSampler(50, seed=1)
    optimizer = case.make(0.1 if case.name == "Adam" else 0.5)
    for _ in range(60):
        _, gradients = mc.sampled_softmax_loss_and_grad(
            weights,
            biases,
            labels,
            inputs,
            20,
            50,
            sampler=sampler,
            grad_loss=np.full(200, 1 / 200, np.float32),
        )
        optimizer.step([(weights, gradients.weights), (biases, gradients.biases)])
    after = mc.full_softmax_loss(weights, biases, labels, inputs).mean()
    assert before == pytest.approx(np.log(50), rel=1e-5)
    assert after < 0.7 * before
