"""How near a sampled training step comes to what the machine can do.

Measures the processor's peak of multiplications and additions (machine_limits.cpp, compiled here
with the instruction set that manyclass uses) and the memory's bandwidth, and for each shape the
time of a step and of its phases. The machine is measured before and after each shape, since what a
virtual one gets changes from minute to minute; the better of the two counts. Prints

- the step's limit, max(flops / peak, bytes / bandwidth), and the fraction of it that is reached.
  flops are those of the three products; bytes count each row, input, label and gradient once, as
  if caches had no bound.
- for each phase its share of the threads' time, and for the products the fraction of the peak.
  What is left is waiting, Python, and threads without work.

    python bench/limits.py [--shapes 256x1024x128 ...] [--threads 2] [--json F] [--png F]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import manyclass as mc
from manyclass import _core

NUM_CLASSES = 10**6
SHAPES = [
    "32x256x128",
    "128x64x64",
    "256x1024x128",
    "1024x512x128",
    "1024x4096x128",
    "256x8192x256",
    "100x777x100",
    "1x64x300",
    "4096x1024x32",
]
PRODUCTS = ("logits", "grad_inputs", "grad_candidates")
# The flags that machine_limits.cpp is compiled with for a target.
FLAGS = {
    "x86-64-v4-amx": ["-march=x86-64-v4"],  # the same in float32
    "x86-64-v4-bf16": ["-march=x86-64-v4"],
    "x86-64-v4": ["-march=x86-64-v4"],
    "x86-64-v3": ["-march=x86-64-v3"],
    "x86-64-v2": ["-march=x86-64-v2"],
}


class Limits(NamedTuple):
    """What the machine can do."""

    peak: float  # flop/s
    bandwidth: float  # byte/s, of reading


class Machine:
    """Measures the limits of some threads at once."""

    def __init__(self, threads: int, folder: str) -> None:
        self.threads = threads
        self._program = Path(folder) / "machine_limits"
        source = Path(__file__).with_name("machine_limits.cpp")
        flags = FLAGS.get(mc.show_config()["target"], [])
        compiler = os.environ.get("CXX", "c++")
        command = [compiler, "-std=c++20", "-O3", "-pthread", *flags, source, "-o", self._program]
        subprocess.run(command, check=True)

    def limits(self) -> Limits:
        """Return the limits now."""
        command = [self._program, str(self.threads)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return Limits(*(1e9 * float(word) for word in output.split()))


class Step:
    """A training step of one shape, with labels that are new for every call."""

    def __init__(self, shape: str, weights: np.ndarray, threads: int) -> None:
        self.batch, self.candidates, self.dim = (int(size) for size in shape.split("x"))
        rng = np.random.default_rng(0)
        self.weights = weights
        self.biases = np.zeros(NUM_CLASSES, np.float32)
        self.inputs = rng.standard_normal((self.batch, self.dim), dtype=np.float32)
        self.labels = mc.LogUniformSampler(NUM_CLASSES, seed=1)
        self.sampler = mc.LogUniformSampler(NUM_CLASSES, seed=2)
        self.threads = threads

    def __call__(self) -> float:
        """Return the seconds that one step took."""
        labels = self.labels.draw(self.batch).reshape(-1, 1)
        start = time.perf_counter()
        mc.sampled_softmax_loss_and_grad(
            self.weights,
            self.biases,
            labels,
            self.inputs,
            self.candidates,
            NUM_CLASSES,
            sampler=self.sampler,
            num_threads=self.threads,
        )
        return time.perf_counter() - start

    def product_flops(self) -> float:
        """Return the operations of one of the three products, true logits included."""
        return 2.0 * self.batch * (self.candidates + 1) * self.dim

    def bytes(self) -> float:
        """Return the bytes that must be read or written at least."""
        rows = self.batch + self.candidates
        return 4.0 * (2 * rows * self.dim + 2 * rows + 2 * self.batch * self.dim) + 8.0 * rows

    def measure(self, steps: int) -> tuple[float, dict[str, float]]:
        """Return the median time of a step, and the median time of each phase, all threads'."""
        for _ in range(5):
            self()
        seconds, phases = [], []
        for _ in range(steps):
            seconds.append(self())  # without the clocks of the phases
            _core.record_phases(True)
            self()
            phases.append(_core.phase_seconds())
            _core.record_phases(False)
        return float(np.median(seconds)), {
            name: float(np.median([one[name] for one in phases])) for name in phases[0]
        }


def result_of(
    step: Step, limits: Limits, seconds: float, phases: dict[str, float]
) -> dict[str, Any]:
    """Set one shape's times beside the machine's limits."""
    peak = limits.peak
    flops = 3 * step.product_flops()
    limit = max(flops / peak, step.bytes() / limits.bandwidth)
    total = seconds * step.threads
    products = {
        name: step.product_flops() / peak * step.threads / phases[name] for name in PRODUCTS
    }
    return {
        "seconds": seconds,
        "flops": flops,
        "bytes": step.bytes(),
        "peak_flops": peak,
        "bandwidth": limits.bandwidth,
        "limit_seconds": limit,
        "bound_by": "flops" if limit == flops / peak else "bytes",
        "fraction_of_limit": limit / seconds,
        "phase_seconds": phases,
        "phase_shares": {name: value / total for name, value in phases.items()},
        "fraction_of_peak": products,
    }


def print_tables(results: dict[str, dict[str, Any]]) -> None:
    """Print the steps beside the machine's limits, then their phases, as Markdown."""
    print("| batch × candidates × dim | step | limit | bound by | reached | GFLOP/s | GB/s |")
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: |")
    for shape, one in results.items():
        print(
            f"| {shape.replace('x', ' × ')} | {1e3 * one['seconds']:.3f} ms "
            f"| {1e3 * one['limit_seconds']:.3f} ms | {one['bound_by']} "
            f"| {one['fraction_of_limit']:.0%} | {one['peak_flops'] / 1e9:.0f} "
            f"| {one['bandwidth'] / 1e9:.1f} |"
        )
    names = list(next(iter(results.values()))["phase_seconds"])
    print("\nShare of the threads' time; for the products also the fraction of the peak.\n")
    print("| batch × candidates × dim | " + " | ".join(names) + " | rest |")
    print("| --- |" + " ---: |" * (len(names) + 1))
    for shape, one in results.items():
        cells = []
        for name, share in one["phase_shares"].items():
            peak = one["fraction_of_peak"].get(name)
            cells.append(f"{share:.1%}" + (f" ({peak:.0%})" if peak is not None else ""))
        rest = 1.0 - sum(one["phase_shares"].values())
        print(f"| {shape.replace('x', ' × ')} | " + " | ".join(cells) + f" | {rest:.1%} |")


def plot(results: dict[str, dict[str, Any]], path: str) -> None:
    """Draw each step as a bar of its phases, in units of its limit."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    names = list(next(iter(results.values()))["phase_shares"])
    left = np.zeros(len(results))
    scale = np.array([1.0 / one["fraction_of_limit"] for one in results.values()])
    labels = [shape.replace("x", " × ") for shape in results]
    for name in names:
        width = scale * [one["phase_shares"][name] for one in results.values()]
        axes.barh(labels, width, left=left, label=name)
        left += width
    axes.barh(labels, np.maximum(scale - left, 0), left=left, label="rest", color="lightgray")
    axes.axvline(1.0, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("time of a step / its limit (the line)")
    axes.legend(ncols=3, fontsize="small")
    figure.savefig(path, dpi=150)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=SHAPES, help="batch x candidates x dim")
    parser.add_argument("--threads", type=int, default=mc.get_num_threads())
    parser.add_argument("--seconds", type=float, default=4.0, help="for each shape, about")
    parser.add_argument("--json")
    parser.add_argument("--png")
    return parser.parse_args()


def main() -> None:
    args = parse()
    target = mc.show_config()["target"]
    tables: dict[int, np.ndarray] = {}
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(args.threads, folder)
        for shape in tqdm(args.shapes, unit="shape"):
            dim = int(shape.split("x")[2])
            if dim not in tables:
                rng = np.random.default_rng(dim)
                tables[dim] = rng.standard_normal((NUM_CLASSES, dim), dtype=np.float32)
                tables[dim] *= dim**-0.5
            step = Step(shape, tables[dim], args.threads)
            typical = np.median([step() for _ in range(7)])
            steps = int(np.clip(args.seconds / (2 * typical), 15, 3000))
            before = machine.limits()
            seconds, phases = step.measure(steps)
            limits = Limits(*map(max, before, machine.limits()))
            results[shape] = result_of(step, limits, seconds, phases)
    print(f"{args.threads} threads, {target}, {NUM_CLASSES:,} classes\n")
    print_tables(results)
    if args.json:
        report = {
            "threads": args.threads,
            "target": target,
            "num_classes": NUM_CLASSES,
            "shapes": results,
        }
        Path(args.json).write_text(json.dumps(report, indent=1) + "\n")
    if args.png:
        plot(results, args.png)


if __name__ == "__main__":
    main()
