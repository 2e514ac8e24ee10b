"""Bad arguments of the optimizers; a refused step changes neither variable nor state."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits

SHAPE = (6, 3)
Make = Callable[[], Any]
MAKE: dict[str, Make] = {"SGD": lambda: mc.SGD(0.1), "Adagrad": lambda: mc.Adagrad(0.1)}
each_optimizer = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def slices_of(
    indices: Any = (1, 4), shape: tuple[int, ...] = SHAPE, dtype: Any = np.float32
) -> mc.IndexedSlices:
    """Return gradients of ones."""
    ids = np.array(indices, np.int64)
    return mc.IndexedSlices(np.ones((len(ids), *shape[1:]), dtype), ids, shape)


def assert_refused_without_a_trace(
    make: Make, variable: Any, slices: Any, error: type[Exception], pattern: str
) -> None:
    """Refuse between two good steps; the second must go as if nothing had been tried."""
    optimizer, twin = make(), make()
    refused = variable if isinstance(variable, np.ndarray) else np.zeros(0)
    before = refused.copy()
    good, expected = np.ones(SHAPE, np.float32), np.ones(SHAPE, np.float32)
    optimizer.apply(good, slices_of())
    with pytest.raises(error, match=pattern):
        optimizer.apply(good if variable is None else variable, slices)
    optimizer.apply(good, slices_of())
    for _ in range(2):
        twin.apply(expected, slices_of())
    assert_same_bits(good, expected)
    assert_same_bits(refused, before)


def spoiled(**changes: Any) -> mc.IndexedSlices:
    """Return slices with fields replaced, however wrong."""
    fields = {"values": slices_of().values, "indices": slices_of().indices, "dense_shape": SHAPE}
    return mc.IndexedSlices(**{**fields, **changes})


def test_read_only_variable() -> None:
    for make in MAKE.values():
        variable = np.ones(SHAPE, np.float32)
        variable.flags.writeable = False
        assert_refused_without_a_trace(
            make, variable, slices_of(), ValueError, "variable.*read-only"
        )


@each_optimizer
@pytest.mark.parametrize(
    ("variable", "error", "pattern"),
    [
        (np.ones(SHAPE, np.int32), TypeError, "variable has dtype int32"),
        (np.ones(SHAPE), TypeError, r"(?s)(?=.*float64)(?=.*float32)"),
        (np.ones((6, 4), np.float32), ValueError, r"(?s)(?=.*[\[(]6, 4[\])])(?=.*[\[(]6, 3[\])])"),
        (np.ones((5, 3), np.float32), ValueError, r"(?s)(?=.*[\[(]5, 3[\])])(?=.*[\[(]6, 3[\])])"),
        (np.ones(6, np.float32), ValueError, "variable"),
        (np.ones((1, 6, 3), np.float32), ValueError, "variable"),
        (np.broadcast_to(np.ones(3, np.float32), SHAPE), ValueError, "variable"),
        ([[1.0] * 3] * 6, TypeError, "variable"),
    ],
)
def test_variable(make: Make, variable: Any, error: type[Exception], pattern: str) -> None:
    assert_refused_without_a_trace(make, variable, slices_of(), error, pattern)


@each_optimizer
@pytest.mark.parametrize("row_stride", [0, 4, -8])
def test_rows_that_overlap_are_refused(make: Make, row_stride: int) -> None:
    # A writable array whose rows share memory: threads would race, updates would mix.
    base = np.ones(30, np.float32)[15:]
    overlapping = np.lib.stride_tricks.as_strided(base, SHAPE, (row_stride, 4))
    assert_refused_without_a_trace(
        make, overlapping, slices_of(), ValueError, "variable.*(overlap|share memory)"
    )


@each_optimizer
@pytest.mark.parametrize("row", [6, -1, 2**40])
def test_index_out_of_range(make: Make, row: int) -> None:
    # The good rows before it must not be updated either.
    indices = sorted([1, 4, row])
    place = indices.index(row)
    pattern = re.escape(f"indices[{place}] is {row}, outside [0, 6)")
    slices = spoiled(values=np.ones((3, 3), np.float32), indices=np.array(indices))
    assert_refused_without_a_trace(make, None, slices, ValueError, pattern)


@each_optimizer
@pytest.mark.parametrize(
    ("changes", "error", "pattern"),
    [
        ({"indices": np.array([4, 1])}, ValueError, "indices.*ascend"),
        ({"indices": np.array([4, 4])}, ValueError, "indices.*ascend"),
        ({"indices": np.array([1, 4], np.int32)}, TypeError, "indices.*int32.*int64"),
        ({"indices": np.array([1])}, ValueError, "indices|values"),
        ({"indices": np.array([[1, 4]])}, ValueError, "indices"),
        ({"values": np.ones((2, 4), np.float32)}, ValueError, "values"),
        ({"values": np.ones((3, 3), np.float32)}, ValueError, "indices|values"),
        ({"values": np.ones((2, 3))}, TypeError, "values.*float64"),
        ({"values": np.ones((3, 2), np.float32).T}, ValueError, "values.*ascontiguousarray"),
    ],
)
def test_slices(make: Make, changes: Any, error: type[Exception], pattern: str) -> None:
    assert_refused_without_a_trace(make, None, spoiled(**changes), error, pattern)


@each_optimizer
def test_lists_that_do_not_match(make: Make) -> None:
    shards = [np.ones((3, 3), np.float32), np.ones((3, 3), np.float32)]
    one = slices_of([0, 2], (3, 3))
    bad = slices_of([0, 2], (4, 3))
    optimizer = make()
    for slices in ([one], [one, one, one], one, [one, bad]):
        with pytest.raises((TypeError, ValueError)):
            optimizer.apply(shards, slices)
    with pytest.raises((TypeError, ValueError)):
        optimizer.apply(shards[0], [one])
    assert all((shard == 1.0).all() for shard in shards)


@pytest.mark.parametrize("make", [mc.SGD, mc.Adagrad])
@pytest.mark.parametrize(
    ("rate", "error"),
    [(np.nan, ValueError), (np.inf, ValueError), (-0.1, ValueError), ("1", TypeError)],
)
def test_learning_rate(make: Any, rate: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="learning_rate"):
        make(rate)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("initial_accumulator_value", -0.1),
        ("initial_accumulator_value", np.nan),
        ("epsilon", -1e-7),
        ("epsilon", np.nan),
    ],
)
def test_adagrad_options(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        mc.Adagrad(0.1, **{name: value})
