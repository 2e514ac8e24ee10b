"""What the forms for frameworks cost: beside the NumPy path, and beside a step written by hand.

1. The overhead of a call: 8 × 16 × 16 and 1,000 classes, where there is next to nothing to compute;
   the loss alone, and with gradients. "the framework's own" is its part: PyTorch's function of
   autograd that does nothing, with gradients of the same kind; a `tf.function` that returns
   gradients of the same kind; an empty function of `jax.jit`.
2. The same at 256 × 1024 × 128: the share of the NumPy path's speed.
3. PyTorch: a training step of that size, Adagrad's update included, beside PyTorch's by hand
   (`peers.torch_training`).

All draw candidates in each call, on the same number of threads; before anything is timed, gradients
are compared with the NumPy path's. Medians, in turns (`turns` says how). An idle machine is needed.
Each framework has a process of its own; those that are not installed are left out and named.

    python bench/frameworks.py [--frameworks PyTorch JAX TensorFlow] [--threads 2] [--json PATH]

A framework is a class like `peers.torch_losses.TorchLosses` and an entry in `FRAMEWORKS`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import manyclass as mc
from machine import OtherLoad, describe, summary, warn_if_busy
from peers import installed
from peers.problem import Problem, Shape, make_problem, make_table
from peers.training import make_training
from turns import Timing, Turns, Work


class Framework(NamedTuple):
    """Where a framework's form is, what it needs, and who does the step by hand."""

    module: str
    class_name: str
    package: str
    large_classes: int
    by_hand: tuple[str, ...] = ()


FRAMEWORKS = {
    "PyTorch": Framework(
        "torch_losses", "TorchLosses", "torch", 10**6, ("PyTorch eager", "PyTorch compiled")
    ),
    # JAX's gradients with respect to weights are as large as these.
    "JAX": Framework("jax_losses", "JaxLosses", "jax", 10**5),
    "TensorFlow": Framework("tensorflow_losses", "TensorFlowLosses", "tensorflow", 10**5),
}
SMALL, SMALL_CLASSES = Shape(8, 16, 16), 1000
LARGE = Shape(256, 1024, 128)
SEED = 3

Timings = dict[str, Timing]


class NumpyPath:
    """The functions of NumPy arrays."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        self.problem, self.num_threads = problem, num_threads
        self.sampler = mc.LogUniformSampler(problem.num_classes, seed=SEED)
        batch = len(problem.inputs)
        self.grad_loss = np.full(batch, 1 / batch, np.float32)

    def _arguments(self, batch: int) -> tuple[Any, ...]:
        problem = self.problem
        return (
            *(*problem.table, problem.labels[batch], problem.inputs),
            *(problem.num_sampled, problem.num_classes),
        )

    def loss(self, batch: int) -> Any:
        return mc.sampled_softmax_loss(
            *self._arguments(batch), sampler=self.sampler, num_threads=self.num_threads
        )

    def loss_and_grad(self, batch: int) -> Any:
        return mc.sampled_softmax_loss_and_grad(
            *self._arguments(batch),
            sampler=self.sampler,
            num_threads=self.num_threads,
            grad_loss=self.grad_loss,
        )


def check(form: Any, path: NumpyPath) -> None:
    """Compare a step from the seed with the NumPy path's first; exit if it differs."""
    losses, (weights, _, inputs) = path.loss_and_grad(0)
    rows, grad_inputs = form.gradients(SEED)
    same = np.allclose(rows, weights.values, rtol=1e-6, atol=0)
    if not same or not np.allclose(grad_inputs, inputs, rtol=1e-6, atol=0):
        raise SystemExit(f"{type(form).__name__} has other gradients than the NumPy path")
    if not np.isfinite(losses).all():
        raise SystemExit("the NumPy path has losses that are not finite")


def make_form(name: str, problem: Problem, num_threads: int) -> Any:
    framework = FRAMEWORKS[name]
    module = importlib.import_module(f"peers.{framework.module}")
    return getattr(module, framework.class_name)(problem, num_threads)


class Bench:
    """The arguments, a progress bar, and what was measured."""

    def __init__(self, args: argparse.Namespace, bar: tqdm[Any]) -> None:
        self.args, self.bar = args, bar
        self.figures: dict[str, Any] = {}

    def time(self, works: dict[str, Work], problem: Problem) -> Timings:
        turns = Turns(self.args.rounds, self.args.block)
        timings: Timings = turns.time(works, len(problem.labels), self.bar.update)
        return timings

    def calls(self, name: str, shape: Shape, num_classes: int) -> tuple[Problem, Timings]:
        """Time the loss and the gradients of one shape."""
        problem = make_problem(make_table(num_classes, shape.dim), shape.batch, shape.candidates)
        path = NumpyPath(problem, self.args.threads)
        form = make_form(name, problem, self.args.threads)
        check(form, path)
        ours = {f"{name}, {what}": work for what, work in form.works().items()}
        works = {"NumPy, loss": path.loss, "NumPy, with gradients": path.loss_and_grad, **ours}
        return problem, self.time(works, problem)

    def training(self, name: str, problem: Problem) -> Timings:
        """Time training steps of the large shape, where there is somebody to compare with."""
        if not FRAMEWORKS[name].by_hand:
            return {}
        form = make_form(name, problem, self.args.threads)
        works = {f"{name}, {how}": form.make_training(how) for how in form.training}
        for peer in FRAMEWORKS[name].by_hand:
            works[f"{peer}, by hand"] = make_training(peer, problem, self.args.threads).run
        return self.time(works, problem)

    def framework(self, name: str) -> None:
        self.bar.set_description(name)
        _, small = self.calls(name, SMALL, SMALL_CLASSES)
        problem, large = self.calls(name, LARGE, FRAMEWORKS[name].large_classes)
        training = self.training(name, problem)
        self.figures[name] = {
            part: {what: timing._asdict() for what, timing in timings.items()}
            for part, timings in (("small", small), ("large", large), ("training", training))
        }
        report(name, small, large, training)


def report(name: str, small: Timings, large: Timings, training: Timings) -> None:
    """Print the tables of a framework."""
    print(f"\n**{name}**\n\n| microseconds a call | {SMALL} | {LARGE} |\n| --- | ---: | ---: |")
    for what in small:
        print(f"| {what} | {1e6 * small[what].median:.1f} | {1e6 * large[what].median:.1f} |")
    for what in ("loss", "with gradients"):
        added = [
            1e6 * (t[f"{name}, {what}"].median - t[f"NumPy, {what}"].median) for t in (small, large)
        ]
        print(f"| added, {what} | {added[0]:.1f} | {added[1]:.1f} |")
    own = [1e6 * t[f"{name}, the framework's own"].median for t in (small, large)]
    print(f"| of which ours, with gradients | {added[0] - own[0]:.1f} | {added[1] - own[1]:.1f} |")
    share = large["NumPy, with gradients"].median / large[f"{name}, with gradients"].median
    print(f"\nOf the NumPy path's speed with gradients, {LARGE}: {share:.0%}\n")
    if not training:
        return
    by_hand = {what: t.median for what, t in training.items() if what.endswith("by hand")}
    print(f"| a training step, {LARGE} | milliseconds | {' | '.join(map(faster, by_hand))} |")
    print(f"| --- | ---: |{' ---: |' * len(by_hand)}")
    for what, timing in training.items():
        ratios = " | ".join(f"{hand / timing.median:.2f}×" for hand in by_hand.values())
        print(f"| {what} | {1e3 * timing.median:.3f} | {ratios} |")


def faster(peer: str) -> str:
    """Return the head of a column."""
    return f"faster than {peer}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--frameworks", choices=list(FRAMEWORKS), nargs="*", default=list(FRAMEWORKS))
    add("--threads", type=int, default=2, help="of each (default 2)")
    add("--rounds", type=int, default=Turns().rounds, help="blocks of each (default 10)")
    add("--block", type=float, default=Turns().block, help="seconds (default 0.2)")
    add("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


def run_each(args: argparse.Namespace, names: list[str]) -> dict[str, Any]:
    """Time each framework in a process of its own; two in one may crash it."""
    figures: dict[str, Any] = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "figures.json"
            options = {"frameworks": name, "json": path}
            options |= {what: getattr(args, what) for what in ("threads", "rounds", "block")}
            words = [word for what, value in options.items() for word in (f"--{what}", str(value))]
            subprocess.run([sys.executable, __file__, *words], check=True)
            figures |= json.loads(path.read_text("utf-8"))
    return figures


def run_one(args: argparse.Namespace, name: str) -> dict[str, Any]:
    """Time one framework and print its tables."""
    load = OtherLoad()
    with tqdm(unit="block", leave=False) as bar:
        bench = Bench(args, bar)
        bench.framework(name)
    packages = ["manyclass", "numpy", FRAMEWORKS[name].package]
    print(f"\n{summary(packages)}, {args.threads} threads")
    warn_if_busy(load.share())
    return {
        name: {"machine": describe(packages), "other_load": load.share(), **bench.figures[name]}
    }


def main() -> None:
    args = parse()
    places = {name: ("", "", FRAMEWORKS[name].package) for name in args.frameworks}
    names = [name for name in args.frameworks if installed(name, places)]
    if missing := [name for name in args.frameworks if name not in names]:
        print(f"not installed, left out: {', '.join(missing)}\n")
    figures = run_one(args, names[0]) if len(names) == 1 else run_each(args, names)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
