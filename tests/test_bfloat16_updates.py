"""Updates of bfloat16 variables: float32 arithmetic, rounded once to nearest even."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from optimizer_cases import (
    OPTIMIZER_CASES,
    OptimizerCase,
    each_case,
    each_kind,
    random_slices,
    step_reference,
)
from random_problems import LAYOUTS, laid_out

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SHAPE = (6, 3)


def variable_of(values: object) -> np.ndarray:
    return np.array(values, np.float32).astype(BFLOAT16)


@given(
    st.integers(0, 10_000),
    st.integers(1, 40),
    st.integers(0, 70),
    st.sampled_from(LAYOUTS),
    st.sampled_from(OPTIMIZER_CASES),
)
def test_a_step_is_that_of_float64_rounded_once(
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
    # Half a step of bfloat16, and float32's error, which may lie on a tie's other side.
    half_step = 2.0 ** (np.frexp(exact)[1] - 9)
    error = np.abs(variable.astype(np.float64) - exact)
    assert (error <= half_step + 1e-6).all()


@each_case
def test_state_is_that_of_a_float32_variable(case: OptimizerCase) -> None:
    rng = np.random.default_rng(1)
    variable = variable_of(rng.standard_normal((30, 20)))
    optimizer, twin = case.make(), case.make()
    slices = random_slices(rng, variable.shape, np.float32, 11)
    wide = variable.astype(np.float32)
    optimizer.apply(variable, slices)
    twin.apply(wide, slices)
    assert_same_bits(variable, wide.astype(BFLOAT16))
    for name, table in optimizer.state(variable).items():
        assert table.dtype == np.float32
        assert_same_bits(table, twin.state(wide)[name])


def test_ties_go_to_even() -> None:
    # Between 1 and 1 + 2**-7, and between that and 1 + 2**-6.
    variable = variable_of([2.0, 2.0, 2.0])
    g = 1.0 - np.array([2.0**-8, 3 * 2.0**-8, 2.0**-8 + 2.0**-20])
    slices = mc.IndexedSlices(g.astype(np.float32), np.arange(3), (3,))
    mc.SGD(1.0).apply(variable, slices)
    assert variable.tolist() == [1.0, 1 + 2.0**-6, 1 + 2.0**-7]


@each_kind
def test_same_bits_at_every_number_of_threads(case: OptimizerCase) -> None:
    rng = np.random.default_rng(2)
    start = variable_of(rng.standard_normal((4000, 33)))
    slices = random_slices(rng, start.shape, np.float32, 3000)
    results = []
    for num_threads in (1, 2, 3):
        variable = start.copy()
        case.make().apply(variable, slices, num_threads=num_threads)
        results.append(variable)
    for other in results[1:]:
        assert_same_bits(other, results[0])


@each_kind
def test_mixed_dtypes_in_one_step_and_on_shards_and_maps(
    case: OptimizerCase, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    mapped = np.memmap(tmp_path / "rows", BFLOAT16, "w+", shape=(20, 5))
    mapped[:] = variable_of(rng.standard_normal((20, 5)))
    shards = [variable_of(rng.standard_normal((n, 5))) for n in (4, 3)]
    biases = rng.standard_normal(20)
    copies = [mapped.copy(), *(shard.copy() for shard in shards), biases.copy()]
    gradients = [random_slices(rng, a.shape, np.float32, 3) for a in copies[:3]]
    gradients.append(random_slices(rng, (20,), np.float64, 6))
    case.make().step([(mapped, gradients[0]), (shards, gradients[1:3]), (biases, gradients[3])])
    for array, copied, slices in zip([mapped, *shards, biases], copies, gradients, strict=True):
        case.make().apply(copied, slices)
        assert_same_bits(np.asarray(array), np.asarray(copied))


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
    program = "import sys, manyclass; sys.exit('ml_dtypes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
