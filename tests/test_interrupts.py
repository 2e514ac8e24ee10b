"""Ctrl-C stops long work; other signals are handled without stopping it."""

from __future__ import annotations

import sys

import pytest

from child_process import run_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself here")

SETUP = """
import os, signal, sys, threading
import numpy as np
import manyclass as mc
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what runs in the background
rng = np.random.default_rng(0)
weights, inputs = rng.standard_normal((2000, 32)), rng.standard_normal((300, 32))
labels = rng.integers(0, 2000, (300, 1))

def loss():
    return mc.full_softmax_loss(weights, np.zeros(2000), labels, inputs, num_threads=3)

def step():
    values = mc.SampledValues(
        np.arange(700), np.ones((1, 1), np.float32), np.ones(700, np.float32)
    )
    arguments = weights, np.zeros(2000), labels, inputs, 700, 2000, 1, values
    return mc.sampled_softmax_loss_and_grad(*arguments, num_threads=3)[0]

def interrupt_after(seconds):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
"""

# At least 10^13 products each: left alone, the child would be killed as hung long before the end.
# Where it is not, nothing was interrupted, which fails as well.
FULL = """
rows = 2_000_000
table, biases = np.zeros((rows, 16), np.float32), np.zeros(rows, np.float32)
many, true = np.zeros((rows, 16), np.float32), np.zeros((rows, 1), np.int64)
def work(num_threads):
    mc.{function}(table, biases, true, many, num_threads=num_threads)
"""
# A batch of one row again and again takes no memory.
SAMPLED = """
batch, num_sampled, dim = 2_000_000, 80_000, 64
table, biases = np.zeros((num_sampled, dim), np.float32), np.zeros(num_sampled, np.float32)
many = np.broadcast_to(np.zeros(dim, np.float32), (batch, dim))
true = np.broadcast_to(0, (batch, 1))
values = mc.SampledValues(
    np.arange(num_sampled), np.ones((1, 1), np.float32), np.ones(num_sampled, np.float32)
)
def work(num_threads):
    mc.{function}(
        table, biases, true, many, num_sampled, num_sampled, 1, values, num_threads=num_threads
    )
"""
LONG_WORK = {
    **{
        name: FULL.format(function=name)
        for name in (
            "full_softmax_loss",
            "full_softmax_loss_and_grad",
            "full_softmax_loss_and_ranks",
            "label_ranks",
            "evaluate",
            "FullSoftmaxGradient",
        )
    },
    "top_k": FULL.replace("true, many", "many, 10").format(function="top_k"),
    "QuantizedTopK": FULL.format(function="QuantizedTopK(table, biases).top_k").replace(
        "top_k(table, biases, true, many", "top_k(many, 10"
    ),
    **{
        name: SAMPLED.format(function=name)
        for name in (
            "sampled_softmax_loss",
            "sampled_softmax_loss_and_grad",
            "nce_loss",
            "nce_loss_and_grad",
        )
    },
}


@pytest.mark.parametrize("name", LONG_WORK)
@pytest.mark.parametrize("num_threads", [1, 2])
def test_interrupt_stops_long_work(name: str, num_threads: int) -> None:
    child = run_child(
        SETUP
        + "expected = loss().tobytes(), step().tobytes()\n"
        + LONG_WORK[name]
        + f"""
interrupt_after(0.4)
try:
    work({num_threads})
except KeyboardInterrupt:
    print("interrupted", (loss().tobytes(), step().tobytes()) == expected)
"""
    )
    assert child.stdout.split() == ["interrupted", "True"], child.stderr


def test_interrupt_stops_all_threads_at_once() -> None:
    # Of 10^8 classes each thread has a share that takes it many seconds.
    child = run_child(
        SETUP
        + """
import time
rows, dim = 10**8, 512
biases = np.broadcast_to(np.float32(0), rows)
table = np.broadcast_to(np.zeros(dim, np.float32), (rows, dim))
many, true = np.zeros((256, dim), np.float32), np.zeros((256, 1), np.int64)
interrupt_after(0.4)
try:
    mc.full_softmax_loss(table, biases, true, many, num_threads=4)
except KeyboardInterrupt:
    print("interrupted", time.process_time() < 10)
"""
    )
    assert child.stdout.split() == ["interrupted", "True"], child.stderr


def test_interrupt_stops_unique_draws() -> None:
    # Nearly all of the classes, which takes seconds.
    child = run_child(
        SETUP
        + """
sampler = mc.LogUniformSampler(10_000_000, seed=1)
calls = 0
interrupt_after(0.4)
try:
    while True:
        sampler.sample(np.zeros((0, 1), np.int64), 9_990_000)
        calls += 1
except KeyboardInterrupt:
    print("interrupted", calls, len(sampler.draw(10)))
"""
    )
    assert child.stdout.split() == ["interrupted", "0", "10"], child.stderr


def test_interrupted_step_gives_its_memory_back() -> None:
    # Interrupted while it is planned or in its products; both leave memory for later calls, but
    # no more with each call.
    child = run_child(
        SETUP
        + SAMPLED.format(function="sampled_softmax_loss_and_grad")
        + """
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
before = rss()
rounds = 0
for _ in range(10):
    interrupt_after(0.3)
    try:
        work(2)
    except KeyboardInterrupt:
        rounds += 1
print(rounds, rss() - before < 2**28)
"""
    )
    assert child.stdout.split() == ["10", "True"], child.stderr


@pytest.mark.parametrize("call", ["loss", "step"])
def test_signal_handlers_run_without_stopping_the_work(call: str) -> None:
    # A handler that returns is no interruption: the result is the one of an undisturbed call.
    child = run_child(
        SETUP
        + f"""
expected = {call}().tobytes()
calls = []
signal.signal(signal.SIGINT, lambda *_: calls.append(1))
for _ in range(20):
    os.kill(os.getpid(), signal.SIGINT)
    assert {call}().tobytes() == expected
assert len(calls) == 20
print("done")
"""
    )
    assert child.stdout.split() == ["done"], child.stderr


def test_a_handler_may_call_the_package_in_the_middle_of_its_work() -> None:
    child = run_child(
        SETUP
        + """
expected = loss().tobytes(), step().tobytes()
inner = []
signal.signal(signal.SIGALRM, lambda *_: inner.append((loss().tobytes(), step().tobytes())))
rows = rng.standard_normal((200_000, 64))
arguments = rows, np.zeros(200_000), np.zeros((400, 1), int), rows[:400]
outer = set()
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)  # after all that runs without the package
while len(inner) < 5:
    outer.add(mc.full_softmax_loss(*arguments, num_threads=2).tobytes())
signal.setitimer(signal.ITIMER_REAL, 0)
assert set(inner) == {expected}
assert len(outer) == 1
print("done")
"""
    )
    assert child.stdout.split() == ["done"], child.stderr


def test_interrupt_of_the_main_thread_leaves_the_work_of_others_alone() -> None:
    child = run_child(
        SETUP
        + """
expected = step().tobytes()
results = []
def other():
    for _ in range(200):
        results.append(step().tobytes())
thread = threading.Thread(target=other)
"""
        + SAMPLED.format(function="sampled_softmax_loss")
        + """
interrupt_after(0.5)
thread.start()
try:
    work(2)
except KeyboardInterrupt:
    thread.join()
    print(len(results), set(results) == {expected})
"""
    )
    assert child.stdout.split() == ["200", "True"], child.stderr
