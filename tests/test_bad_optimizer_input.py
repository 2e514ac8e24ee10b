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
MAKE: dict[str, Make] = {
    "SGD": lambda: mc.SGD(0.1),
    "momentum": lambda: mc.SGD(0.1, momentum=0.9, clip_norm=100.0),
    "Adagrad": lambda: mc.Adagrad(0.1),
    "RowwiseAdagrad": lambda: mc.RowwiseAdagrad(0.1),
    "Adam": lambda: mc.Adam(0.1),
}
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
        (np.ones(SHAPE, np.int32), TypeError, "variable has dtype int32.*bfloat16"),
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


@each_optimizer
def test_a_step_names_the_pair_and_leaves_the_others(make: Make) -> None:
    good, shards = np.ones(SHAPE, np.float32), [np.ones((3, 3), np.float32) for _ in range(2)]
    one = slices_of([0, 2], (3, 3))
    bad_indices = one._replace(indices=np.array([0, 3]))
    bad_values = one._replace(values=np.ones((2, 3)))
    tried: list[tuple[Any, type[Exception], str]] = [
        ((shards, [one, bad_indices]), ValueError, r"pairs\[1\]: shard 1: indices\[1\] is 3"),
        ((shards, [bad_values, one]), TypeError, r"pairs\[1\]: shard 0: values has dtype float64"),
        ((shards, one), TypeError, r"pairs\[1\]: variable is a list of shards"),
        ((shards, [one]), ValueError, r"pairs\[1\]: variable has 2 shards, slices has 1"),
        ((shards[0], "g"), TypeError, r"pairs\[1\]: slices is a str"),
        (("w", one), TypeError, r"pairs\[1\]: variable is a str"),
        ((one, shards[0]), TypeError, r"pairs\[1\]: variable is an IndexedSlices"),
        ((shards[0], slices_of()), ValueError, r"pairs\[1\]: slices has dense_shape \[6, 3\]"),
        ((good, slices_of()), ValueError, r"pairs\[1\]: variable is that of pairs\[0\]"),
        (([shards[0], shards[0]], [one, one]), ValueError, r"pairs\[1\]: shard 1: variable is"),
        ((shards[0],), ValueError, r"pairs\[1\] has 1 items"),
        (one, TypeError, r"pairs\[1\] is a IndexedSlices"),
        (None, TypeError, r"pairs\[1\] is a NoneType"),
    ]
    optimizer = make()
    for pair, error, pattern in tried:
        with pytest.raises(error, match=pattern):
            optimizer.step([(good, slices_of()), pair])
    assert all((array == 1.0).all() for array in (good, *shards))
    assert optimizer.iterations == 0
    optimizer.apply(good, slices_of())
    twin, expected = make(), np.ones(SHAPE, np.float32)
    twin.apply(expected, slices_of())
    assert_same_bits(good, expected)


RULES = [mc.SGD, mc.Adagrad, mc.RowwiseAdagrad, mc.Adam]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["learning_rate", "clip_norm"])
@pytest.mark.parametrize(
    ("value", "error"),
    [(np.nan, ValueError), (np.inf, ValueError), (-0.1, ValueError), ("1", TypeError)],
)
def test_numbers_of_every_rule(rule: Any, name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        rule(**{"learning_rate": 0.1, name: value})
    optimizer = rule(0.1)
    with pytest.raises(error, match=name):
        setattr(optimizer, name, value)
    assert optimizer.learning_rate == 0.1
    assert optimizer.clip_norm is None


@pytest.mark.parametrize("rule", RULES)
def test_limits_of_every_rule(rule: Any) -> None:
    with pytest.raises(ValueError, match="clip_norm is 0"):
        rule(0.1, clip_norm=0)
    with pytest.raises(TypeError, match="learning_rate is True"):
        rule(True)
    with pytest.raises(TypeError, match="learning_rate is None"):
        rule(None)


ADAGRADS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"initial_accumulator_value": -0.1}, ValueError, "initial_accumulator_value is -0.1"),
    ({"initial_accumulator_value": np.nan}, ValueError, "initial_accumulator_value is nan"),
    ({"epsilon": -1e-7}, ValueError, "epsilon is -1e-07"),
    ({"epsilon": np.nan}, ValueError, "epsilon is nan"),
    ({"epsilon": "0"}, TypeError, "epsilon is '0'"),
    ({"weight_decay": -0.1}, ValueError, "weight_decay is -0.1"),
    # A gradient of zero would be divided by zero, in float32 at least.
    ({"epsilon": 0.0, "initial_accumulator_value": 0.0}, ValueError, "epsilon is 0"),
    ({"epsilon": 1e-50, "initial_accumulator_value": 0.0}, ValueError, "epsilon is 1e-50"),
]
PARAMETERS: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (mc.SGD, {"momentum": 1.0}, ValueError, r"momentum is 1; it must lie in \[0, 1\)"),
    (mc.SGD, {"momentum": -0.1}, ValueError, "momentum is -0.1"),
    (mc.SGD, {"momentum": "0.9"}, TypeError, "momentum is '0.9'"),
    (mc.SGD, {"nesterov": True}, ValueError, "nesterov is True and momentum is 0"),
    (mc.SGD, {"nesterov": 1, "momentum": 0.9}, TypeError, "nesterov is 1"),
    (mc.SGD, {"weight_decay": np.inf}, ValueError, "weight_decay is inf"),
    *((mc.Adagrad, *case) for case in ADAGRADS),
    *((mc.RowwiseAdagrad, *case) for case in ADAGRADS),
    (mc.Adam, {"betas": (1.0, 0.9)}, ValueError, r"betas\[0\] is 1"),
    (mc.Adam, {"betas": (0.9, -0.1)}, ValueError, r"betas\[1\] is -0.1"),
    (mc.Adam, {"betas": (0.9, "x")}, TypeError, r"betas\[1\] is 'x'"),
    (mc.Adam, {"betas": 0.9}, TypeError, "betas is 0.9"),
    (mc.Adam, {"betas": (0.9, 0.99, 0.999)}, TypeError, "betas is .0.9, 0.99"),
    (mc.Adam, {"epsilon": 0.0}, ValueError, "epsilon is 0"),
    (mc.Adam, {"epsilon": 1e-50}, ValueError, "epsilon is 1e-50"),
    (mc.Adam, {"weight_decay": np.nan}, ValueError, "weight_decay is nan"),
]


@pytest.mark.parametrize(("rule", "options", "error", "pattern"), PARAMETERS)
def test_parameters(
    rule: Any, options: dict[str, Any], error: type[Exception], pattern: str
) -> None:
    with pytest.raises(error, match=pattern):
        rule(0.1, **options)
    # One that is changed later is looked at by the next step.
    optimizer, variable = rule(0.1), np.ones(SHAPE, np.float32)
    for name, value in options.items():
        setattr(optimizer, name, value)
    if error is ValueError:
        with pytest.raises(ValueError, match=pattern):
            optimizer.apply(variable, slices_of())
        assert (variable == 1.0).all()
