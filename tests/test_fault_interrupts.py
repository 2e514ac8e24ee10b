"""Ctrl-C at any moment of training, evaluation, building or saving: whole steps, whole files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fault_process import run_faults

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself here")

# Trains, and now and then does something long, until a signal comes; again and again. A second
# layer is trained step by step beside it, undisturbed: after each interruption the first must be
# what the second was after some number of steps.
ROUNDS = """
import os, random, signal, threading, time
import numpy as np
import manyclass as mc
import fault_calls
from fault_calls import bytes_of, state_of

signal.signal(signal.SIGINT, signal.default_int_handler)
kind, path = sys.argv[2:]
choices = random.Random(kind)
counts = np.random.default_rng(0).uniform(0.1, 1.0, 500_000)
layer, other = fault_calls.new_layer(), fault_calls.new_layer()
if kind == "adam":
    layer.optimizer, other.optimizer = (mc.Adam(lambda n: 0.1 / (1 + n)) for _ in range(2))

states = [hash(state_of(other))]  # after each step

def whole_steps(layer):
    while len(states) <= layer.optimizer.iterations:
        other.train_step(fault_calls.INPUTS, fault_calls.LABELS)
        states.append(hash(state_of(other)))
    return hash(state_of(layer)) == states[layer.optimizer.iterations]

def work():
    if kind in ("adagrad", "adam"):
        layer.train_step(fault_calls.INPUTS, fault_calls.LABELS, num_threads=choices.choice([1, 3]))
    elif kind == "evaluate":
        layer.evaluate(fault_calls.INPUTS, fault_calls.LABELS, num_threads=2)
    elif kind == "build":
        made.append(mc.AliasSampler(counts, seed=1))
        mc.UnigramSampler(counts, seed=1)
        made[-1].update([3, 700_000], [1.0, 2.0])
        made.clear()
    else:
        layer.train_step(fault_calls.INPUTS, fault_calls.LABELS)
        layer.save(path)

made, saves = [], set()
layer.save(path)
stop = time.monotonic() + float(sys.argv[1])
rounds = 0
while rounds < 10 or time.monotonic() < stop:
    rounds += 1
    delay = choices.uniform(0.0, 0.03)
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        while True:
            work()
    except KeyboardInterrupt:
        pass
    assert whole_steps(layer), "not a whole number of steps"
    saved = mc.SampledSoftmax.load(path, optimizer=type(layer.optimizer)(0.1))
    assert whole_steps(saved), "not a whole checkpoint"
    saves.add(saved.optimizer.iterations)
    if made:  # an update that was interrupted was made or was not
        assert made[-1].num_classes in (500_000, 700_001)
        made[-1].draw(1000)
        made.clear()
assert kind != "save" or len(saves) > 1
print("right", rounds)
"""


@pytest.mark.parametrize("kind", ["adagrad", "adam", "evaluate", "build", "save"])
def test_interrupts_at_random_moments(kind: str, fault_seconds: float, tmp_path: Path) -> None:
    outcome, _ = run_faults(ROUNDS, fault_seconds, kind, tmp_path / "layer")
    assert outcome == "right"


# Left alone, each takes seconds.
LONG_BUILDS = {
    "alias": "mc.AliasSampler(np.broadcast_to(1.0, 10**8))",
    "unigram": "mc.UnigramSampler(np.broadcast_to(1.0, 10**8), distortion=0.75)",
}


@pytest.mark.parametrize("build", LONG_BUILDS.values(), ids=LONG_BUILDS.keys())
def test_building_a_table_can_be_interrupted(build: str) -> None:
    words = run_faults(
        f"""
import os, signal, threading, time
import numpy as np
import manyclass as mc
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
made = None
try:
    made = {build}
except KeyboardInterrupt:
    print("interrupted", made)
""",
        0.0,
    )
    assert words == ["interrupted", "None"]
