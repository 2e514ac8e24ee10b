"""A forked child works, whatever its parent was doing at that moment."""

from __future__ import annotations

import os

import pytest

from child_process import run_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

SETUP = """
import os, signal, threading, warnings
import numpy as np
import manyclass as mc
warnings.simplefilter("ignore", DeprecationWarning)  # fork in a process that has threads
rng = np.random.default_rng(0)
weights, inputs = rng.standard_normal((2000, 32)), rng.standard_normal((300, 32))
layer = weights, np.zeros(2000)
labels = rng.integers(0, 2000, (300, 1))

def full():
    return mc.full_softmax_loss(*layer, labels, inputs, num_threads=3).tobytes()

def step(seed=1, **options):
    loss, gradients = mc.sampled_softmax_loss_and_grad(
        *layer, labels, inputs, 500, 2000, seed=seed, num_threads=3, **options
    )
    arrays = loss, gradients.weights.values, gradients.weights.indices, gradients.inputs
    return b"".join(array.tobytes() for array in arrays)

def work():
    return full(), step()

def in_child(check):
    # A child that hangs is ended by its alarm.
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        os._exit(0 if check() else 3)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, code

class Busy:
    # Calls `call` in threads of their own for as long as the block lasts.
    def __init__(self, *calls):
        self.stop = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self.run, args=(call,)) for call in calls]
    def run(self, call):
        try:
            while not self.stop.is_set():
                call()
        except BaseException as error:
            self.failures.append(error)
    def __enter__(self):
        for thread in self.threads:
            thread.start()
    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures
"""


def assert_done(code: str) -> None:
    """Run the code after the setup; it ends by printing "done"."""
    child = run_child(SETUP + code + "\nprint('done')\n")
    assert child.stdout.split() == ["done"], child.stderr


def test_a_child_works_and_so_do_its_parent_and_its_child() -> None:
    assert_done("""
before = work()
for _ in range(3):
    in_child(lambda: work() == before)
    assert work() == before

def grandchild():
    in_child(lambda: work() == before)
    return work() == before

in_child(grandchild)
assert work() == before
""")


def test_a_child_starts_the_first_threads() -> None:
    assert_done("""
in_child(lambda: len(work()) == 2)
assert work() == work()
""")


def test_fork_while_other_threads_are_in_a_step() -> None:
    assert_done("""
expected = work()

def parents_step():
    assert step() == expected[1]

def parents_full():
    assert full() == expected[0]

with Busy(parents_step, parents_full, parents_step):
    for _ in range(25):
        in_child(lambda: work() == expected)
assert work() == expected
""")


SAMPLERS = {
    "log-uniform": ("mc.LogUniformSampler(2000, seed=1)", "sampler.sample(labels, 40)"),
    "learned": ("mc.LearnedUnigramSampler(2000, seed=1)", "sampler.sample(labels, 40)"),
    "alias": (
        "mc.AliasSampler(np.arange(1.0, 2001.0), seed=1)",
        "sampler.update([1, 7], [2.0, 8.0]); sampler.sample(labels, 40)",
    ),
    "mixture": (
        "mc.MixtureSampler([(mc.LearnedUnigramSampler(2000), 1.0),"
        " (mc.AliasSampler(np.ones(2000)), 1.0)], seed=1)",
        "sampler.sample(labels, 40)",
    ),
    "in-batch": ("mc.InBatchSampler(mc.StreamingFrequencies(2000))", "sampler.sample(labels)"),
}


@pytest.mark.parametrize("which", SAMPLERS)
def test_a_child_goes_on_with_a_sampler_that_others_were_using(which: str) -> None:
    make, use = SAMPLERS[which]
    assert_done(f"""
sampler = {make}

def use():
    {use}
    return True

with Busy(use, use):
    for _ in range(25):
        in_child(lambda: all(use() for _ in range(5)))
assert use()
""")


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_pool_of_processes(method: str) -> None:
    # The functions come from a module, which processes that do not fork import.
    assert_done(f"""
import concurrent.futures, multiprocessing, pathlib, sys, tempfile
expected = step(seed=3)
with tempfile.TemporaryDirectory() as folder:
    setup = {SETUP!r}
    pathlib.Path(folder, "steps_of_a_child.py").write_text(setup)
    sys.path.insert(0, folder)
    import steps_of_a_child
    context = multiprocessing.get_context({method!r})
    with context.Pool(2) as pool:
        assert pool.map(steps_of_a_child.step, [3] * 6) == [expected] * 6
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        assert list(executor.map(steps_of_a_child.step, [3] * 6)) == [expected] * 6
assert step(seed=3) == expected
""")
