"""The gradient of the full softmax in a caller's arrays."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from random_problems import LAYOUTS, laid_out, make_problem
from random_ragged import make_ragged_problem
from reference import cut


def filled_like(table: Any) -> Any:
    """Return arrays of the same shapes that hold something else."""
    if isinstance(table, list):
        return [filled_like(shard) for shard in table]
    return np.full(table.shape, 7, table.dtype)


def gradient_arrays(weights: Any, biases: Any, inputs: Any) -> mc.Gradients:
    return mc.Gradients(filled_like(weights), filled_like(biases), filled_like(inputs))


def each_array(gradients: mc.Gradients) -> list[np.ndarray]:
    return [a for part in gradients for a in (part if isinstance(part, list) else [part])]


@given(st.integers(0, 999), st.integers(0, 30), st.sampled_from([np.float32, np.float64]))
def test_out_has_the_bits_of_fresh_arrays(seed: int, batch: int, dtype: Any) -> None:
    problem = make_ragged_problem(
        seed,
        num_classes=1 + seed % 300,
        batch=batch,
        weighted=seed % 2 == 0,
        label_smoothing=0.1 * (seed % 3),
        dtype=dtype,
    )
    arguments = problem.keywords()
    loss, expected = mc.full_softmax_loss_and_grad(**arguments)
    out = gradient_arrays(problem.weights, problem.biases, problem.inputs)
    same_loss, found = mc.full_softmax_loss_and_grad(**arguments, out=out)
    assert found is out
    assert_same_bits(same_loss, loss)
    for one, other in zip(found, expected, strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_out_of_any_layout(layout: str) -> None:
    problem = make_problem(1, num_classes=700, dim=9, batch=270, num_true=2)
    loss, expected = mc.full_softmax_loss_and_grad(*problem, 2)
    out = mc.Gradients(
        laid_out(filled_like(problem.weights), layout),
        laid_out(filled_like(problem.biases)[:, None], layout)[:, 0],
        laid_out(filled_like(problem.inputs), layout),
    )
    same_loss, _ = mc.full_softmax_loss_and_grad(*problem, 2, out=out)
    assert_same_bits(same_loss, loss)
    for one, other in zip(out, expected, strict=True):
        assert_same_bits(np.ascontiguousarray(one), other)


@pytest.mark.parametrize("strategy", ["div", "mod"])
@pytest.mark.parametrize("num_shards", [(3, 3), (7, 1), (1, 7), (5, 2)])
def test_out_for_shards(num_shards: tuple[int, int], strategy: str) -> None:
    weights, biases, labels, inputs = make_problem(2, num_classes=600, batch=20)
    tables = cut(weights, num_shards[0], strategy), cut(biases, num_shards[1], strategy)
    options = {"partition_strategy": strategy}
    _, expected = mc.full_softmax_loss_and_grad(*tables, labels, inputs, **options)
    out = gradient_arrays(*tables, inputs)
    mc.full_softmax_loss_and_grad(*tables, labels, inputs, **options, out=out)
    for one, other in zip(each_array(out), each_array(expected), strict=True):
        assert_same_bits(one, other)


def test_out_of_an_empty_batch_is_cleared() -> None:
    weights, biases, labels, inputs = make_problem(3, batch=0)
    out = gradient_arrays(weights, biases, inputs)
    loss, _ = mc.full_softmax_loss_and_grad(weights, biases, labels, inputs, out=out)
    assert loss.shape == (0,)
    assert not out.weights.any()
    assert not out.biases.any()


WEIGHTS, BIASES, LABELS, INPUTS = make_problem(4)
SHARDS = cut(WEIGHTS, 3, "div")


def overlapping(array: np.ndarray) -> np.ndarray:
    """Return a writable array of one row again and again."""
    row = array[0].copy()
    return np.lib.stride_tricks.as_strided(row, array.shape, (0, row.itemsize))


def read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"weights": WEIGHTS[1:].copy()},
            ValueError,
            "the gradient of weights has 19 rows of 8 in shard 0; it must have those of weights, "
            "20 of 8",
        ),
        ({"weights": WEIGHTS[:, 1:].copy()}, ValueError, "the gradient of weights has 20 rows of"),
        ({"weights": SHARDS}, ValueError, "the gradient of weights has 3 shards, weights has 1"),
        ({"weights": WEIGHTS.astype(np.float64)}, TypeError, "out.weights has dtype float64"),
        (
            {"weights": WEIGHTS[0].copy()},
            ValueError,
            "out.weights has shape [8]; it must have shape",
        ),
        ({"weights": WEIGHTS.T.copy().T}, ValueError, "out.weights has shape [20, 8] with rows"),
        ({"weights": read_only(WEIGHTS)}, ValueError, "out.weights is read-only"),
        ({"weights": overlapping(WEIGHTS)}, ValueError, "out.weights has rows that share memory"),
        ({"weights": None}, TypeError, "out.weights is a NoneType"),
        ({"biases": BIASES[1:].copy()}, ValueError, "the gradient of biases has 19 rows of 1"),
        ({"biases": BIASES.astype(np.float64)}, TypeError, "out.biases has dtype float64"),
        ({"biases": read_only(BIASES)}, ValueError, "out.biases is read-only"),
        (
            {"inputs": INPUTS[1:].copy()},
            ValueError,
            "the gradient of inputs has shape [4, 8]; it must have that of inputs, [5, 8]",
        ),
        ({"inputs": INPUTS.astype(np.float64)}, TypeError, "out.inputs has dtype float64"),
        ({"inputs": read_only(INPUTS)}, ValueError, "out.inputs is read-only"),
        ({"weights": WEIGHTS}, ValueError, "an array of out shares memory with another"),
        ({"inputs": INPUTS[::-1]}, ValueError, "an array of out shares memory with another"),
    ],
)
def test_a_wrong_out_is_refused_before_anything_is_written(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = WEIGHTS.copy(), INPUTS.copy()
    out = gradient_arrays(WEIGHTS, BIASES, INPUTS)._replace(**change)
    held = [a.copy() if isinstance(a, np.ndarray) else a for a in out]
    with pytest.raises(error, match=re.escape(message)):
        mc.full_softmax_loss_and_grad(WEIGHTS, BIASES, LABELS, INPUTS, out=out)
    for one, other in zip(out, held, strict=True):
        if isinstance(one, np.ndarray):
            assert_same_bits(one, other)
    assert_same_bits(WEIGHTS, before[0])
    assert_same_bits(INPUTS, before[1])


def test_bad_labels_and_a_bad_grad_loss_write_nothing() -> None:
    out = gradient_arrays(WEIGHTS, BIASES, INPUTS)
    bad = LABELS.copy()
    bad[4] = 20
    with pytest.raises(ValueError, match=re.escape("labels[4, 0] is 20")):
        mc.full_softmax_loss_and_grad(WEIGHTS, BIASES, bad, INPUTS, out=out)
    with pytest.raises(ValueError, match="grad_loss has 4 entries"):
        mc.full_softmax_loss_and_grad(
            WEIGHTS, BIASES, LABELS, INPUTS, grad_loss=np.ones(4, np.float32), out=out
        )
    assert all((array == 7).all() for array in out)


@pytest.mark.parametrize("shards", [SHARDS[:2], [*SHARDS[:2], SHARDS[2][:1]], SHARDS[::-1]])
def test_shards_that_do_not_fit_are_refused(shards: list[np.ndarray]) -> None:
    out = gradient_arrays(shards, BIASES, INPUTS)
    with pytest.raises(ValueError, match="weights"):
        mc.full_softmax_loss_and_grad(SHARDS, BIASES, LABELS, INPUTS, out=out)
    assert all((array == 7).all() for array in each_array(out))


@pytest.mark.parametrize("out", [(WEIGHTS, BIASES), WEIGHTS, 3, []])
def test_out_must_be_gradients(out: Any) -> None:
    with pytest.raises(TypeError, match="it must be a Gradients of three arrays"):
        mc.full_softmax_loss_and_grad(WEIGHTS, BIASES, LABELS, INPUTS, out=out)


def test_arrays_of_out_must_not_be_the_same() -> None:
    shard = np.zeros_like(SHARDS[1])
    out = mc.Gradients([np.zeros_like(SHARDS[0]), shard, shard[:]], BIASES.copy(), INPUTS.copy())
    with pytest.raises(ValueError, match="an array of out shares memory with another"):
        mc.full_softmax_loss_and_grad(SHARDS, BIASES, LABELS, INPUTS, out=out)


def test_interleaved_arrays_share_no_memory() -> None:
    # The gradient beside the weights, row by row.
    _, expected = mc.full_softmax_loss_and_grad(WEIGHTS, BIASES, LABELS, INPUTS)
    both = np.concatenate([WEIGHTS, WEIGHTS], axis=1)
    out = gradient_arrays(WEIGHTS, BIASES, INPUTS)._replace(weights=both[:, 8:])
    mc.full_softmax_loss_and_grad(both[:, :8], BIASES, LABELS, INPUTS, out=out)
    assert_same_bits(np.ascontiguousarray(both[:, 8:]), expected.weights)
