"""Threads: their number, calls from many Python threads, fork, interruption."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits, assert_same_slices
from random_problems import make_problem

HANG = 120  # seconds after which a child counts as hung

CHILD_SETUP = """
import os, signal, threading
import numpy as np
import manyclass as mc
rng = np.random.default_rng(0)
weights, inputs = rng.standard_normal((2000, 32)), rng.standard_normal((300, 32))
labels = rng.integers(0, 2000, (300, 1))
def loss():
    return mc.full_softmax_loss(weights, np.zeros(2000), labels, inputs, num_threads=3)
"""


def run_child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, without inherited thread settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MANYCLASS_NUM_THREADS", "OMP_NUM_THREADS")
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


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


@pytest.mark.usefixtures("restored_num_threads")
def test_set_num_threads_keeps_the_bits() -> None:
    problem = make_problem(1, num_classes=900, dim=16, batch=300)
    losses = []
    for count in (1, 2, 5):
        mc.set_num_threads(count)
        losses.append(mc.full_softmax_loss(*problem))
    assert_same_bits(losses[1], losses[0])
    assert_same_bits(losses[2], losses[0])


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


def test_threads_that_share_a_sampler_each_take_their_own_stretch() -> None:
    labels = np.zeros((0, 1), np.int64)
    alone = mc.LogUniformSampler(10_000, seed=3)
    expected = sorted(alone.sample(labels, 50).sampled_candidates.tolist() for _ in range(200))
    shared = mc.LogUniformSampler(10_000, seed=3)
    with ThreadPoolExecutor(4) as executor:
        drawn = executor.map(lambda _: shared.sample(labels, 50), range(200))
        assert sorted(values.sampled_candidates.tolist() for values in drawn) == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"MANYCLASS_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"MANYCLASS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
    ],
)
def test_environment_sets_the_number(environment: dict[str, str], expected: int) -> None:
    child = run_child("import manyclass; print(manyclass.get_num_threads())", **environment)
    assert child.stdout.split() == [str(expected)], child.stderr


def test_set_num_threads_goes_before_the_environment() -> None:
    child = run_child(
        "import manyclass as mc; mc.set_num_threads(2); print(mc.get_num_threads())",
        MANYCLASS_NUM_THREADS="3",
    )
    assert child.stdout.split() == ["2"], child.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_affinity_limits_the_default() -> None:
    child = run_child(
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import manyclass; print(manyclass.get_num_threads())"
    )
    assert child.stdout.split() == ["1"], child.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_works_and_so_does_its_parent() -> None:
    child = run_child(
        CHILD_SETUP
        + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork in a process that has threads
before = loss()
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if loss().tobytes() == before.tobytes() else 3)
    children.append(pid)
for pid in children:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert loss().tobytes() == before.tobytes()
print("done")
"""
    )
    assert child.stdout.split() == ["done"], child.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself here")
@pytest.mark.parametrize(
    "function", ["full_softmax_loss", "full_softmax_loss_and_grad", "label_ranks"]
)
@pytest.mark.parametrize("num_threads", [1, 2])
def test_interrupt_stops_long_work(function: str, num_threads: int) -> None:
    # 10^14 products: left alone, the child would be killed as hung long before the end.
    child = run_child(
        CHILD_SETUP
        + f"""
rows = 2_000_000
table, biases = np.zeros((rows, 16), np.float32), np.zeros(rows, np.float32)
many, true = np.zeros((rows, 16), np.float32), np.zeros((rows, 1), np.int64)
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    mc.{function}(table, biases, true, many, num_threads={num_threads})
except KeyboardInterrupt:
    print("interrupted", loss().shape)
"""
    )
    assert child.stdout.split() == ["interrupted", "(300,)"], child.stderr


def test_signal_handlers_run_without_stopping_the_work() -> None:
    # A handler that returns is no interruption: the result is the one of an undisturbed call.
    child = run_child(
        CHILD_SETUP
        + """
expected = loss().tobytes()
calls = []
signal.signal(signal.SIGINT, lambda *_: calls.append(1))
for _ in range(20):
    os.kill(os.getpid(), signal.SIGINT)
    assert loss().tobytes() == expected
assert len(calls) == 20
print("done")
"""
    )
    assert child.stdout.split() == ["done"], child.stderr
