"""The sparse gradient type."""

from __future__ import annotations

import numpy as np
import pytest

import manyclass as mc


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_to_dense_puts_rows_where_they_belong(dtype: type) -> None:
    values = np.array([[1, 2], [3, 4]], dtype)
    slices = mc.IndexedSlices(values, np.array([1, 3]), (5, 2))
    dense = slices.to_dense()
    assert dense.dtype == dtype
    assert dense.tolist() == [[0, 0], [1, 2], [0, 0], [3, 4], [0, 0]]


def test_to_dense_of_a_vector() -> None:
    slices = mc.IndexedSlices(np.array([0.5, -1.0], np.float32), np.array([0, 2]), (4,))
    assert slices.to_dense().tolist() == [0.5, 0.0, -1.0, 0.0]


def test_no_row_touched() -> None:
    slices = mc.IndexedSlices(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), (4, 3))
    assert slices.to_dense().tolist() == [[0.0] * 3] * 4


def test_fields_are_the_arrays_given() -> None:
    values, indices = np.zeros((2, 3), np.float32), np.array([0, 5])
    slices = mc.IndexedSlices(values, indices, (6, 3))
    assert slices.values is values
    assert slices.indices is indices
    assert tuple(slices.dense_shape) == (6, 3)


@pytest.mark.parametrize("shape", [(40, 5), (40,)])
@pytest.mark.parametrize("num_rows", [0, 1, 1000])
def test_from_rows_adds_up_what_repeats(shape: tuple[int, ...], num_rows: int) -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((num_rows, *shape[1:]))
    indices = rng.integers(0, 40, num_rows)
    slices = mc.IndexedSlices.from_rows(values, indices, shape)
    expected = np.zeros(shape)
    np.add.at(expected, indices, values)
    assert slices.indices.tolist() == sorted(set(indices.tolist()))
    assert tuple(slices.dense_shape) == shape
    np.testing.assert_allclose(slices.to_dense(), expected, rtol=0, atol=1e-13)


def test_from_rows_refuses_what_does_not_fit() -> None:
    rows = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"indices\[1\] is 4, outside \[0, 4\)"):
        mc.IndexedSlices.from_rows(rows, np.array([0, 4]), (4, 3))
    with pytest.raises(ValueError, match="dense_shape"):
        mc.IndexedSlices.from_rows(rows, np.array([0, 3]), (4, 2))
    with pytest.raises(ValueError, match=r"(?s)(?=.*indices)(?=.*3)(?=.*2)"):
        mc.IndexedSlices.from_rows(rows, np.array([0, 1, 2]), (4, 3))
    with pytest.raises(TypeError, match=r"indices.*int32"):
        mc.IndexedSlices.from_rows(rows, np.array([0, 1], np.int32), (4, 3))
    with pytest.raises(ValueError, match=r"dense_shape .*no size may be negative"):
        mc.IndexedSlices.from_rows(rows, np.array([0, 1]), (-1, 3))
    with pytest.raises(TypeError, match="dense_shape"):
        mc.IndexedSlices.from_rows(rows, np.array([0, 1]), (4.0, 3))  # type: ignore[arg-type]


def test_to_dense_does_not_share_memory() -> None:
    values = np.ones((2, 2), np.float32)
    slices = mc.IndexedSlices(values, np.array([0, 1]), (2, 2))
    slices.to_dense()[:] = 7
    assert values.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("index", [-1, 4])
def test_to_dense_refuses_rows_that_are_none(index: int) -> None:
    slices = mc.IndexedSlices(np.ones((1, 2)), np.array([index]), (4, 2))
    with pytest.raises(ValueError, match=rf"indices holds {index}, outside \[0, 4\)"):
        slices.to_dense()


def test_to_dense_refuses_values_that_are_no_numbers() -> None:
    slices = mc.IndexedSlices(np.ones((1, 2), bool), np.array([1]), (4, 2))
    with pytest.raises(TypeError, match="values has dtype bool"):
        slices.to_dense()
