"""How the time of a sampled training step depends on the number of classes.

Prints a Markdown table of medians: loss, gradients and Adagrad's update of the touched rows, for
tables of 10^4 to 10^7 classes (10^7 x 128 float32 take 5.1 GB, and as much again for Adagrad's
accumulators; all of it is touched before the first step). All tables are alive at once and their
steps are interleaved, so that whatever disturbs the machine disturbs all of them alike. Labels are
drawn as the candidates are.

    python bench/num_classes.py [--classes 10000 ...] [--batch 256] [--candidates 1024] [--dim 128]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import manyclass as mc

SAMPLERS: dict[str, Callable[[int], mc.UniformSampler | mc.LogUniformSampler]] = {
    "log-uniform": lambda num_classes: mc.LogUniformSampler(num_classes, seed=1),
    "uniform": lambda num_classes: mc.UniformSampler(num_classes, seed=1),
}


class Layer:
    """A layer of some size, with inputs and labels that are new for every step."""

    def __init__(self, num_classes: int, sampler: str, args: argparse.Namespace) -> None:
        self.num_classes = num_classes
        self.num_sampled = args.candidates
        self.sampler = SAMPLERS[sampler](num_classes)
        rng = np.random.default_rng(0)
        self.weights = rng.standard_normal((num_classes, args.dim), dtype=np.float32)
        self.weights *= args.dim**-0.5
        self.biases = np.zeros(num_classes, np.float32)
        self.inputs = rng.standard_normal((args.batch, args.dim), dtype=np.float32)
        self.grad_loss = np.full(args.batch, 1 / args.batch, np.float32)
        self.optimizer = mc.Adagrad(0.05)
        self.touch_all()

    def touch_all(self) -> None:
        """Have the system give out all memory now: zero gradients change nothing."""
        for variable in (self.weights, self.biases):
            for first in range(0, self.num_classes, 2**16):
                rows = np.arange(first, min(first + 2**16, self.num_classes))
                zeros = np.zeros((len(rows), *variable.shape[1:]), np.float32)
                self.optimizer.apply(variable, mc.IndexedSlices(zeros, rows, variable.shape))

    def step(self) -> float:
        """Return the seconds that one step took."""
        labels = self.sampler.draw(len(self.inputs)).reshape(-1, 1)
        start = time.perf_counter()
        _, gradients = mc.sampled_softmax_loss_and_grad(
            self.weights,
            self.biases,
            labels,
            self.inputs,
            self.num_sampled,
            self.num_classes,
            sampler=self.sampler,
            grad_loss=self.grad_loss,
        )
        self.optimizer.apply(self.weights, gradients.weights)
        self.optimizer.apply(self.biases, gradients.biases)
        return time.perf_counter() - start


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--candidates", type=int, default=1024)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--steps", type=int, default=200, help="of each table (default 200)")
    return parser.parse_args()


def main() -> None:
    args = parse()
    print(
        f"batch {args.batch}, {args.candidates} candidates, dim {args.dim}, float32, "
        f"{mc.get_num_threads()} threads, {mc.show_config()['target']}\n"
    )
    print("| classes | " + " | ".join(f"{name} | ratio" for name in SAMPLERS) + " |")
    print("| ---: |" + " ---: | ---: |" * len(SAMPLERS))
    medians: dict[tuple[int, str], float] = {}
    for sampler in SAMPLERS:
        layers = [Layer(num_classes, sampler, args) for num_classes in args.classes]
        seconds: list[list[float]] = [[] for _ in layers]
        for step in range(args.steps + 10):
            for layer, times in zip(layers, seconds, strict=True):
                elapsed = layer.step()
                if step >= 10:
                    times.append(elapsed)
        for layer, times in zip(layers, seconds, strict=True):
            medians[layer.num_classes, sampler] = float(np.median(times))
    for num_classes in args.classes:
        cells = [f"{num_classes:,}"]
        for sampler in SAMPLERS:
            median = medians[num_classes, sampler]
            ratio = median / medians[args.classes[0], sampler]
            cells += [f"{1e3 * median:.2f} ms", f"{ratio:.2f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
