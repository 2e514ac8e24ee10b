"""The exact softmax with rows of bfloat16, or computed in it: on every target, by the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import manyclass as mc
import reference
from agreement import assert_agrees, assert_same_bits
from bfloat16_reference import rounded
from child_process import run_child
from random_problems import LAYOUTS, make_problem, problem_laid_out
from reference import Problem
from test_full_softmax import integer_problem
from test_same_bits import assert_same, sizes

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
TARGETS = mc.show_config()["targets"]

# How rows are stored and products computed: the dtype of rows, compute_dtype.
MODES = {
    "rounded": (np.dtype(np.float32), "bfloat16"),
    "stored": (BFLOAT16, None),
    "stored and rounded": (BFLOAT16, "bfloat16"),
}
modes = pytest.mark.parametrize("mode", MODES)


def in_mode(problem: Problem, mode: str) -> Problem:
    """Return the problem with its rows stored as the mode has them."""
    return problem._replace(weights=problem.weights.astype(MODES[mode][0]))


def operands(problem: Problem, mode: str) -> Problem:
    """Return what is multiplied, in float64."""
    weights, inputs = (array.astype(np.float64) for array in (problem.weights, problem.inputs))
    if MODES[mode][1] is not None:
        weights, inputs = rounded(weights), rounded(inputs)
    return problem._replace(weights=weights, inputs=inputs)


def options(mode: str) -> dict[str, Any]:
    """Return the argument that the mode needs."""
    return {"compute_dtype": MODES[mode][1]}


@st.composite
def problems(draw: st.DrawFn) -> tuple[Problem, dict[str, Any]]:
    """A problem with float32 rows, and how its tables are cut."""
    problem = make_problem(
        draw(st.integers(0, 10_000)),
        num_classes=draw(sizes(300)),
        dim=draw(sizes(140)),
        batch=draw(st.one_of(st.integers(0, 5), sizes(300))),
        num_true=draw(st.integers(1, 3)),
    )
    cut = {
        "num_shards": draw(st.integers(0, min(4, len(problem.weights)))),
        "strategy": draw(st.sampled_from(["div", "mod"])),
        "layout": draw(st.sampled_from(LAYOUTS)),
    }
    return problem, cut


def tables(problem: Problem, num_shards: int, strategy: str, layout: str) -> dict[str, Any]:
    """Return the arguments of the exact functions."""
    weights, biases, labels, inputs = problem_laid_out(problem, layout)
    layer: Any = weights, biases
    if num_shards:
        layer = (
            reference.cut(weights, num_shards, strategy),
            reference.cut(biases, num_shards, strategy),
        )
    return {
        "weights": layer[0],
        "biases": layer[1],
        "labels": labels,
        "inputs": inputs,
        "num_true": labels.shape[1],
        "partition_strategy": strategy,
    }


@modes
@settings(deadline=None)
@given(example=problems())
def test_the_loss_agrees_with_float64_on_the_operands(
    mode: str, example: tuple[Problem, dict[str, Any]]
) -> None:
    problem, cut = example
    problem = in_mode(problem, mode)
    given_arrays = tables(problem, **cut)
    loss = mc.full_softmax_loss(**given_arrays, **options(mode))
    assert loss.dtype == np.float32
    assert_agrees(loss, reference.full_softmax(operands(problem, mode))[0])
    both, ranks = mc.full_softmax_loss_and_ranks(**given_arrays, **options(mode))
    assert_same_bits(both, loss)
    assert_same_bits(mc.label_ranks(**given_arrays, **options(mode)), ranks)


@modes
@pytest.mark.parametrize("batch", [1, 4, 5, 70])
def test_ranks_and_the_best_classes_are_exact_on_integers(mode: str, batch: int) -> None:
    problem = in_mode(integer_problem(batch, 400, batch, 3), mode)
    ranks = mc.label_ranks(*problem, 3, **options(mode))
    np.testing.assert_array_equal(ranks, reference.label_ranks(operands(problem, mode)))
    weights, biases, _, inputs = operands(problem, mode)
    logits = inputs @ weights.T + biases
    values, indices = mc.top_k(*problem[:2], problem.inputs, 7, **options(mode))
    order = np.argsort(-logits, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values, np.take_along_axis(logits, order, axis=1))


@modes
@pytest.mark.parametrize("batch", [2, 33])
def test_log_probabilities_agree(mode: str, batch: int) -> None:
    problem = in_mode(make_problem(3, num_classes=900, dim=31, batch=batch), mode)
    values, indices = mc.top_k(
        *problem[:2], problem.inputs, 5, log_probabilities=True, **options(mode)
    )
    weights, biases, _, inputs = operands(problem, mode)
    logits = inputs @ weights.T + biases
    logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
    assert_agrees(values, np.take_along_axis(logits, indices, axis=1))


def test_stored_rows_have_the_bits_of_the_float32_that_they_are() -> None:
    for batch in (1, 3, 4, 5, 16, 100, 300):
        problem = in_mode(make_problem(batch, num_classes=500, dim=37, batch=batch), "stored")
        widened = problem._replace(weights=problem.weights.astype(np.float32))
        assert_same_bits(mc.full_softmax_loss(*problem), mc.full_softmax_loss(*widened))
        found, expected = (mc.top_k(*p[:2], p.inputs, 9) for p in (problem, widened))
        assert_same_bits(found[0], expected[0])
        assert_same_bits(found[1], expected[1])


CHILD = """
import sys
import ml_dtypes
import numpy as np
import manyclass as mc
data = np.load(sys.argv[1])
weights, biases, labels, inputs = (data[n] for n in ("weights", "biases", "labels", "inputs"))
results = {}
for mode, stored, computed in (
    ("rounded", False, "bfloat16"),
    ("stored", True, None),
    ("stored and rounded", True, "bfloat16"),
):
    rows = weights.astype(ml_dtypes.bfloat16) if stored else weights
    results[mode] = mc.full_softmax_loss(rows, biases, labels, inputs, 2, compute_dtype=computed)
np.savez(sys.argv[2], **results)
print(mc.show_config()["target"])
"""


@pytest.mark.parametrize("shape", [(3, 200, 37), (1, 130, 64), (40, 300, 128), (257, 150, 301)])
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_agrees(target: str, shape: tuple[int, int, int], tmp_path: Path) -> None:
    batch, num_classes, dim = shape
    problem = make_problem(3, num_classes=num_classes, dim=dim, batch=batch, num_true=2)
    problem.weights[7, :3] = 1e-39, -1e-40, 0.0  # subnormal, as rows of bfloat16 too
    np.savez(tmp_path / "given.npz", allow_pickle=False, **problem._asdict())
    paths = str(tmp_path / "given.npz"), str(tmp_path / "results.npz")
    child = run_child(CHILD, *paths, MANYCLASS_TARGET=target)
    assert child.stdout.split() == [target], child.stderr
    results = np.load(paths[1])
    for mode in MODES:
        expected = reference.full_softmax(operands(in_mode(problem, mode), mode))[0]
        assert_agrees(results[mode], expected)


@modes
@settings(deadline=None, max_examples=15)
@given(example=problems())
def test_same_bits_at_every_number_of_threads(
    mode: str, example: tuple[Problem, dict[str, Any]]
) -> None:
    problem, cut = example
    given_arrays = tables(in_mode(problem, mode), **cut)
    assert_same(
        lambda threads: mc.full_softmax_loss_and_ranks(
            **given_arrays, num_threads=threads, **options(mode)
        )
    )
    for unused in ("labels", "num_true"):
        del given_arrays[unused]
    assert_same(
        lambda threads: mc.top_k(
            **given_arrays, k=1, log_probabilities=True, num_threads=threads, **options(mode)
        )
    )


@modes
@pytest.mark.parametrize("batch", [1, 20])
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])
@pytest.mark.parametrize("field", ["weights", "inputs", "biases"])
def test_special_values_stay_where_they_are(
    mode: str, batch: int, special: float, field: str
) -> None:
    problem = make_problem(11, num_classes=200, dim=19, batch=batch)
    getattr(problem, field)[0] = special
    with np.errstate(over="ignore"):  # 3.4e38 is beyond the largest bfloat16
        problem = in_mode(problem, mode)
    values, indices = mc.top_k(*problem[:2], problem.inputs, 200, **options(mode))
    assert (np.sort(indices, axis=1) == np.arange(200)).all()
    loss, ranks = mc.full_softmax_loss_and_ranks(*problem, **options(mode))
    assert ((ranks >= 1) & (ranks <= 200)).all()
    if field == "inputs":
        others = problem._replace(labels=problem.labels[1:], inputs=problem.inputs[1:])
        assert_agrees(loss[1:], reference.full_softmax(operands(others, mode))[0])
    else:  # all classes but the first have their logits
        with np.errstate(invalid="ignore", over="ignore"):
            weights, biases, _, inputs = operands(problem, mode)
            logits = (inputs @ weights.T + biases).astype(np.float32)
        kept = indices != 0
        wanted = np.take_along_axis(logits, indices, axis=1)
        np.testing.assert_allclose(values[kept], wanted[kept], rtol=1e-5, atol=1e-5)
        special_logits = logits[:, 0]
        of_first = np.take_along_axis(values, np.argmin(indices, axis=1)[:, None], axis=1)[:, 0]
        clear = ~np.isfinite(special_logits)
        np.testing.assert_array_equal(of_first[clear], special_logits[clear])


@pytest.mark.parametrize("dim", [2, 3, 16, 33])
@pytest.mark.parametrize("batch", [1, 30])
def test_subnormal_elements_count_as_documented(dim: int, batch: int) -> None:
    """As the float32 that they are, and as zero where products are computed in bfloat16."""
    weights = np.ones((50, dim), np.float32)
    weights[::7, 1] = 1e-39
    inputs = np.zeros((batch, dim), np.float32)
    inputs[:, 1] = 1e38
    stored = weights.astype(BFLOAT16)
    subnormal = float(stored[0, 1]) * float(inputs[0, 1])
    assert 0.05 < subnormal < 0.2
    for rows, computed, wanted in (
        (stored, None, subnormal),
        (stored, "bfloat16", 0.0),
        (weights, "bfloat16", 0.0),
    ):
        problem = rows, np.zeros(50, np.float32)
        logits, classes = mc.top_k(*problem, inputs, 50, compute_dtype=computed)
        small = logits[classes % 7 == 0]
        assert small.size == 8 * batch
        np.testing.assert_allclose(small, wanted, rtol=1e-6)


def test_rows_whose_pairs_are_cut_are_used_as_well() -> None:
    memory = np.zeros(40 * 21 + 1, BFLOAT16)
    for offset, stride, dim in ((0, 20, 20), (1, 20, 20), (0, 21, 20), (1, 21, 21), (0, 21, 21)):
        rows = np.lib.stride_tricks.as_strided(
            memory[offset:], (40, dim), (2 * stride, 2), writeable=True
        )
        problem = make_problem(dim, num_classes=40, dim=dim, batch=20)
        rows[...] = problem.weights
        problem = problem._replace(weights=rows)
        mode = "stored and rounded"
        loss = mc.full_softmax_loss(*problem, **options(mode))
        assert_agrees(loss, reference.full_softmax(operands(problem, mode))[0])


def test_the_dtype_of_ml_dtypes_means_the_same() -> None:
    problem = make_problem(9)
    expected = mc.full_softmax_loss(*problem, compute_dtype="bfloat16")
    for dtype in (ml_dtypes.bfloat16, BFLOAT16):
        assert_same_bits(mc.full_softmax_loss(*problem, compute_dtype=dtype), expected)


def test_a_layer_hands_it_on() -> None:
    problem = make_problem(12, num_classes=300, dim=24, batch=30)
    layer = mc.SampledSoftmax(
        300, 24, num_sampled=5, weights=problem.weights, biases=problem.biases
    )
    labels = problem.labels[:, 0]
    computed = {"compute_dtype": "bfloat16"}
    loss, ranks = mc.full_softmax_loss_and_ranks(*problem, **computed)
    assert_same_bits(layer.full_loss(problem.inputs, labels, **computed), loss)
    assert_same_bits(layer.label_ranks(problem.inputs, labels, **computed), ranks[:, 0])
    found = layer.top_k(problem.inputs, 4, **computed)
    wanted = mc.top_k(*problem[:2], problem.inputs, 4, **computed)
    assert_same_bits(found[0], wanted[0])
    evaluation = layer.evaluate(problem.inputs, labels, **computed)
    assert evaluation == mc.evaluate(*problem, **computed)
    assert evaluation.loss == pytest.approx(loss.mean(dtype=np.float64))
    assert evaluation.loss != layer.evaluate(problem.inputs, labels).loss


def test_a_layer_of_bfloat16_is_judged_and_serves() -> None:
    problem = in_mode(make_problem(13, num_classes=300, dim=24, batch=30), "stored")
    layer = mc.SampledSoftmax(
        300, 24, num_sampled=5, weights=problem.weights, biases=problem.biases
    )
    labels = problem.labels[:, 0]
    assert_same_bits(layer.full_loss(problem.inputs, labels), mc.full_softmax_loss(*problem))
    assert layer.evaluate(problem.inputs, labels) == mc.evaluate(*problem)
    found, wanted = layer.top_k(problem.inputs, 4), mc.top_k(*problem[:2], problem.inputs, 4)
    assert_same_bits(found[0], wanted[0])
    assert_same_bits(found[1], wanted[1])
