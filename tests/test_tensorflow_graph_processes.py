"""Graphs of manyclass.tensorflow in processes: another one, one that ends, one without memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import manyclass.tensorflow  # noqa: F401  # a saved graph needs its operations
from agreement import assert_same_bits
from child_process import run_child

SAVE = """
import sys
import numpy as np, tensorflow as tf, manyclass.tensorflow as mt

weights, biases = tf.Variable(tf.ones([40, 7])), tf.Variable(tf.range(40.0))
module = tf.Module()
module.variables_of_it = [weights, biases]
labels, inputs = tf.zeros([8, 1], tf.int64), tf.ones([8, 7])
values = tf.range(12, dtype=tf.int64), tf.ones([8, 1]), tf.ones([12])
module.drawn = tf.function(
    lambda: mt.sampled_softmax_loss(weights, biases, labels, inputs, 12, 40), input_signature=[]
)
module.given = tf.function(
    lambda: mt.sampled_softmax_loss(
        weights, biases, labels, inputs, 12, 40, sampled_values=values
    ),
    input_signature=[],
)
module.drawn()
tf.saved_model.save(module, sys.argv[1])
same = tf.saved_model.load(sys.argv[1])
same.drawn()
np.save(sys.argv[1] + "/given.npy", module.given().numpy())
"""


def test_a_graph_of_another_process_draws_nothing_here(tmp_path: Path) -> None:
    saved = str(tmp_path / "model")
    done = run_child(f"import sys; sys.argv = ['', {saved!r}]\n{SAVE}")
    assert done.returncode == 0, done.stderr
    loaded = tf.saved_model.load(saved)
    with pytest.raises(tf.errors.InvalidArgumentError, match="of the process that made it"):
        loaded.drawn()
    assert_same_bits(loaded.given().numpy(), np.load(f"{saved}/given.npy"))


def test_the_process_may_end_while_graphs_run() -> None:
    code = """
import threading, time
import tensorflow as tf, manyclass.tensorflow as mt

labels = tf.zeros([64, 1], tf.int64)
draw = tf.function(lambda: mt.log_uniform_candidate_sampler(labels, 1, 5000, True, 100_000)[0])
draw()

def run():
    while True:
        draw()

for _ in range(2):
    threading.Thread(target=run, daemon=True).start()
time.sleep(0.3)
"""
    done = run_child(code)
    assert done.returncode == 0, done.stderr


def test_missing_memory_is_an_error_of_the_node() -> None:
    code = """
import resource
import tensorflow as tf, manyclass.tensorflow as mt

def draw(size):
    labels = tf.zeros([4, 1], tf.int64)
    return tf.function(lambda: mt.uniform_candidate_sampler(labels, 1, size, False, 100)[0])

few, many = draw(10), draw(2**30)
few()
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**30, -1))
try:
    many()
except tf.errors.ResourceExhaustedError as error:
    print(error.message)
print(len(few()))
"""
    done = run_child(code)
    assert done.returncode == 0, done.stderr
    message, *_, size = done.stdout.splitlines()
    assert "manyclass has not got the memory that it needs" in message
    assert size == "10"
