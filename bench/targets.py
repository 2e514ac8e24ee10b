"""The speed of a sampled training step on each instruction set that this processor runs.

One process for each target (MANYCLASS_TARGET is read at import) repeats the step for a while when
it is told to, in turns with the others. The first quarter of a turn is not timed: its threads and
its data have to come back. Prints a Markdown table of medians, with the speed as a fraction of the
best target's.

    python bench/targets.py [--shapes 256x1024x128 ...] [--threads 2] [--rounds 10] [--json F]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import manyclass as mc

NUM_CLASSES = 10**6
TURN = 0.2  # seconds
SHAPES = ["32x256x128", "128x64x64", "256x1024x128", "1024x512x128"]


def serve(shape: str, threads: int) -> None:
    """Answer each line of standard input with the seconds of the steps of a turn."""
    batch, candidates, dim = (int(size) for size in shape.split("x"))
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((NUM_CLASSES, dim), dtype=np.float32)
    weights *= dim**-0.5
    biases = np.zeros(NUM_CLASSES, np.float32)
    inputs = rng.standard_normal((batch, dim), dtype=np.float32)
    sampler = mc.LogUniformSampler(NUM_CLASSES, seed=1)

    def step() -> float:
        labels = sampler.draw(batch).reshape(-1, 1)
        start = time.perf_counter()
        mc.sampled_softmax_loss_and_grad(
            weights,
            biases,
            labels,
            inputs,
            candidates,
            NUM_CLASSES,
            sampler=sampler,
            num_threads=threads,
        )
        return time.perf_counter() - start

    for _ in sys.stdin:
        begin = time.perf_counter()
        while time.perf_counter() < begin + TURN / 4:
            step()
        times = [step()]
        while time.perf_counter() < begin + TURN:
            times.append(step())
        print(*times, flush=True)


class Child:
    """A process that runs on one target."""

    def __init__(self, target: str, shape: str, threads: int) -> None:
        command = [sys.executable, __file__, "--serve", shape, "--threads", str(threads)]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "MANYCLASS_TARGET": target},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.seconds: list[float] = []

    def turn(self) -> None:
        """Run steps for a while."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.seconds += map(float, self._process.stdout.readline().split())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def medians(shape: str, targets: list[str], threads: int, rounds: int) -> dict[str, float]:
    """Return the median seconds of a step on each target."""
    children = {target: Child(target, shape, threads) for target in targets}
    for _ in range(rounds):
        for child in children.values():
            child.turn()
    for child in children.values():
        child.close()
    return {target: float(np.median(child.seconds)) for target, child in children.items()}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=SHAPES, help="batch x candidates x dim")
    parser.add_argument("--threads", type=int, default=mc.get_num_threads())
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = parse()
    if args.serve:
        serve(args.serve, args.threads)
        return
    targets = [name for name in mc.show_config()["targets"] if name != "reference"]
    results = {
        shape: medians(shape, targets, args.threads, args.rounds)
        for shape in tqdm(args.shapes, unit="shape")
    }
    print(f"{args.threads} threads, {NUM_CLASSES:,} classes\n")
    print("| batch × candidates × dim | " + " | ".join(targets) + " |")
    print("| --- |" + " ---: |" * len(targets))
    for shape, seconds in results.items():
        best = min(seconds.values())
        cells = [f"{1e3 * seconds[name]:.3f} ms ({best / seconds[name]:.0%})" for name in targets]
        print(f"| {shape.replace('x', ' × ')} | " + " | ".join(cells) + " |")
    if args.json:
        report = {"threads": args.threads, "num_classes": NUM_CLASSES, "seconds": results}
        Path(args.json).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
