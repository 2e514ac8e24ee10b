"""The state of optimizers: whose it is, how it is saved and taken over, what memory it takes."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits
from memory_use import resident_bytes
from optimizer_cases import OptimizerCase, each_case, each_kind, random_slices


def train(optimizer: Any, variables: list[Any], seeds: range) -> None:
    """Take a step for each seed; a variable is an array or a list of shards."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pairs = []
        for variable in variables:
            tables = variable if isinstance(variable, list) else [variable]
            slices: Any = [random_slices(rng, t.shape, t.dtype, len(t) // 2) for t in tables]
            pairs.append((variable, slices if isinstance(variable, list) else slices[0]))
        optimizer.step(pairs)


def make_variables() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "weights": rng.standard_normal((12, 5)).astype(np.float32),
        "shards": [rng.standard_normal((n, 3)) for n in (6, 5)],
        "biases": rng.standard_normal(12).astype(np.float32),
    }


def arrays_of(variables: dict[str, Any]) -> list[np.ndarray]:
    return [variables["weights"], *variables["shards"], variables["biases"]]


@pytest.mark.parametrize("take_copy", [True, False])
@pytest.mark.parametrize("by_name", [True, False])
@each_case
def test_training_goes_on_as_if_never_stopped(
    case: OptimizerCase, by_name: bool, take_copy: bool
) -> None:
    through, expected = make_variables(), case.make(lambda step: 0.1 / (1 + step))
    train(expected, list(through.values()), range(6))

    stopped, first = make_variables(), case.make(lambda step: 0.1 / (1 + step))
    train(first, list(stopped.values()), range(3))
    kept: Any = stopped if by_name else list(stopped.values())
    state = {key: copy.deepcopy(value) for key, value in first.state_dict(kept).items()}
    resumed, second = copy.deepcopy(stopped), case.make(lambda step: 0.1 / (1 + step))
    second.load_state_dict(state, resumed if by_name else list(resumed.values()), copy=take_copy)
    train(second, list(resumed.values()), range(3, 6))
    assert second.iterations == 6
    for array, other in zip(arrays_of(resumed), arrays_of(through), strict=True):
        assert_same_bits(array, other)


def test_state_is_named_after_variable_shard_and_table() -> None:
    variables = make_variables()
    expected = {
        "iterations": (),
        "seed": (2,),
        "weights.first_moment": (12, 5),
        "weights.second_moment": (12, 5),
        "weights.step": (12,),
        "shards.0.first_moment": (6, 3),
        "shards.0.second_moment": (6, 3),
        "shards.0.step": (6,),
        "shards.1.first_moment": (5, 3),
        "shards.1.second_moment": (5, 3),
        "shards.1.step": (5,),
        "biases.first_moment": (12,),
        "biases.second_moment": (12,),
        "biases.step": (12,),
    }
    state = mc.Adam(0.1).state_dict(variables)
    assert {key: np.shape(value) for key, value in state.items()} == expected
    dtypes = {value.dtype for key, value in state.items() if key.startswith("shards")}
    assert dtypes == {np.dtype(np.float64)}
    assert not any(np.any(state[key]) for key in expected if "." in key)
    assert list(mc.SGD(0.1).state_dict([variables["weights"]])) == ["iterations", "seed"]
    assert list(mc.SGD(0.1, momentum=0.5).state(variables["weights"])) == ["momentum"]
    names = ["iterations", "seed", "0.sum_of_squares"]
    assert list(mc.Adagrad(0.1).state_dict([np.zeros(2)])) == names
    rowwise = mc.RowwiseAdagrad(0.1).state(variables["weights"])
    assert {k: v.shape for k, v in rowwise.items()} == {"sum_of_mean_squares": (12,)}


@each_kind
def test_state_is_what_apply_updates_and_a_copy_is_not(case: OptimizerCase) -> None:
    variable = np.ones((4, 3), np.float32)
    slices = random_slices(np.random.default_rng(2), (4, 3), np.float32, 2)
    optimizer, other = case.make(), case.make()
    state = optimizer.state(variable)
    before = {name: table.copy() for name, table in state.items()}
    other.load_state_dict(optimizer.state_dict([variable]), [variable])
    optimizer.apply(variable, slices)
    for name, table in state.items():
        assert table is optimizer.state(variable)[name]
        assert table[slices.indices].any()
        assert_same_bits(other.state(variable)[name], before[name])


@each_kind
def test_each_variable_has_its_own_state(case: OptimizerCase) -> None:
    together, apart = [np.zeros((9, 4)), np.ones((9, 4))], [np.zeros((9, 4)), np.ones((9, 4))]
    train(case.make(), together, range(4))
    rng_states = [case.make() for _ in apart]
    for seed in range(4):
        rng = np.random.default_rng(seed)
        for optimizer, variable in zip(rng_states, apart, strict=True):
            optimizer.apply(variable, random_slices(rng, (9, 4), np.float64, 4))
    for variable, expected in zip(together, apart, strict=True):
        assert_same_bits(variable, expected)


@each_kind
def test_a_variable_is_known_by_its_memory(case: OptimizerCase) -> None:
    rng = np.random.default_rng(4)
    gradients = [random_slices(rng, (9, 4), np.float64, 9) for _ in range(2)]
    variable, expected = np.zeros((9, 4)), np.zeros((9, 4))
    views, one = case.make(), case.make()
    for slices in gradients:
        one.apply(expected, slices)
        views.apply(variable[:], slices)  # each time another view of the same memory
    assert_same_bits(variable, expected)


def test_adagrad_tells_its_accumulator() -> None:
    variable = np.zeros((3, 2))
    optimizer = mc.Adagrad(1.0)
    assert optimizer.accumulator(variable).tolist() == [[0.1, 0.1]] * 3
    slices = mc.IndexedSlices(np.array([[3.0, 2.0]]), np.array([1]), (3, 2))
    optimizer.apply(variable, slices)
    expected = np.array([[0.1, 0.1], [9.1, 4.1], [0.1, 0.1]])
    assert optimizer.accumulator(variable) == pytest.approx(expected, rel=1e-15)


WRONG_STATE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"w.first_moment": np.zeros((4, 2), np.float32)}, ValueError, r"\[4, 2\].*\[4, 3\]"),
    ({"w.step": np.zeros((4, 1), np.float32)}, ValueError, r"w\.step.*\[4, 1\].*\[4\]"),
    ({"w.step": np.zeros(4)}, TypeError, r"w\.step.*float64.*float32"),
    ({"w.second_moment": [[0.0] * 3] * 4}, TypeError, "w.second_moment"),
    ({"iterations": -1}, ValueError, "iterations.*-1"),
    ({"iterations": 1.5}, TypeError, "iterations.*1.5"),
    ({"seed": 5}, ValueError, r"state\['seed'\] is 5; it must be two integers"),
    ({"seed": (1, 2, 3)}, ValueError, "seed.*two integers"),
    ({"seed": (1.5, 2)}, TypeError, "seed.*1.5"),
    ({"seed": (1, -2)}, ValueError, "seed.*-2.*negative"),
    ({"seed": (1, 2**64)}, ValueError, "seed.*18446744073709551616"),
    ({"w.sum_of_squares": np.zeros((4, 3), np.float32)}, ValueError, "sum_of_squares"),
    ({"w.step": None}, ValueError, "lacks.*w.step"),
    ({"iterations": None}, ValueError, "lacks.*iterations"),
]


@pytest.mark.parametrize(("changes", "error", "pattern"), WRONG_STATE)
def test_state_that_does_not_fit_is_refused(
    changes: dict[str, Any], error: type[Exception], pattern: str
) -> None:
    first = {"v": np.ones((4, 3), np.float32), "w": np.ones((4, 3), np.float32)}
    optimizer, source = mc.Adam(0.1), mc.Adam(0.1)
    train(optimizer, list(first.values()), range(2))
    train(source, list(first.values()), range(5))
    before = copy.deepcopy(optimizer.state_dict(first))
    state = {**copy.deepcopy(source.state_dict(first)), **changes}
    state = {key: value for key, value in state.items() if value is not None}
    with pytest.raises(error, match=pattern):
        optimizer.load_state_dict(state, first)
    after = optimizer.state_dict(first)
    assert list(after) == list(before)
    assert after["iterations"] == 2
    for key in before:
        assert_same_bits(np.asarray(after[key]), np.asarray(before[key]))


def test_arrays_taken_over_must_be_fit_for_updates() -> None:
    variable, optimizer = np.ones((4, 3)), mc.Adagrad(0.1)
    read_only = np.zeros((4, 3))
    read_only.flags.writeable = False
    for table in (read_only, np.zeros((4, 6))[:, ::2], np.zeros((3, 4)).T):
        with pytest.raises(ValueError, match=r"0\.sum_of_squares.*(read-only|contiguous)"):
            optimizer.load_state_dict(
                {"iterations": 0, "0.sum_of_squares": table}, [variable], copy=False
            )
        optimizer.load_state_dict({"iterations": 0, "0.sum_of_squares": table}, [variable])
    with pytest.raises(TypeError, match="variables is a ndarray"):
        optimizer.state_dict(variable)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="state is a list"):
        optimizer.load_state_dict([], [variable])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="copy is 1"):
        optimizer.load_state_dict(optimizer.state_dict([variable]), [variable], copy=1)  # type: ignore[arg-type]


def test_state_may_be_a_memory_map(tmp_path: Path) -> None:
    variable, expected = np.ones((40, 3)), np.ones((40, 3))
    mapped = np.memmap(tmp_path / "sums", np.float64, "w+", shape=(40, 3))
    optimizer, plain = mc.Adagrad(0.1), mc.Adagrad(0.1)
    state = {"iterations": 0, "0.sum_of_squares": mapped}
    optimizer.load_state_dict(state, [variable], copy=False)
    train(optimizer, [variable], range(3))
    train(plain, [expected], range(3))
    assert_same_bits(variable, expected)
    assert_same_bits(np.asarray(mapped), plain.state(expected)["sum_of_squares"])


@each_kind
def test_optimizers_without_state_can_be_copied_and_pickled(case: OptimizerCase) -> None:
    optimizer = case.make(0.2, clip_norm=3.0)
    optimizer.iterations = 5
    for twin in (
        copy.copy(optimizer),
        copy.deepcopy(optimizer),
        pickle.loads(pickle.dumps(optimizer)),
    ):
        assert twin.iterations == 5
        assert twin.clip_norm == 3.0
        one, two = np.ones((4, 3)), np.ones((4, 3))
        train(case.make(0.2, clip_norm=3.0), [one], range(2))
        train(twin, [two], range(2))
        assert_same_bits(one, two)


def test_optimizers_with_state_refuse_to_be_copied() -> None:
    optimizer = mc.Adagrad(0.1)
    train(optimizer, [np.ones((4, 3))], range(1))
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="state_dict"):
            copied(optimizer)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("optimizer", [mc.SGD(0.1, momentum=0.9), mc.Adagrad(0.1), mc.Adam(0.1)])
def test_state_takes_memory_for_touched_rows_only(optimizer: Any, tmp_path: Path) -> None:
    shape = (2_000_000, 64)  # 512 MB, and as much again for each table of state
    weights = np.memmap(tmp_path / "weights", np.float32, "w+", shape=shape)
    rng = np.random.default_rng(1)
    rows = np.unique(rng.integers(0, shape[0], 1000))
    slices = mc.IndexedSlices(np.ones((len(rows), 64), np.float32), rows, shape)
    before = resident_bytes()
    optimizer.apply(weights, slices)
    again = type(optimizer)(0.1, **({"momentum": 0.9} if isinstance(optimizer, mc.SGD) else {}))
    again.load_state_dict(optimizer.state_dict([weights]), [weights])
    # At most two pages a row and table; a huge page of 2 MB a row would be all of the tables.
    # Copying reads the tables through, which maps the page of zeros and holds no memory.
    assert resident_bytes() - before < 100e6
