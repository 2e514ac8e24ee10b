"""Two threads that update the same rows: the thread sanitizer must report it."""

import threading

import numpy as np

import manyclass as mc

weights = np.ones((50_000, 64), np.float32)
gradient = mc.IndexedSlices(np.ones_like(weights), np.arange(50_000), weights.shape)
optimizer = mc.SGD(0.1)


def train() -> None:
    """Update all rows, again and again."""
    for _ in range(20):
        optimizer.apply(weights, gradient, num_threads=1)


threads = [threading.Thread(target=train) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
