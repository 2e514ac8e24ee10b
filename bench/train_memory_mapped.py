"""Resident memory of training weights that lie in a file: 10^7 x 64 float32, 2.4 GiB.

The file is written, then dropped from the page cache; a fresh process maps it (`numpy.memmap`),
trains batches of 256 with 1,024 candidates by `train_step` with Adagrad, and reads from the kernel
what became resident: pages of the file (RssFile) and its own (RssAnon: Adagrad's accumulators,
biases and theirs). Beside it, the pages that touched rows lie on, of 4 KiB, 16 rows each: less
cannot be resident. Labels are log-uniform, candidates as told.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import manyclass as mc
from machine import describe, summary
from memory import resident

NUM_CLASSES, DIM, BATCH, CANDIDATES, STEPS = 10**7, 64, 256, 1024, 100
SAMPLERS = {"log-uniform": mc.LogUniformSampler, "uniform": mc.UniformSampler}
PACKAGES = ["manyclass", "numpy"]
MIB = 2**20


def write_weights(path: Path) -> None:
    """Write a file of random weights."""
    rng = np.random.default_rng(0)
    block = 10**6
    with path.open("wb") as file:
        for _ in tqdm(range(0, NUM_CLASSES, block), unit="block", desc="write", leave=False):
            rows = rng.standard_normal((block, DIM), dtype=np.float32)
            rows *= DIM**-0.5
            file.write(rows.data)


def drop_from_cache(path: Path) -> None:
    """Have the file read anew by who maps it next."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def make_layer(weights: Any, sampler: mc.Sampler) -> mc.SampledSoftmax:
    """Return a layer over the weights."""
    return mc.SampledSoftmax(
        *weights.shape,
        num_sampled=CANDIDATES,
        sampler=sampler,
        optimizer=mc.Adagrad(0.1),
        weights=weights,
    )


def measure(path: Path, sampler: str) -> dict[str, float]:
    """Train in this process; return counts and MiB."""
    touched = np.full(NUM_CLASSES, False)
    inputs = np.random.default_rng(1).standard_normal((BATCH, DIM), dtype=np.float32)
    labels = mc.LogUniformSampler(NUM_CLASSES, seed=1).draw(STEPS * BATCH).reshape(STEPS, BATCH)
    draw = SAMPLERS[sampler](NUM_CLASSES, seed=2)
    # Threads, scratch memory and what loads late are there before.
    small = make_layer(np.ones((10**5, DIM), np.float32), mc.LogUniformSampler(10**5, seed=3))
    small.train_step(inputs, labels[0] % 10**5)

    weights = np.memmap(path, np.float32, "r+", shape=(NUM_CLASSES, DIM))
    before = resident("RssFile"), resident("RssAnon")
    layer = make_layer(weights, draw)
    began = time.perf_counter()
    for batch in labels:
        sampled = draw.sample(batch[:, None], CANDIDATES)
        layer.train_step(inputs, batch, sampled_values=sampled)
        touched[batch] = touched[sampled.sampled_candidates] = True
    seconds = time.perf_counter() - began
    after = resident("RssFile"), resident("RssAnon")

    rows = np.flatnonzero(touched)
    row_bytes = weights.strides[0]
    pages = len(np.unique(rows // (mmap.PAGESIZE // row_bytes)))
    bias_pages = len(np.unique(rows // (mmap.PAGESIZE // weights.itemsize)))
    return {
        "seconds": seconds,
        "touched_rows": len(rows),
        "touched_rows_mib": len(rows) * row_bytes / MIB,
        "pages_of_weights_mib": pages * mmap.PAGESIZE / MIB,
        "resident_of_file_mib": after[0] - before[0],
        # Accumulators of weights, biases, accumulators of biases.
        "pages_of_state_mib": (pages + 2 * bias_pages) * mmap.PAGESIZE / MIB,
        "resident_of_its_own_mib": after[1] - before[1],
    }


def in_child(path: Path, sampler: str) -> dict[str, float]:
    """Measure in a fresh process, on a file that is not in memory."""
    drop_from_cache(path)
    command = [sys.executable, __file__, str(path), sampler]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    sizes: dict[str, float] = json.loads(printed.splitlines()[-1])
    return sizes


def run(args: argparse.Namespace) -> None:
    """Measure, print a table, write JSON if asked for."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights")
        write_weights(path)
        size = path.stat().st_size / MIB
        sizes = {name: in_child(path, name) for name in tqdm(SAMPLERS, unit="case", leave=False)}
    print(
        "| candidates | seconds | touched rows | pages they lie on | resident of the file "
        "| pages of state and biases | resident of these |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for sampler, found in sizes.items():
        seconds, rows, *rest = found.values()
        cells = [
            f"{seconds:.1f}",
            f"{rows:,} ({rest[0]:.0f} MiB)",
            *(f"{value:.0f} MiB" for value in rest[1:]),
        ]
        print(f"| {sampler} | " + " | ".join(cells) + " |")
    print(
        f"\n{NUM_CLASSES:,} × {DIM} float32, {size:.0f} MiB; {STEPS} steps of batch {BATCH} × "
        f"{CANDIDATES:,} candidates, Adagrad; {summary(PACKAGES)}"
    )
    if args.json:
        report = {
            "machine": describe(PACKAGES),
            "file_mib": size,
            "cases": [{"candidates": sampler, **found} for sampler, found in sizes.items()],
        }
        args.json.write_text(json.dumps(report, indent=1), "utf-8")
        print(args.json)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), *sys.argv[2:])))
