"""The memory that calls take beyond their results, and what they keep."""

from __future__ import annotations

import sys

import pytest

from child_process import run_child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MEBIBYTE = 2**20

SETUP = """
import numpy as np
import manyclass as mc
rng = np.random.default_rng(0)

def kibibytes(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))

def peak_of(call):
    # Bytes at the highest point of the call, beyond those before it.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the highest point is from now on
    before = kibibytes("VmRSS")
    result = call()
    return 1024 * (kibibytes("VmHWM") - before), result

def bytes_of(result):
    if not isinstance(result, tuple):
        return result.nbytes
    loss, (weights, biases, inputs) = result
    slices = [array for part in (weights, biases) for array in (part.indices, part.values)]
    return loss.nbytes + inputs.nbytes + sum(array.nbytes for array in slices)
"""


def numbers(code: str, **environment: str) -> list[int]:
    """The numbers that the code prints."""
    child = run_child(SETUP + code, **environment)
    assert child.returncode == 0, child.stderr
    return [int(word) for word in child.stdout.split()]


@pytest.mark.parametrize(
    ("function", "num_threads"),
    [("sampled_softmax_loss_and_grad", 1), ("nce_loss_and_grad", 8), ("sampled_softmax_loss", 2)],
)
def test_a_large_step_takes_little_beyond_its_results(function: str, num_threads: int) -> None:
    # The logits alone would be 256 MiB.
    (scratch,) = numbers(f"""
weights = rng.standard_normal((20_000, 128), np.float32)
inputs = rng.standard_normal((8192, 128), np.float32)
labels = rng.integers(0, 20_000, (8192, 1))
values = mc.LogUniformSampler(20_000, seed=1).sample(labels, 8192)
arguments = weights, np.zeros(20_000, np.float32), labels, inputs, 8192, 20_000, 1, values
peak, result = peak_of(lambda: mc.{function}(*arguments, num_threads={num_threads}))
print(peak - bytes_of(result))
""")
    assert 0 < scratch <= 64 * MEBIBYTE


def test_a_step_takes_no_memory_for_classes_that_it_does_not_touch() -> None:
    # 10^9 classes that all lie in the same memory.
    (scratch,) = numbers("""
num_classes = 10**9
weights = np.broadcast_to(rng.standard_normal(16, np.float32), (num_classes, 16))
biases = np.broadcast_to(np.float32(0.5), num_classes)
inputs = rng.standard_normal((64, 16), np.float32)
labels = rng.integers(0, num_classes, (64, 1))
peak, result = peak_of(
    lambda: mc.sampled_softmax_loss_and_grad(weights, biases, labels, inputs, 500, num_classes)
)
assert np.isfinite(result[0]).all()
print(peak - bytes_of(result))
""")
    assert scratch <= 16 * MEBIBYTE


OVER_ALL_CLASSES = {
    "loss": "mc.full_softmax_loss(*layer, labels, inputs)",
    "ranks": "mc.full_softmax_loss_and_ranks(*layer, labels, inputs)",
    "evaluate": "mc.evaluate(*layer, labels, inputs)",
    "top k": "mc.top_k(*layer, inputs, 10, excluded=labels, log_probabilities=True)",
    "quantised": "quantized.top_k(inputs, 10, excluded=labels)",
    "loss in bfloat16": "mc.full_softmax_loss(*layer, labels, inputs, compute_dtype='bfloat16')",
    "loss of stored": "mc.full_softmax_loss(*stored, labels, inputs)",
    "top k of stored": "mc.top_k(*stored, inputs, 10, compute_dtype='bfloat16')",
    "gradients": "mc.full_softmax_loss_and_grad(*layer, labels, inputs, out=out)",
    "rows": "sum(len(rows.biases) for rows in mc.FullSoftmaxGradient(*layer, labels, inputs))",
}


@pytest.mark.parametrize("call", OVER_ALL_CLASSES.values(), ids=OVER_ALL_CLASSES.keys())
def test_a_pass_over_all_classes_takes_little_memory(call: str) -> None:
    # The logits would be 400 MiB, another table 49 MiB.
    (scratch,) = numbers(f"""
layer = rng.standard_normal((200_000, 64), np.float32), np.zeros(200_000, np.float32)
inputs, labels = rng.standard_normal((520, 64), np.float32), rng.integers(0, 200_000, (520, 1))
import ml_dtypes
stored = layer[0].astype(ml_dtypes.bfloat16), layer[1]
out = mc.Gradients(*(np.ones_like(array) for array in (*layer, inputs)))
quantized = mc.QuantizedTopK(*layer)
print(peak_of(lambda: {call})[0])
""")
    assert scratch <= 16 * MEBIBYTE


def test_what_calls_keep_does_not_grow() -> None:
    # What is freed goes back to the system at once; glibc would keep some for itself.
    first, last = numbers(
        """
weights = rng.standard_normal((20_000, 64), np.float32)
def steps():
    for batch, num_sampled in ((1, 10), (3000, 300), (70, 9000), (5000, 20), (500, 3000)):
        labels, inputs = rng.integers(0, 20_000, (batch, 1)), np.ones((batch, 64), np.float32)
        arguments = weights, np.zeros(20_000, np.float32), labels, inputs
        mc.sampled_softmax_loss_and_grad(*arguments, num_sampled, 20_000)
        mc.full_softmax_loss(*arguments[:2], labels[:100], inputs[:100])
for _ in range(5):
    steps()
print(1024 * kibibytes("VmRSS"))
for _ in range(20):
    steps()
print(1024 * kibibytes("VmRSS"))
""",
        MALLOC_MMAP_THRESHOLD_="131072",
    )
    assert last - first <= 8 * MEBIBYTE
