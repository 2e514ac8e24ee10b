"""Killed processes and shared files: a checkpoint is whole, mapped tables hold what was written."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import fault_calls
import manyclass as mc
from fault_process import started

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

TRAIN_AND_SAVE = """
import manyclass as mc
import fault_calls
layer = fault_calls.new_layer()
layer.restore(sys.argv[1])
print("ready", flush=True)
while True:
    fault_calls.train(2, layer, steps=1)
    layer.save(sys.argv[1])
"""


def test_a_process_killed_in_training_goes_on_from_its_last_checkpoint(
    fault_seconds: float, tmp_path: Path
) -> None:
    """The path holds, after every kill, the layer of some whole number of steps."""
    path = tmp_path / "layer"
    undisturbed = fault_calls.new_layer()
    assert undisturbed.optimizer is not None
    undisturbed.save(path)
    delays = random.Random(1)
    stop = time.monotonic() + 3 * fault_seconds
    rounds = 0
    while rounds < 5 or time.monotonic() < stop:
        rounds += 1
        with started(TRAIN_AND_SAVE, 0.0, path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(delays.uniform(0.0, 0.1))
        saved = mc.SampledSoftmax.load(path)
        assert saved.optimizer is not None
        steps = saved.optimizer.iterations - undisturbed.optimizer.iterations
        assert steps >= 0
        fault_calls.train(1, undisturbed, steps)
        assert fault_calls.state_of(saved) == fault_calls.state_of(undisturbed)
        for unfinished in tmp_path.glob(".layer.*.tmp"):
            unfinished.unlink()
        assert list(tmp_path.iterdir()) == [path]
    assert undisturbed.optimizer.iterations > 0


# Steps on one half of the classes: the labels and the candidates of that half.
TRAIN_HALF = """
import numpy as np
import manyclass as mc
from fault_calls import BATCH, DIM, NUM_CLASSES, bytes_of
path, half, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
weights = np.memmap(path, np.float32, "r+", shape=(NUM_CLASSES, DIM))
biases = np.memmap(path + ".biases", np.float32, "r+", shape=NUM_CLASSES)
layer = mc.SampledSoftmax(NUM_CLASSES, DIM, num_sampled=100, weights=weights, biases=biases,
                          optimizer=mc.Adagrad(0.1))
rng = np.random.default_rng(half)
first = half * NUM_CLASSES // 2
for step in range(steps):
    inputs = rng.standard_normal((BATCH, DIM), np.float32)
    labels = first + rng.integers(0, NUM_CLASSES // 2, (BATCH, 1))
    ids = first + rng.permutation(NUM_CLASSES // 2)[:100]
    values = mc.SampledValues(ids, np.ones((BATCH, 1), np.float32), np.ones(100, np.float32))
    layer.train_step(inputs, labels, sampled_values=values, num_threads=2)
"""

READ = """
import numpy as np
import manyclass as mc
from fault_calls import DIM, INPUTS, NUM_CLASSES
weights = np.memmap(sys.argv[1], np.float32, "r", shape=(NUM_CLASSES, DIM))
biases = np.memmap(sys.argv[1] + ".biases", np.float32, "r", shape=NUM_CLASSES)
layer = mc.SampledSoftmax(NUM_CLASSES, DIM, num_sampled=5, weights=weights, biases=biases)
print("ready", flush=True)
answers = 0
while True:
    for _ in range(5):
        values, indices = layer.top_k(INPUTS, 10, num_threads=2)
        assert np.isfinite(values).all() and (np.diff(values, axis=1) <= 0).all()
        assert (np.sort(indices, axis=1)[:, 1:] != np.sort(indices, axis=1)[:, :-1]).all()
        assert ((indices >= 0) & (indices < NUM_CLASSES)).all()
        answers += 1
    print(answers, flush=True)
"""


def new_tables(path: Path) -> str:
    fault_calls.WEIGHTS.tofile(path)
    fault_calls.BIASES.tofile(f"{path}.biases")
    return str(path)


def contents(path: str) -> bytes:
    return Path(path).read_bytes() + Path(path + ".biases").read_bytes()


def test_processes_that_train_and_serve_one_mapped_table(
    fault_seconds: float, tmp_path: Path
) -> None:
    """Two train different rows, one answers: rows end as if each trainer had been alone."""
    steps, longest = int(300 * fault_seconds), 10 * fault_seconds
    alone, shared = new_tables(tmp_path / "alone"), new_tables(tmp_path / "shared")
    for half in (0, 1):
        with started(TRAIN_HALF, longest, alone, half, steps) as trainer:
            assert trainer.wait() == 0
    with started(READ, 3 * longest, shared) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"ready\n"
        with (
            started(TRAIN_HALF, longest, shared, 0, steps) as first,
            started(TRAIN_HALF, longest, shared, 1, steps) as second,
        ):
            assert first.wait() == 0
            assert second.wait() == 0
        assert int(reader.stdout.readline()) > 0
        assert reader.poll() is None
    assert contents(shared) == contents(alone)
    assert contents(shared) != contents(new_tables(tmp_path / "new"))


def test_a_trainer_that_is_killed_leaves_a_mapped_table_that_can_be_trained(
    tmp_path: Path,
) -> None:
    path = new_tables(tmp_path / "table")
    for delay in (0.5, 0.7, 0.9):
        with started(TRAIN_HALF, 0.0, path, 0, 10**6):
            time.sleep(delay)
    weights = np.memmap(path, np.float32, "r+", shape=fault_calls.WEIGHTS.shape)
    half = fault_calls.NUM_CLASSES // 2
    assert np.isfinite(weights).all()
    assert (weights[half:] == fault_calls.WEIGHTS[half:]).all()  # never asked for
    with started(TRAIN_HALF, 0.0, path, 1, 3) as trainer:
        assert trainer.wait() == 0
