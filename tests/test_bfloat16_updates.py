"""Updates of bfloat16 variables: float32 arithmetic, rounded once, at random."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from child_process import run_child
from optimizer_cases import (
    OPTIMIZER_CASES,
    OptimizerCase,
    each_case,
    each_kind,
    random_slices,
    step_reference,
)
from random_problems import LAYOUTS, laid_out
from rounding_reference import rounded

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SHAPE = (6, 3)


def variable_of(values: object) -> np.ndarray:
    return np.array(values, np.float32).astype(BFLOAT16)


SEED = (2**31 - 5, 77)


@given(
    st.integers(0, 10_000),
    st.integers(1, 40),
    st.integers(0, 70),
    st.sampled_from(LAYOUTS),
    st.sampled_from(OPTIMIZER_CASES),
)
def test_a_step_is_a_neighbour_of_that_of_float64(
    seed: int, rows: int, dim: int, layout: str, case: OptimizerCase
) -> None:
    rng = np.random.default_rng(seed)
    shape = (rows, dim) if dim else (rows,)
    variable = variable_of(rng.standard_normal(shape))
    variable = laid_out(variable, layout) if dim else variable
    exact = variable.astype(np.float64)
    optimizer, rule = case.make(), case.reference()
    slices = random_slices(rng, shape, np.float32, rng.integers(0, rows + 1))
    step_reference(rule, exact, slices)
    optimizer.apply(variable, slices)
    one_step = 2.0 ** (np.frexp(exact)[1] - 8)  # of bfloat16; and float32's error
    error = np.abs(variable.astype(np.float64) - exact)
    assert (error <= one_step + 1e-6).all()
    untouched = np.setdiff1d(np.arange(rows), slices.indices)
    assert (error[untouched] == 0).all()


@pytest.mark.parametrize("shape", [(30, 20), (40, 1), (40,), (5, 150)], ids=str)
@each_case
def test_a_step_is_float32s_rounded_by_the_bits_of_seed_and_step(
    case: OptimizerCase, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(1)
    variable = variable_of(rng.standard_normal(shape))
    optimizer, twin = case.make(seed=SEED), case.make()
    optimizer.iterations = np.int64(2**33)
    single = np.empty(shape, np.float32)
    for step in range(3):
        single[:] = expected = variable.astype(np.float32)
        slices = random_slices(rng, shape, np.float32, shape[0] // 2)
        optimizer.apply(variable, slices)
        twin.apply(single, slices)
        rows = slices.indices
        expected[rows] = rounded(single[rows], rows, SEED, 2**33 + step)
        # The two kernels may round a product and a sum apart or together, where the noise is then
        # carried one time in 2**16.
        assert (variable.astype(np.float32) != expected).sum() <= 1
    for name, table in optimizer.state(variable).items():
        assert table.dtype == np.float32
        assert np.allclose(table, twin.state(single)[name], rtol=1e-6, atol=1e-6)


def moved(target: np.ndarray, **options: object) -> np.ndarray:
    """Zeros after one step of SGD that leads to the float32 targets."""
    variable = np.zeros(target.shape, BFLOAT16)
    slices = mc.IndexedSlices(-target, np.arange(len(target)), target.shape)
    mc.SGD(1.0, **options).apply(variable, slices)  # type: ignore[arg-type]
    return variable


@pytest.mark.parametrize("share", [2.0**-16, 0.01, 0.25, 0.5, 0.9, 1 - 2.0**-16])
@pytest.mark.parametrize("low", [1.0, -3.0, 2.0**-130])
def test_the_mean_of_what_is_rounded_is_what_was_rounded(low: float, share: float) -> None:
    above = (variable_of([low]).view(np.uint16) + np.uint16(1)).view(BFLOAT16)
    step = float(above[0]) - low
    target = np.float32(low + share * step)
    exact_share = float((np.float64(target) - low) / step)
    results = np.concatenate(
        [moved(np.full((100, 53), target), seed=seed).ravel() for seed in range(50)]
    ).astype(np.float64)
    ups = (results - low) / step
    assert set(ups.tolist()) <= {0.0, 1.0}
    standard_error = math.sqrt(exact_share * (1 - exact_share) / ups.size)
    assert abs(ups.mean() - exact_share) <= 5 * standard_error
    # Neighbours in a row, in a column, and steps do not go together.
    table = ups.reshape(50, 100, 53) - exact_share
    for other in (table[:, :, 1:] * table[:, :, :-1], table[:, 1:] * table[:, :-1]):
        assert abs(other.mean()) <= 5 * standard_error**2 * math.sqrt(ups.size)
    assert abs((table[1:] * table[:-1]).mean()) <= 5 * standard_error**2 * math.sqrt(ups.size)


def test_changes_far_below_the_last_place_add_up() -> None:
    variable = variable_of(np.ones((1, 512)))
    slices = mc.IndexedSlices(np.full((1, 512), -1.0, np.float32), np.arange(1), (1, 512))
    optimizer = mc.SGD(2.0**-17, seed=3)  # of a last place, 2**-7, the 1024th part
    steps = 50_000
    for _ in range(steps):
        optimizer.apply(variable, slices, num_threads=1)
    expected = 1 + steps * 2.0**-17
    ups = steps / 1024
    standard_error = math.sqrt(ups * (1 - 1 / 1024) / variable.size) * 2.0**-7
    assert abs(variable.astype(np.float64).mean() - expected) <= 5 * standard_error


def test_what_needs_no_rounding_stays() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(BFLOAT16)
    every = every[np.isfinite(every.astype(np.float32))]
    variable = every.copy()
    slices = mc.IndexedSlices(np.zeros(len(every), np.float32), np.arange(len(every)), every.shape)
    optimizer = mc.SGD(1.0, seed=4)
    for _ in range(5):
        optimizer.apply(variable, slices)
    # -0.0 - 0.0 * 1.0 is -0.0
    assert_same_bits(variable, every)


def test_nan_and_infinity_stay_and_the_range_has_its_end() -> None:
    largest = float(ml_dtypes.finfo(BFLOAT16).max)
    beyond = float(np.finfo(np.float32).max)
    target = np.repeat(
        np.array([np.nan, np.inf, -np.inf, largest, -largest, beyond], np.float32), 9
    )
    result = moved(target, seed=5).astype(np.float32).reshape(6, 9)
    assert np.isnan(result[0]).all()
    assert (result[1:3] == np.array([[np.inf], [-np.inf]])).all()
    assert (result[3:5] == np.array([[largest], [-largest]])).all()
    assert np.isin(result[5], [largest, np.inf]).all()
    assert np.isinf(result[5]).any()


def test_seed_and_step_and_place_determine_the_bits() -> None:
    target = np.random.default_rng(6).standard_normal((50, 20)).astype(np.float32)
    first = moved(target, seed=7)
    assert_same_bits(moved(target, seed=7), first)
    assert_same_bits(moved(target, seed=(87654321, 7)), first)
    rng = np.random.default_rng
    assert_same_bits(moved(target, seed=rng(1)), moved(target, seed=rng(1)))

    optimizer = mc.SGD(1.0, seed=7)
    slices = mc.IndexedSlices(-target, np.arange(50), (50, 20))
    variables = np.zeros((2, 50, 20), BFLOAT16)
    optimizer.step([(variable, slices) for variable in variables])
    assert_same_bits(variables[0], first)
    later = np.zeros((50, 20), BFLOAT16)
    optimizer.apply(later, slices)
    others = [
        variables[1],
        later,
        moved(target, seed=8),
        *(moved(target, seed=None) for _ in range(2)),
    ]
    for place, other in enumerate(others):
        for another in [first, *others[:place]]:
            assert (other != another).any()


@each_kind
def test_training_goes_on_with_the_same_bits(case: OptimizerCase) -> None:
    start = variable_of(np.random.default_rng(8).standard_normal((30, 9)))

    def train(optimizer: mc.RowOptimizer, variable: np.ndarray, steps: range) -> None:
        for step in steps:
            rng = np.random.default_rng(step)
            optimizer.apply(variable, random_slices(rng, start.shape, np.float32, 12))

    through, stopped = start.copy(), start.copy()
    train(case.make(seed=9), through, range(8))
    first, second = case.make(seed=9), case.make()
    train(first, stopped, range(3))
    second.load_state_dict(first.state_dict([stopped]), [stopped])
    train(second, stopped, range(3, 8))
    assert_same_bits(stopped, through)

    for twin in (copy.deepcopy(case.make(seed=9)), pickle.loads(pickle.dumps(case.make(seed=9)))):
        again = start.copy()
        train(twin, again, range(8))
        assert_same_bits(again, through)


def test_steps_are_whole() -> None:
    variable, optimizer = variable_of(np.ones(SHAPE)), mc.SGD(0.5)
    slices = random_slices(np.random.default_rng(1), SHAPE, np.float32, 2)
    optimizer.iterations = 1.5  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"iterations is 1\.5; it must be an integer"):
        optimizer.apply(variable, slices)
    assert (variable == 1).all()


def test_a_saved_seed_survives_numpy(tmp_path: Path) -> None:
    variable = np.ones(3, np.float32)
    for _ in range(20):
        optimizer, other = mc.SGD(1.0, seed=None), mc.SGD(1.0)
        np.savez(tmp_path / "state.npz", **optimizer.state_dict([variable]))  # type: ignore[arg-type]
        with np.load(tmp_path / "state.npz") as state:
            other.load_state_dict(state, [variable])
        assert other.state_dict([variable]) == optimizer.state_dict([variable])
    other.load_state_dict({"iterations": 4}, [variable])  # type: ignore[dict-item]
    assert other.state_dict([variable]) == {**optimizer.state_dict([variable]), "iterations": 4}


@each_kind
def test_same_bits_at_every_number_of_threads(case: OptimizerCase) -> None:
    rng = np.random.default_rng(2)
    start = variable_of(rng.standard_normal((4000, 33)))
    slices = random_slices(rng, start.shape, np.float32, 3000)
    results = []
    for num_threads in (1, 2, 3, 8):
        variable = start.copy()
        case.make(seed=1).apply(variable, slices, num_threads=num_threads)
        results.append(variable)
    for other in results[1:]:
        assert_same_bits(other, results[0])


# Prints a bfloat16 variable after a step whose float32 arithmetic is exact.
STEP = """
import ml_dtypes, numpy as np, manyclass as mc
rng = np.random.default_rng(0)
variable = np.zeros((40, 77), ml_dtypes.bfloat16)
values = rng.standard_normal((30, 77), np.float32)
slices = mc.IndexedSlices(values, np.arange(5, 35), variable.shape)
mc.SGD(0.5, seed=(3, 4)).apply(variable, slices)
print(mc.show_config()["target"], variable.tobytes().hex())
"""


@pytest.mark.parametrize("target", mc.show_config()["targets"])
def test_same_bits_on_every_instruction_set(target: str) -> None:
    values = np.random.default_rng(0).standard_normal((30, 77), np.float32)
    expected = np.zeros((40, 77), BFLOAT16)
    expected[5:35] = rounded(-0.5 * values, np.arange(5, 35), (3, 4), 0)
    child = run_child(STEP, MANYCLASS_TARGET=target)
    assert child.stdout.split() == [target, expected.tobytes().hex()], child.stderr


@each_kind
def test_mixed_dtypes_in_one_step_and_on_shards_and_maps(
    case: OptimizerCase, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    mapped = np.memmap(tmp_path / "rows", BFLOAT16, "w+", shape=(20, 5))
    mapped[:] = variable_of(rng.standard_normal((20, 5)))
    shards = [variable_of(rng.standard_normal((n, 5))) for n in (4, 3)]
    biases = rng.standard_normal(20)
    copies = [np.array(mapped), *(shard.copy() for shard in shards), biases.copy()]
    gradients = [random_slices(rng, a.shape, np.float32, 3) for a in copies[:3]]
    gradients.append(random_slices(rng, (20,), np.float64, 6))
    pairs = [(mapped, gradients[0]), (shards, gradients[1:3]), (biases, gradients[3])]
    case.make(seed=1).step(pairs)
    case.make(seed=1).step(list(zip(copies, gradients, strict=True)))  # shards one by one
    for array, copied in zip([mapped, *shards, biases], copies, strict=True):
        assert_same_bits(np.asarray(array), copied)


@pytest.mark.parametrize(
    ("dtype", "pattern"),
    [
        (np.float64, "values has dtype float64; it must be float32"),
        (BFLOAT16, "values has dtype bfloat16; it must be float32"),
    ],
)
@each_kind
def test_gradients_of_another_dtype_are_refused(
    case: OptimizerCase, dtype: np.dtype, pattern: str
) -> None:
    variable = variable_of(np.ones(SHAPE))
    slices = mc.IndexedSlices(np.ones((2, 3), dtype), np.array([1, 4]), SHAPE)
    with pytest.raises(TypeError, match=pattern):
        case.make().apply(variable, slices)
    assert (variable == 1).all()


@pytest.mark.parametrize(
    "dtype", [np.float16, np.uint16, np.dtype("V2"), ml_dtypes.float8_e5m2, ml_dtypes.int4]
)
def test_other_small_dtypes_are_refused(dtype: np.dtype) -> None:
    slices = mc.IndexedSlices(np.ones((2, 3), np.float32), np.array([1, 4]), SHAPE)
    with pytest.raises(TypeError, match=r"variable has dtype.*bfloat16"):
        mc.SGD(0.1).apply(np.zeros(SHAPE, dtype), slices)


def test_ml_dtypes_is_not_imported_without_need() -> None:
    child = run_child("import sys, manyclass; sys.exit('ml_dtypes' in sys.modules)")
    assert child.returncode == 0
