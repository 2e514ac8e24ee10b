"""A call that cannot have its memory raises MemoryError, changes nothing, and can be made again.

Where each allocation of the core fails in turn is cpp/tests/test_failed_*.cpp; here it is
Python's arrays, too.
"""

from __future__ import annotations

import sys

import pytest

from fault_process import run_faults

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")

SETUP = """
import ctypes, os, random, resource, time
import numpy as np
import manyclass as mc
from fault_calls import bytes_of, state_of

M_MMAP_THRESHOLD = -3  # what is freed goes back to the system, and must be had again
ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 65536)
NUM_CLASSES, DIM = 200_000, 32
rng = np.random.default_rng(0)
weights = rng.standard_normal((NUM_CLASSES, DIM), np.float32)
biases = np.zeros(NUM_CLASSES, np.float32)
inputs = rng.standard_normal((3000, DIM), np.float32)
labels = rng.integers(0, NUM_CLASSES, (3000, 1))
many_labels = rng.integers(0, NUM_CLASSES, (50_000, 2))
counts = rng.uniform(0.1, 1.0, NUM_CLASSES)

def sampled(sampler):
    return (
        lambda: sampler.sample(many_labels, 50_000),
        lambda: bytes_of(sampler.state_dict()),
    )

def learn(frequencies):
    made = mc.InBatchSampler(frequencies)
    return lambda: made.sample(many_labels), lambda: bytes_of(frequencies.state_dict())

def updated(made):
    def update():
        made.update(np.arange(0, 2 * NUM_CLASSES, 7), np.ones(57143))
        return b""
    def kept():
        made.load_state_dict(start)
        return bytes_of([made.draw(2000), made.num_classes])
    start = made.state_dict()
    return update, kept

def trained():
    layer = mc.SampledSoftmax(
        NUM_CLASSES, DIM, num_sampled=3000, weights=weights.copy(), biases=biases.copy(),
        sampler=mc.LearnedUnigramSampler(NUM_CLASSES, seed=1), optimizer=mc.Adagrad(0.1),
    )
    return (
        lambda: layer.train_step(inputs, labels, num_threads=2),
        lambda: state_of(layer),
    )

def applied():
    optimizer, table = mc.Adam(0.1), weights.copy()
    slices = mc.IndexedSlices(weights[::2], np.arange(0, NUM_CLASSES, 2), weights.shape)
    def apply():
        optimizer.apply(table, slices)
        return b""
    def kept():
        # To ask for state makes it.
        return bytes_of([table, optimizer.state_dict([table] if optimizer.iterations else [])])
    return apply, kept

def loaded():
    path = sys.argv[2] + "/layer"
    if not os.path.exists(path):
        tables = dict(weights=weights, biases=biases)
        mc.SampledSoftmax(NUM_CLASSES, DIM, num_sampled=5, **tables).save(path)
    return lambda: mc.SampledSoftmax.load(path).weights, lambda: b""

def only(call):
    return lambda: (call, lambda: b"")

problem = weights, biases, labels[:100], inputs[:100]
ATTEMPTS = {
    "log-uniform": lambda: sampled(mc.LogUniformSampler(NUM_CLASSES, seed=1)),
    "learned": lambda: sampled(mc.LearnedUnigramSampler(NUM_CLASSES, seed=1)),
    "in-batch": lambda: learn(mc.StreamingFrequencies(NUM_CLASSES)),
    "update": lambda: updated(mc.AliasSampler(counts, seed=1)),
    "alias": only(lambda: mc.AliasSampler(counts, seed=1).draw(1000)),
    "unigram": only(lambda: mc.UnigramSampler(counts, seed=1).draw(1000)),
    "train": trained,
    "apply": applied,
    "load": loaded,
    "gradient": only(
        lambda: mc.sampled_softmax_loss_and_grad(*problem, 60_000, NUM_CLASSES, seed=1)[0]
    ),
    "dense": only(
        lambda: mc.full_softmax_loss_and_grad(weights, biases, labels[:9], inputs[:9])[0]
    ),
    "top k": only(lambda: mc.top_k(weights, biases, inputs[:300], 2000)),
    "hits": only(lambda: mc.compute_accidental_hits(many_labels, many_labels[:, 0].copy(), 2)),
}

def limit(room):
    if room is None:
        bytes_allowed = resource.RLIM_INFINITY
    else:
        pages = int(open("/proc/self/statm").read().split()[0])
        bytes_allowed = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (bytes_allowed, resource.RLIM_INFINITY))

expected = {}
for name, make in ATTEMPTS.items():
    call, kept = make()
    expected[name] = bytes_of(call()), kept()

def attempt(name, room):
    call, kept = ATTEMPTS[name]()
    before = kept()
    limit(room)
    try:
        result = call()
    except MemoryError:
        result = None
    limit(None)
    if result is not None:
        assert (bytes_of(result), kept()) == expected[name], name
        return False
    assert kept() == before, name
    assert (bytes_of(call()), kept()) == expected[name], name
    return True

stop = time.monotonic() + float(sys.argv[1])
choices = random.Random(1)
failed = dict.fromkeys(ATTEMPTS, 0)
for name in ATTEMPTS:
    failed[name] += attempt(name, 0)
while time.monotonic() < stop:
    name = choices.choice(list(ATTEMPTS))
    failed[name] += attempt(name, int(2 ** choices.uniform(12, 26)))
print("right" if min(failed.values()) > 0 else [n for n in failed if failed[n] == 0])
"""


def test_calls_without_the_memory_they_need(fault_seconds: float, tmp_path: object) -> None:
    assert run_faults(SETUP, 4 * fault_seconds, tmp_path) == ["right"]
