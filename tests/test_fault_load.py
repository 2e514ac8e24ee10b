"""Many threads that call everything at once get the bits of calls made alone."""

from __future__ import annotations

from fault_process import run_faults

LOAD = """
import random, threading, time
import manyclass as mc
from fault_calls import CALLS

seconds = float(sys.argv[1])
alone = {name: call(1) for name, call in CALLS.items()}
assert all(call(3) == alone[name] for name, call in CALLS.items())
stop = time.monotonic() + seconds
made, failures = [], []

def work(seed):
    choices = random.Random(seed)
    names = list(CALLS)
    choices.shuffle(names)
    count = 0
    while not failures and (count < len(names) or time.monotonic() < stop):
        name = names[count] if count < len(names) else choices.choice(names)
        count += 1
        try:
            if CALLS[name](choices.choice([1, 2, 3, 5, 8])) != alone[name]:
                failures.append(name + ": other bits")
        except BaseException as error:
            failures.append(name + ": " + repr(error))
    made.append(count)

def change_number():
    number = 0
    while time.monotonic() < stop and not failures:
        number = number % 7 + 1
        mc.set_num_threads(number)
        time.sleep(0.001)

threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
threads.append(threading.Thread(target=change_number))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(failures or "right", sum(made))
"""


def test_threads_that_call_everything_at_once(fault_seconds: float) -> None:
    outcome, count = run_faults(LOAD, 3 * fault_seconds)
    assert outcome == "right"
    assert int(count) >= 8 * 20


SCRIBBLE = """
import threading, time
import numpy as np
import manyclass as mc
from fault_calls import BATCH, BIASES, COUNTS, INPUTS, NUM_CLASSES, WEIGHTS

values = np.arange(2 * BATCH)
labels, row_splits = values.reshape(BATCH, 2), np.arange(0, 2 * BATCH + 1, 2)
ragged = mc.RaggedLabels(values, row_splits)
indices, table = np.arange(NUM_CLASSES), WEIGHTS.copy()
rows = mc.IndexedSlices(0.001 * WEIGHTS, indices, WEIGHTS.shape)
problem = WEIGHTS, BIASES, ragged, INPUTS
calls = [
    lambda: mc.sampled_softmax_loss_and_grad(*problem, 100, NUM_CLASSES, 1),
    lambda: mc.full_softmax_loss_and_grad(*problem),
    lambda: mc.label_ranks(*problem),
    lambda: mc.top_k(WEIGHTS, BIASES, INPUTS, 5, excluded=ragged),
    lambda: mc.LearnedUnigramSampler(NUM_CLASSES).sample(labels, 50),
    lambda: mc.UnigramSampler(COUNTS).sample(labels, 50),
    lambda: mc.InBatchSampler(mc.StreamingFrequencies(NUM_CLASSES)).sample(labels),
    lambda: mc.AliasSampler(COUNTS).update(values, np.ones(2 * BATCH)),
    lambda: mc.Adagrad(0.1).apply(table, rows),
    lambda: mc.IndexedSlices.from_rows(WEIGHTS, indices, WEIGHTS.shape),
]
stop = time.monotonic() + float(sys.argv[1])

def scribble():
    # Wrong for a moment, in one place after another, and right again.
    place = 0
    while time.monotonic() < stop:
        for array in (values, row_splits, indices):
            place = (place + 7) % len(array)
            right = array[place]
            array[place] = (2**62, -(2**40), 10**7)[place % 3]
            time.sleep(1e-6)
            array[place] = right

thread = threading.Thread(target=scribble)
thread.start()
results = dict(right=0, refused=0)
while time.monotonic() < stop:
    for call in calls:
        try:
            call()
            results["right"] += 1
        except ValueError:
            results["refused"] += 1
thread.join()
for call in calls:
    call()
print("alive", results["right"] > 0)
"""


def test_arrays_that_another_thread_changes_crash_nothing(fault_seconds: float) -> None:
    # That is not promised for values; places are looked up in what was checked.
    assert run_faults(SCRIBBLE, 2 * fault_seconds) == ["alive", "True"]
