"""Processes forked in the middle of training and of serving work, with the right bits."""

from __future__ import annotations

import os

import pytest

from fault_process import run_faults

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

SETUP = """
import os, random, signal, threading, time, warnings
import numpy as np
import fault_calls
from fault_calls import CALLS, INPUTS, SHARED_LAYER, new_layer, read_shared_layer, train
warnings.simplefilter("ignore", DeprecationWarning)  # fork in a process that has threads
stop = time.monotonic() + float(sys.argv[1])

def fork(work):
    # A child that hangs is ended by its alarm.
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            os._exit(0 if work() else 3)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(4)
    return pid

def wait(pid):
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, code
"""

WHILE_OTHERS_WORK = """
names = [name for name in CALLS if name != "train_step"]
alone = {name: call(1) for name, call in CALLS.items()}
choices = random.Random(1)
done = threading.Event()
wrong = []

def work(*names):
    try:
        while not done.is_set():
            for name in names:
                if CALLS[name](3) != alone[name]:
                    wrong.append(name)
    except BaseException as error:
        wrong.append(repr(error))

threads = [
    threading.Thread(target=work, args=("train_step", "alias sampler", "top_k")),
    threading.Thread(target=work, args=("a layer that all read", "learned sampler")),
    threading.Thread(target=work, args=("full_softmax_loss_and_grad", "adagrad", "nce_loss")),
]
for thread in threads:
    thread.start()
layer, children, rounds = new_layer(), [], 0
try:
    while rounds < 5 or time.monotonic() < stop:
        rounds += 1
        # The child goes on with the layer that its parent trains, and must get the same bits.
        reader, writer = os.pipe()
        chosen = choices.sample(names, 3)

        def child():
            os.write(writer, fault_calls.state_of(layer)[:64])
            after = train(2, layer)
            os.write(writer, after[-64:])
            return all(CALLS[name](2) == alone[name] for name in chosen)

        pid = fork(child)
        before = fault_calls.state_of(layer)[:64]
        after = train(3, layer)[-64:]
        wait(pid)
        assert os.read(reader, 64) == before and os.read(reader, 64) == after
        os.close(reader), os.close(writer)
finally:
    done.set()
    for thread in threads:
        thread.join()
print(wrong or "right", rounds)
"""

PRELOADED = """
# As a server that loads its layer before it forks its workers.
layer = new_layer()
train(3, layer)
rng = np.random.default_rng(1)
requests = [rng.standard_normal((1 + k % 5, INPUTS.shape[1]), np.float32) for k in range(20)]

def answers():
    return fault_calls.bytes_of([layer.top_k(request, 7, num_threads=2) for request in requests])

expected = answers()

rounds = 0
while rounds < 2 or time.monotonic() < stop:
    rounds += 1
    reader, writer = os.pipe()

    def worker():
        # What a worker trains lies in memory of its own.
        return answers() == expected and os.write(writer, train(2, layer)[-99:]) == 99

    copies = [fork(worker) for _ in range(4)]
    for child in copies:
        wait(child)
    ends = {os.read(reader, 99) for _ in copies}
    assert len(ends) == 1
    assert answers() == expected
    os.close(reader), os.close(writer)
    assert ends == {train(2, layer)[-99:]}
    expected = answers()
print("right", rounds)
"""

POOL = """
import multiprocessing

if __name__ == "__main__":
    names = list(CALLS)
    expected = [CALLS[name](1) for name in names]
    context = multiprocessing.get_context(sys.argv[2])
    rounds = 0
    while rounds < 1 or time.monotonic() < stop:
        rounds += 1
        with context.Pool(2) as pool:
            assert pool.map_async(fault_calls.call_by_name, names).get(60) == expected
        assert [CALLS[name](2) for name in names] == expected
    print("right", rounds)
"""


@pytest.mark.parametrize("code", [WHILE_OTHERS_WORK, PRELOADED], ids=["others work", "preload"])
def test_forks(code: str, fault_seconds: float) -> None:
    outcome, _ = run_faults(SETUP + code, fault_seconds)
    assert outcome == "right"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes_that_call_everything(method: str, fault_seconds: float) -> None:
    outcome, _ = run_faults(SETUP + POOL, fault_seconds, method)
    assert outcome == "right"
