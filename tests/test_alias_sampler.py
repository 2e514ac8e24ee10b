"""AliasSampler: its tables in two levels, changes of weights, growth, state."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from chi_square import p_value

BLOCK = 4096  # classes of one inner table
NO_LABELS = np.zeros((0, 1), np.int64)


def assert_draws_follow(sampler: mc.AliasSampler, weights: np.ndarray) -> None:
    """Hold the probabilities, and a million draws, to the weights."""
    assert sampler.num_classes == len(weights)
    expected = weights / weights.sum()
    np.testing.assert_allclose(sampler.probability(np.arange(len(weights))), expected, rtol=1e-12)
    counts = np.bincount(sampler.draw(10**6, seed=5), minlength=len(weights))
    assert p_value(counts, expected) > 1e-4


@pytest.mark.parametrize("num_classes", [2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17])
def test_draws_follow_the_weights_over_several_blocks(num_classes: int) -> None:
    weights = np.random.default_rng(0).exponential(size=num_classes) ** 3
    assert_draws_follow(mc.AliasSampler(weights), weights)


# Class 0 keeps its weight, so that there always is one.
changes = st.lists(
    st.lists(
        st.tuples(st.integers(1, 2 * BLOCK + 50), st.sampled_from([0.0, 1e-3, 1.0, 50.0])),
        max_size=6,
    ),
    max_size=4,
)


@given(st.integers(1, BLOCK + 100), changes)
def test_a_changed_table_is_that_of_the_changed_weights(
    num_classes: int, steps: list[list[tuple[int, float]]]
) -> None:
    weights = np.ones(num_classes)
    sampler = mc.AliasSampler(weights, seed=3)
    for step in steps:
        ids = np.array([i for i, _ in step], np.int64)
        values = np.array([w for _, w in step])
        grown = max(len(weights), ids.max(initial=-1) + 1)
        weights = np.concatenate([weights, np.zeros(grown - len(weights))])
        for i, w in step:
            weights[i] = w
        sampler.update(ids, values)
    fresh = mc.AliasSampler(weights)
    assert_same_bits(sampler.draw(500, seed=9), fresh.draw(500, seed=9))
    assert sampler.num_classes == len(weights)


def test_growth_gives_new_classes_their_share() -> None:
    sampler = mc.AliasSampler([1.0, 2.0])
    sampler.update([5000, 2], [4.0, 3.0])
    weights = np.zeros(5001)
    weights[[0, 1, 2, 5000]] = [1, 2, 3, 4]
    assert_draws_follow(sampler, weights)
    values = sampler.sample(np.array([[5000]]), 4)
    assert sorted(values.sampled_candidates.tolist()) == [0, 1, 2, 5000]


@pytest.mark.parametrize(
    ("ids", "weights", "message"),
    [
        ([0], [-1.0], r"weights\[0\] gives the weight -1"),
        ([0, 1], [1.0, np.nan], r"weights\[1\] gives the weight -?nan"),
        ([1], [np.inf], r"weights\[0\] gives the weight inf"),
        ([0, 1, 2], [0.0, 0.0, 0.0], "above zero"),
        ([-1], [1.0], r"ids\[0\] is -1, outside \[0, 4294967296\)"),
        ([2**32], [1.0], r"ids\[0\] is 4294967296, outside \[0, 4294967296\)"),
        ([0], [1.0, 2.0], "ids has 1 entries, weights has 2"),
    ],
)
def test_refused_updates_change_nothing(ids: list[int], weights: list[float], message: str) -> None:
    sampler, twin = mc.AliasSampler([1.0, 2.0, 3.0], seed=1), mc.AliasSampler([1, 2, 3], seed=1)
    with pytest.raises(ValueError, match=message):
        sampler.update(np.array(ids), np.array(weights))
    assert_same_bits(sampler.draw(100), twin.draw(100))
    assert sampler.num_classes == 3


# Of the 1 GiB of new weights there is memory, of as much for their table there is none.
TOO_LITTLE_MEMORY = """
import resource
import manyclass as mc
mc.set_num_threads(1)
sampler, twin = (mc.AliasSampler([1.0, 2.0, 3.0], seed=1) for _ in range(2))
sampler.draw(10), twin.draw(10)
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 3 * 2**29,) * 2)
try:
    sampler.update([2**27 - 1], [1.0])
except MemoryError:
    assert sampler.state_dict()["weights"].tolist() == [1.0, 2.0, 3.0]
    assert sampler.draw(1000).tolist() == twin.draw(1000).tolist()
    print("refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_growth_without_memory_changes_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-c", TOO_LITTLE_MEMORY],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "refused\n", run.stderr


def test_states_and_copies_have_the_weights() -> None:
    sampler = mc.AliasSampler(np.ones(10), seed=4)
    sampler.update([3, 20], [7.0, 9.0])
    sampler.sample(NO_LABELS, 5)
    restored = mc.AliasSampler([1.0], seed=0)
    restored.load_state_dict(sampler.state_dict())
    copies = [restored, copy.deepcopy(sampler), pickle.loads(pickle.dumps(sampler))]
    expected = [sampler.draw(50) for _ in range(2)]
    for other in copies:
        assert other.num_classes == 21
        for ids in expected:
            assert_same_bits(other.draw(50), ids)


@pytest.mark.parametrize("weights", [None, [1.0] * 10, np.ones(9), np.ones((2, 5))])
def test_states_without_weights_are_refused(weights: object) -> None:
    sampler, twin = mc.AliasSampler(np.ones(10), seed=4), mc.AliasSampler(np.ones(10), seed=4)
    with pytest.raises(ValueError, match="state has"):
        sampler.load_state_dict(sampler.state_dict() | {"weights": weights})
    assert_same_bits(sampler.draw(50), twin.draw(50))


def test_a_class_of_almost_no_mass_is_drawable() -> None:
    sampler = mc.AliasSampler([1e-300, 1e30, 0.0, 1e-300], seed=1)
    assert sampler.probability([0, 2])[0] > 0.0  # though the quotient is below the least float64
    assert sampler.probability([0, 2])[1] == 0.0
    values = sampler.sample(np.array([[1]]), 3)
    assert sorted(values.sampled_candidates.tolist()) == [0, 1, 3]


def test_draws_do_not_depend_on_the_number_of_threads() -> None:
    sampler = mc.AliasSampler(np.arange(1.0, 10_000.0))
    before = mc.get_num_threads()
    try:
        results = []
        for num_threads in (1, 2, 3, 8):
            mc.set_num_threads(num_threads)
            results.append(sampler.draw(100_000, seed=7))
    finally:
        mc.set_num_threads(before)
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_a_mixture_refuses_a_part_that_has_grown() -> None:
    part = mc.AliasSampler([1.0, 2.0])
    mixture = mc.MixtureSampler([(part, 1.0), (mc.UniformSampler(2), 1.0)], seed=1)
    part.update([1], [5.0])
    assert mixture.probability([1])[0] == pytest.approx(0.5 * 5 / 6 + 0.25)
    part.update([2], [1.0])
    for call in (lambda: mixture.draw(5), lambda: mixture.sample(NO_LABELS, 2)):
        with pytest.raises(ValueError, match=r"parts\[0\] has grown to 3 classes.* has 2"):
            call()


def test_updates_while_others_draw() -> None:
    # Mass moves between two classes; a draw sees the weights before or after, never between.
    sampler = mc.AliasSampler(np.r_[1.0, np.zeros(3 * BLOCK)], seed=1)
    last = 3 * BLOCK
    stop = threading.Event()

    def move() -> None:
        while not stop.is_set():
            sampler.update([0, last], [0.0, 1.0])
            sampler.update([0, last], [1.0, 0.0])

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(300):
            assert set(np.unique(sampler.draw(1000))) in ({0}, {last})
    finally:
        stop.set()
        mover.join()
