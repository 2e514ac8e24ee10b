"""Threads: their number, nested use, calls from many Python threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits, assert_same_slices
from child_process import run_child
from random_problems import make_problem

reads_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def restored_num_threads() -> Iterator[None]:
    """Put the process-wide number of threads back."""
    before = mc.get_num_threads()
    yield
    mc.set_num_threads(before)


@pytest.mark.usefixtures("restored_num_threads")
def test_set_then_get() -> None:
    for count in (1, 3, 7):
        mc.set_num_threads(count)
        assert mc.get_num_threads() == count


@pytest.mark.parametrize("count", [0, -1])
def test_numbers_below_one_are_refused(count: int) -> None:
    before = mc.get_num_threads()
    with pytest.raises(ValueError, match=rf"num_threads.*{count}"):
        mc.set_num_threads(count)
    assert mc.get_num_threads() == before
    with pytest.raises(ValueError, match=rf"num_threads.*{count}"):
        mc.full_softmax_loss(*make_problem(2), num_threads=count)


def test_calls_from_many_python_threads() -> None:
    problems = [
        make_problem(seed, num_classes=500 + seed, dim=24, batch=70, num_true=2)
        for seed in range(8)
    ]

    def work(job: int) -> tuple[np.ndarray, mc.Gradients, np.ndarray]:
        problem = problems[job % 8]
        loss, gradients = mc.sampled_softmax_loss_and_grad(
            *problem, 100, 500, 2, seed=job % 8, num_threads=1 + job % 4
        )
        return loss, gradients, mc.full_softmax_loss(*problem, 2, num_threads=1 + job % 3)

    for problem in problems:
        problem.labels[:] %= 500
    alone = [work(job) for job in range(8)]
    with ThreadPoolExecutor(8) as executor:
        for job, (loss, gradients, full) in enumerate(executor.map(work, range(160))):
            expected_loss, expected, expected_full = alone[job % 8]
            assert_same_bits(loss, expected_loss)
            assert_same_slices(gradients.weights, expected.weights)
            assert_same_bits(gradients.inputs, expected.inputs)
            assert_same_bits(full, expected_full)


def test_threads_that_share_weights_and_a_sampler() -> None:
    # Which thread gets which stretch of the stream is open; all together are those of one thread.
    problem = make_problem(3, num_classes=3000, dim=24, batch=150)

    def step(sampler: Any, num_threads: int) -> bytes:
        loss, gradients = mc.sampled_softmax_loss_and_grad(
            *problem, 200, 3000, sampler=sampler, num_threads=num_threads
        )
        weights, biases = gradients.weights, gradients.biases
        arrays = (loss, weights.indices, weights.values, biases.values, gradients.inputs)
        return b"".join(array.tobytes() for array in arrays)

    alone = mc.LogUniformSampler(3000, seed=5)
    expected = sorted(step(alone, 1) for _ in range(60))
    shared = mc.LogUniformSampler(3000, seed=5)
    with ThreadPoolExecutor(6) as executor:
        steps = executor.map(lambda k: step(shared, 1 + k % 4), range(60))
        assert sorted(steps) == expected


def test_threads_that_share_a_sampler_each_take_their_own_stretch() -> None:
    labels = np.zeros((0, 1), np.int64)
    alone = mc.LogUniformSampler(10_000, seed=3)
    expected = sorted(alone.sample(labels, 50).sampled_candidates.tolist() for _ in range(200))
    shared = mc.LogUniformSampler(10_000, seed=3)
    with ThreadPoolExecutor(4) as executor:
        drawn = executor.map(lambda _: shared.sample(labels, 50), range(200))
        assert sorted(values.sampled_candidates.tolist() for values in drawn) == expected


def test_refused_calls_of_some_threads_do_not_disturb_others() -> None:
    good = make_problem(4, num_classes=700, dim=16, batch=200)
    bad = good._replace(labels=np.where(np.arange(200)[:, None] == 150, 700, good.labels))
    expected = mc.sampled_softmax_loss(*good, 50, 700, seed=1)

    def work(job: int) -> np.ndarray | str:
        try:
            return mc.sampled_softmax_loss(
                *(bad if job % 2 else good), 50, 700, seed=1, num_threads=1 + job % 3
            )
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(6) as executor:
        for job, result in enumerate(executor.map(work, range(120))):
            if job % 2:
                assert isinstance(result, str)
                assert "labels[150, 0] is 700" in result
            else:
                assert isinstance(result, np.ndarray)
                assert_same_bits(result, expected)


@pytest.mark.usefixtures("restored_num_threads")
def test_the_number_may_change_while_others_work() -> None:
    problem = make_problem(5, num_classes=900, dim=16, batch=300)
    expected = mc.full_softmax_loss(*problem)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for count in (1, 4, 2, 9):
                mc.set_num_threads(count)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(30):
            assert_same_bits(mc.full_softmax_loss(*problem), expected)
    finally:
        stop.set()
        changer.join()


@reads_proc
def test_more_threads_than_the_system_gives() -> None:
    # 200 threads want 1.6 GB of stacks at the usual 8 MB each: a few come to be, and suffice.
    child = run_child(
        """
import resource
import numpy as np
import manyclass as mc
weights, inputs = np.random.default_rng(0).standard_normal((2, 3000, 16))
labels = np.arange(3000)[:, None]
arguments = (weights, np.zeros(3000), labels, inputs)
expected = mc.full_softmax_loss(*arguments, num_threads=1).tobytes()
resource.setrlimit(resource.RLIMIT_STACK, (2**23, 2**23))
pages = int(open("/proc/self/statm").read().split()[0])
room = pages * resource.getpagesize() + 2**28
resource.setrlimit(resource.RLIMIT_AS, (room, room))
for _ in range(3):
    assert mc.full_softmax_loss(*arguments, num_threads=200).tobytes() == expected
threads = [line for line in open("/proc/self/status") if line.startswith("Threads")]
print("threads", int(threads[0].split()[1]) < 100)
"""
    )
    assert child.stdout.split() == ["threads", "True"], child.stderr


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"MANYCLASS_NUM_THREADS": "3"}, "3"),
        ({"OMP_NUM_THREADS": "5"}, "5"),
        ({"MANYCLASS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, "3"),
        ({"OMP_NUM_THREADS": "4,2"}, "4"),  # OpenMP's number for each level of nesting
        ({"MANYCLASS_NUM_THREADS": "100000"}, "1024"),
        ({"MANYCLASS_NUM_THREADS": "0", "OMP_NUM_THREADS": "6"}, "6"),
        ({"MANYCLASS_NUM_THREADS": "", "OMP_NUM_THREADS": "6"}, "6"),
        ({"MANYCLASS_NUM_THREADS": "-2", "OMP_NUM_THREADS": "many"}, "default"),
        ({"MANYCLASS_NUM_THREADS": "99999999999999999999"}, "1024"),
    ],
)
def test_environment_sets_the_number(environment: dict[str, str], expected: str) -> None:
    code = "import manyclass; print(manyclass.get_num_threads())"
    if expected == "default":
        expected = run_child(code).stdout.strip()
    child = run_child(code, **environment)
    assert child.stdout.split() == [expected], child.stderr


@reads_proc
def test_set_num_threads_goes_before_the_environment_and_an_argument_before_both() -> None:
    # Threads are counted by the system: those of the pool never end.
    child = run_child(
        """
import numpy as np
import manyclass as mc
def threads():
    return int([s for s in open("/proc/self/status") if s.startswith("Threads")][0].split()[1])
mc.set_num_threads(2)
arguments = np.ones((5000, 8)), np.ones(5000), np.zeros((9, 1), int), np.ones((9, 8))
before = threads()
mc.full_softmax_loss(*arguments, num_threads=1)
print(mc.get_num_threads(), threads() - before)
mc.full_softmax_loss(*arguments)
print(threads() - before)
mc.full_softmax_loss(*arguments, num_threads=5)
print(mc.get_num_threads(), threads() - before)
""",
        MANYCLASS_NUM_THREADS="3",
    )
    assert child.stdout.split() == ["2", "0", "1", "2", "4"], child.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_affinity_limits_the_default() -> None:
    child = run_child(
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import manyclass; print(manyclass.get_num_threads())"
    )
    assert child.stdout.split() == ["1"], child.stderr


def test_idle_threads_sleep() -> None:
    # Processor time while nothing is asked for, of which spinning threads would take seconds.
    child = run_child(
        """
import time
import numpy as np
import manyclass as mc
arguments = np.ones((5000, 8)), np.ones(5000), np.zeros((9, 1), int), np.ones((9, 8))
mc.full_softmax_loss(*arguments, num_threads=5)
time.sleep(0.1)
before = time.process_time()
time.sleep(1.0)
print(time.process_time() - before < 0.1)
"""
    )
    assert child.stdout.split() == ["True"], child.stderr
