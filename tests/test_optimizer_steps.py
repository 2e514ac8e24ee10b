"""Steps over several variables: schedules, and clipping by the norm of all gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
import optimizer_reference
from agreement import assert_agrees, assert_same_bits
from optimizer_cases import (
    OPTIMIZER_CASES,
    OptimizerCase,
    each_case,
    each_kind,
    random_slices,
)

Pairs = list[tuple[np.ndarray, mc.IndexedSlices]]


@st.composite
def pairs_of(draw: st.DrawFn) -> Pairs:
    """Return variables of several shapes and dtypes with gradients."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    shapes = st.one_of(
        st.tuples(st.integers(1, 20)), st.tuples(st.integers(1, 20), st.integers(1, 40))
    )
    pairs = []
    for shape in draw(st.lists(shapes, min_size=1, max_size=4)):
        dtype = draw(st.sampled_from([np.float32, np.float64]))
        rows = draw(st.integers(0, shape[0]))
        variable = rng.standard_normal(shape).astype(dtype)
        pairs.append((variable, random_slices(rng, shape, dtype, rows)))
    return pairs


@given(pairs_of(), st.sampled_from([0.01, 1.0, 5.0, 1e6]), st.sampled_from(OPTIMIZER_CASES))
def test_gradients_are_clipped_by_their_global_norm(
    pairs: Pairs, clip_norm: float, case: OptimizerCase
) -> None:
    gradients = [slices.values.astype(np.float64) for _, slices in pairs]
    clipped = optimizer_reference.clip_by_global_norm(gradients, clip_norm)
    expected = [variable.astype(np.float64) for variable, _ in pairs]
    for table, (_, slices), values in zip(expected, pairs, clipped, strict=True):
        case.reference().step(table, slices.indices, values, 0.1)
    case.make(clip_norm=clip_norm).step(pairs)
    for (variable, _), table in zip(pairs, expected, strict=True):
        assert_agrees(variable, table)


@each_case
def test_a_norm_below_the_limit_changes_no_bit(case: OptimizerCase) -> None:
    rng = np.random.default_rng(1)
    variable = rng.standard_normal((20, 30)).astype(np.float32)
    expected = variable.copy()
    slices = random_slices(rng, variable.shape, np.float32, 9)
    case.make(clip_norm=1e3).apply(variable, slices)
    case.make().apply(expected, slices)
    assert_same_bits(variable, expected)


def test_the_norm_of_float32_does_not_overflow() -> None:
    variable = np.zeros((1, 40), np.float32)
    slices = mc.IndexedSlices(np.full((1, 40), 1e30, np.float32), np.array([0]), (1, 40))
    mc.SGD(1.0, clip_norm=1.0).apply(variable, slices)
    assert variable == pytest.approx(np.full((1, 40), -(40**-0.5)), rel=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@each_kind
def test_clipping_refuses_a_norm_that_is_not_finite(case: OptimizerCase, bad: float) -> None:
    good, spoiled = np.ones((4, 3), np.float32), np.ones((4, 3), np.float32)
    slices = mc.IndexedSlices(np.ones((1, 3), np.float32), np.array([2]), (4, 3))
    poisoned = mc.IndexedSlices(np.array([[1, bad, 1]], np.float32), np.array([2]), (4, 3))
    optimizer = case.make(clip_norm=1.0)
    with pytest.raises(ValueError, match=r"norm of the gradients is .*clip_norm"):
        optimizer.step([(good, slices), (spoiled, poisoned)])
    assert (good == 1.0).all()
    assert (spoiled == 1.0).all()
    assert optimizer.iterations == 0
    optimizer.step([(good, slices)])
    twin, expected = case.make(clip_norm=1.0), np.ones((4, 3), np.float32)
    twin.apply(expected, slices)
    assert_same_bits(good, expected)


def test_clip_norm_may_change_between_steps() -> None:
    variable = np.zeros((1, 1))
    slices = mc.IndexedSlices(np.array([[8.0]]), np.array([0]), (1, 1))
    optimizer = mc.SGD(1.0)
    for limit, place in ((None, -8.0), (2.0, -10.0), (None, -18.0)):
        optimizer.clip_norm = limit
        optimizer.apply(variable, slices)
        assert variable[0, 0] == place


@each_kind
def test_a_step_of_several_variables_is_that_of_each(case: OptimizerCase) -> None:
    rng = np.random.default_rng(2)
    weights = rng.standard_normal((30, 6)).astype(np.float32)
    shards = [rng.standard_normal((n, 4)) for n in (5, 6)]
    biases = rng.standard_normal(30).astype(np.float32)
    variables: list[Any] = [weights, shards, biases]
    apart = [weights.copy(), [shard.copy() for shard in shards], biases.copy()]
    together, alone = case.make(), [case.make() for _ in variables]
    for _ in range(3):
        gradients: list[Any] = [
            random_slices(rng, (30, 6), np.float32, 8),
            [random_slices(rng, shard.shape, np.float64, 3) for shard in shards],
            random_slices(rng, (30,), np.float32, 8),
        ]
        together.step(zip(variables, gradients, strict=True), num_threads=2)
        for optimizer, variable, gradient in zip(alone, apart, gradients, strict=True):
            optimizer.apply(variable, gradient)
    assert together.iterations == 3
    assert_same_bits(weights, apart[0])
    assert_same_bits(biases, apart[2])
    for shard, expected in zip(shards, apart[1], strict=True):
        assert_same_bits(shard, expected)


@each_kind
def test_a_schedule_is_called_once_a_step_with_the_steps_taken(case: OptimizerCase) -> None:
    rng = np.random.default_rng(3)
    rates, asked = [0.0, 0.3, 0.2, 0.1], []

    def schedule(step: int) -> float:
        asked.append(step)
        return rates[step]

    scheduled, constant = case.make(schedule), case.make()
    variables = [rng.standard_normal((9, 5)) for _ in range(2)]
    expected = [variable.copy() for variable in variables]
    for rate in rates:
        gradients = [random_slices(rng, (9, 5), np.float64, 4) for _ in range(2)]
        scheduled.step(zip(variables, gradients, strict=True))
        constant.learning_rate = lambda _, rate=rate: rate  # zero, too
        constant.step(zip(expected, gradients, strict=True))
    assert asked == [0, 1, 2, 3]
    assert scheduled.iterations == 4
    for variable, table in zip(variables, expected, strict=True):
        assert_same_bits(variable, table)


def test_each_apply_is_a_step_of_the_schedule() -> None:
    variable = np.zeros((1, 1))
    slices = mc.IndexedSlices(np.array([[1.0]]), np.array([0]), (1, 1))
    optimizer = mc.SGD(lambda step: 10.0**step)
    optimizer.apply(variable, slices)
    optimizer.apply(variable, slices)
    assert variable[0, 0] == -11.0
    optimizer.iterations = 3
    optimizer.apply(variable, slices)
    assert variable[0, 0] == -1011.0


@pytest.mark.parametrize(
    ("rate", "error"),
    [(np.nan, ValueError), (-0.1, ValueError), ("1", TypeError), (None, TypeError)],
)
@each_kind
def test_a_schedule_that_gives_no_rate_changes_nothing(
    case: OptimizerCase, rate: Any, error: type[Exception]
) -> None:
    optimizer, variable = case.make(lambda step: rate), np.ones((3, 2))
    slices = mc.IndexedSlices(np.ones((1, 2)), np.array([1]), (3, 2))
    with pytest.raises(error, match="learning_rate"):
        optimizer.apply(variable, slices)
    assert (variable == 1.0).all()
    assert optimizer.iterations == 0


def test_an_error_of_a_schedule_reaches_the_caller() -> None:
    variable = np.ones((3, 2))
    optimizer = mc.SGD([0.1].__getitem__)
    slices = mc.IndexedSlices(np.ones((1, 2)), np.array([1]), (3, 2))
    optimizer.apply(variable, slices)
    with pytest.raises(IndexError):
        optimizer.apply(variable, slices)
    assert optimizer.iterations == 1
