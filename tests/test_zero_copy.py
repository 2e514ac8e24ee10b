"""Arrays are used where they lie, in every layout and from every kind of owner."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits, assert_same_slices
from random_problems import LAYOUTS, make_problem, make_sample, problem_laid_out
from reference import Problem

PROBLEM = make_problem(1, num_classes=30, dim=9, batch=6, num_true=2)
SAMPLE = mc.SampledValues(*make_sample(2, PROBLEM, 12))


class ArrayInterface:
    """An owner that shows its memory through ``__array_interface__`` and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._array.__array_interface__


class DLPack:
    """An owner that shows its memory through DLPack and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def sampled(problem: Any, **options: Any) -> tuple[np.ndarray, mc.Gradients]:
    """Sampled loss and gradients for the one sample."""
    return mc.sampled_softmax_loss_and_grad(*problem, 12, 30, 2, SAMPLE, **options)


def assert_same_results(problem: Any) -> None:
    """Hold every function that reads arrays to what plain arrays give."""
    loss, gradients = sampled(problem)
    expected_loss, expected = sampled(PROBLEM)
    assert_same_bits(loss, expected_loss)
    assert_same_slices(gradients.weights, expected.weights)
    assert_same_slices(gradients.biases, expected.biases)
    assert_same_bits(gradients.inputs, expected.inputs)
    assert_same_bits(mc.full_softmax_loss(*problem, 2), mc.full_softmax_loss(*PROBLEM, 2))
    assert_same_bits(mc.label_ranks(*problem, 2), mc.label_ranks(*PROBLEM, 2))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_the_same_bits(layout: str) -> None:
    assert_same_results(problem_laid_out(PROBLEM, layout))


def test_vectors_may_have_strides() -> None:
    strided = {"biases": np.repeat(PROBLEM.biases, 3)[::3]}
    grad_loss = np.linspace(-1, 1, 6, dtype=np.float32)
    assert_same_results(PROBLEM._replace(**strided))
    _, gradients = sampled(PROBLEM._replace(**strided), grad_loss=np.repeat(grad_loss, 2)[::2])
    _, expected = sampled(PROBLEM, grad_loss=grad_loss)
    assert_same_slices(gradients.weights, expected.weights)


def test_repeated_rows_of_zero_stride_may_be_read() -> None:
    row = np.broadcast_to(PROBLEM.inputs[0], PROBLEM.inputs.shape)
    copied = PROBLEM._replace(inputs=row.copy())
    assert_same_bits(sampled(PROBLEM._replace(inputs=row))[0], sampled(copied)[0])


@pytest.mark.parametrize("wrap", [ArrayInterface, DLPack])
def test_other_owners_of_arrays(wrap: Any) -> None:
    assert_same_results(tuple(wrap(array) for array in PROBLEM))


def test_an_update_writes_into_another_owners_memory() -> None:
    variable, expected = PROBLEM.weights.copy(), PROBLEM.weights.copy()
    _, gradients = sampled(PROBLEM)
    mc.SGD(0.5).apply(ArrayInterface(variable), gradients.weights)
    mc.SGD(0.5).apply(expected, gradients.weights)
    assert_same_bits(variable, expected)
    assert variable.tobytes() != PROBLEM.weights.tobytes()


def test_an_optimizer_knows_another_owners_memory() -> None:
    variable, optimizer = PROBLEM.weights.copy(), mc.Adagrad(0.5)
    _, gradients = sampled(PROBLEM)
    # Not the other way about: what NumPy before 2.0 takes through DLPack is read-only.
    optimizer.apply(ArrayInterface(variable), gradients.weights)
    accumulator = optimizer.accumulator(DLPack(variable))
    assert_same_bits(accumulator, optimizer.accumulator(variable))
    assert accumulator.max() > 0.1


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a copy that cannot be written."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def test_read_only_arrays_may_be_read() -> None:
    assert_same_results(tuple(read_only(array) for array in PROBLEM))
    grad_loss = np.linspace(0, 1, 6, dtype=np.float32)
    _, gradients = sampled(PROBLEM, grad_loss=read_only(grad_loss))
    assert_same_slices(gradients.weights, sampled(PROBLEM, grad_loss=grad_loss)[1].weights)


def test_memory_maps_may_be_read(tmp_path: Path) -> None:
    maps = []
    for name, array in PROBLEM._asdict().items():
        np.save(tmp_path / f"{name}.npy", array)
        maps.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    assert_same_results(maps)


def test_a_large_memory_map_is_not_read_whole(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    shape = (4_000_000, 128)  # 2 GB of zeros that take no room on disk
    weights = np.memmap(tmp_path / "weights", np.float32, "w+", shape=shape)
    labels, inputs = np.array([[5], [3_999_999]]), np.ones((2, 128), np.float32)
    biases = np.zeros(shape[0], np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mc.sampled_softmax_loss_and_grad(weights, biases, labels, inputs, 50, shape[0], seed=1)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 300e6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_array_is_copied_on_the_way(layout: str) -> None:
    problem = problem_laid_out(make_problem(3, num_classes=200_000, dim=16, batch=20_000), layout)
    slices = mc.IndexedSlices(np.ones((1, 16), np.float32), np.array([7]), (200_000, 16))
    tracemalloc.start()
    try:
        mc.sampled_softmax_loss(*problem, 10, 200_000, seed=1)
        mc.SGD(0.1).apply(problem.weights, slices)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # inputs alone are 1.28 MB, weights 12.8 MB; losses and expected counts are 0.16 MB
    assert peak < 600_000


UNUSABLE = {
    "Fortran order": lambda a: np.asfortranarray(a),
    "every second column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed columns": lambda a: a[:, ::-1],
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
}


@pytest.mark.parametrize("name", ["weights", "labels", "inputs"])
@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE)
def test_scattered_rows_are_refused_with_the_remedy(name: str, spoil: Any) -> None:
    problem = PROBLEM._replace(**{name: spoil(getattr(PROBLEM, name))})
    remedy = rf"(?s){name}.*numpy\.ascontiguousarray"
    for call in (
        lambda: sampled(problem),
        lambda: mc.full_softmax_loss(*problem, 2),
        lambda: mc.label_ranks(*problem, 2),
    ):
        with pytest.raises(ValueError, match=remedy):
            call()


def test_a_scattered_variable_is_refused_and_not_written() -> None:
    variable = np.asfortranarray(PROBLEM.weights)
    before = variable.copy()
    _, gradients = sampled(PROBLEM)
    for optimizer in (mc.SGD(0.1), mc.Adagrad(0.1)):
        with pytest.raises(ValueError, match=r"(?s)variable.*numpy\.ascontiguousarray"):
            optimizer.apply(variable, gradients.weights)
    assert_same_bits(variable, before)


def test_unaligned_and_byte_swapped_arrays_are_refused() -> None:
    raw = np.zeros(PROBLEM.weights.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(np.float32).reshape(PROBLEM.weights.shape)
    with pytest.raises(ValueError, match=r"weights.*align"):
        sampled(PROBLEM._replace(weights=unaligned))
    swapped = PROBLEM.weights.astype(PROBLEM.weights.dtype.newbyteorder())
    with pytest.raises(TypeError, match=r"weights.*[<>]f4"):
        sampled(PROBLEM._replace(weights=swapped))


def test_arguments_are_left_as_they_were() -> None:
    problem = Problem(*(array.copy() for array in PROBLEM))
    sampled(problem)
    mc.full_softmax_loss_and_grad(*problem, 2)
    for array, before in zip(problem, PROBLEM, strict=True):
        assert_same_bits(array, before)
