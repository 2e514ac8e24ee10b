"""A whole training step beside TensorFlow, PyTorch and NumPy.

Candidates drawn inside the step, log-uniformly; loss and gradients; float32; 10^6 classes; labels
log-uniform as well, other ones in each step. Who does what is told in `peers`: TensorFlow its own
op, PyTorch and NumPy, which have none, what one would write by hand over the gathered rows.
NumPy and PyTorch draw with repetition, which is quicker; manyclass and TensorFlow do not.

Before a shape is timed, all compute losses and gradients for the same candidates; if they are not
equal to float32's accuracy, that is an error. All have the same number of threads, their tables
and constants are made beforehand, and they are timed in turns within one process (`turns` says how
and why). The environment is used as it is, variables such as OPENBLAS_CORETYPE included; those that
matter are in the JSON.

An idle machine is needed: OpenMP's barriers, PyTorch's, lose far more to a busy processor than
others do. The share of the processors that others took is measured, written and, if it matters,
complained about. PyTorch's compiled form needs a C++ compiler.

With `--compute-dtype bfloat16` products are computed in that: manyclass's, and, by autocast, those
of PyTorch's forms that leave gradients to it; manyclass in float32 is measured beside them.

Prints Markdown tables of medians and ratios, writes JSON and a bar chart. Peers that are not
installed are left out and named (`python -m pip install '.[bench]'` brings them).

    python bench/compare.py [--threads 2] [--shapes 256x1024x128 …] [--peers TensorFlow …]
        [--compute-dtype bfloat16] [--json PATH] [--png PATH]
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import manyclass as mc
from machine import OtherLoad, describe, summary, warn_if_busy
from peers import BFLOAT16_PEERS, PEERS, Peers, installed, make_step, packages
from peers.problem import Problem, Result, Shape, Step, make_problem, make_table
from turns import Timing, Turns

OURS = "manyclass"
MAIN_SHAPES = (
    Shape(32, 256, 128),
    Shape(128, 64, 64),
    Shape(256, 1024, 128),
    Shape(1024, 512, 128),
    Shape(1024, 4096, 128),
    Shape(256, 8192, 256),
)
ODD_SHAPES = (Shape(100, 777, 100), Shape(1, 64, 300), Shape(4096, 1024, 32))
# Of PyTorch's forms the fastest for a shape counts: the two that leave gradients to PyTorch, all.
BEST_OF = {
    "PyTorch, the faster of eager and compiled": ("PyTorch eager", "PyTorch compiled"),
    "PyTorch, the fastest of three": ("PyTorch eager", "PyTorch compiled", "PyTorch closed form"),
}
TOLERANCE = {"float32": 1e-5, "bfloat16": 5e-2}

Means = dict[str, dict[str, float]]


class Measured(NamedTuple):
    """One shape."""

    shape: Shape
    timings: dict[str, Timing]
    other_load: float
    best_of: dict[str, tuple[str, ...]] = BEST_OF
    """Forms of a peer of which the fastest for a shape counts."""

    def ratios(self) -> dict[str, float]:
        """Return how many times as long as manyclass each takes, and the best of several."""
        ours = self.timings[OURS].median
        ratios = {name: t.median / ours for name, t in self.timings.items() if name != OURS}
        for best, names in self.best_of.items():
            if all(name in ratios for name in names):
                ratios[best] = min(ratios[name] for name in names)
        return ratios


def peers_of(compute_dtype: str) -> Peers:
    """Return who computes in it."""
    return PEERS if compute_dtype == "float32" else BFLOAT16_PEERS


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest error, relative to the largest entry."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def errors(actual: Result, expected: Result) -> dict[str, float]:
    """Return the error of each part of a result."""
    for part in ("weights", "biases"):
        if not np.array_equal(getattr(actual, part).indices, getattr(expected, part).indices):
            raise SystemExit(f"the gradient of {part} has other classes")
    return {
        "loss": error(actual.loss, expected.loss),
        "weights": error(actual.weights.values, expected.weights.values),
        "biases": error(actual.biases.values, expected.biases.values),
        "inputs": error(actual.inputs, expected.inputs),
    }


def check(problem: Problem, steps: dict[str, Step], tolerance: float) -> None:
    """Compare all with manyclass on the same candidates; exit if one differs."""
    sampler = mc.LogUniformSampler(problem.num_classes, seed=5)
    sampled = sampler.sample(problem.labels[0], problem.num_sampled)
    expected = steps[OURS].compute(0, sampled)
    for name, step in steps.items():
        for part, value in errors(step.compute(0, sampled), expected).items():
            if not value <= tolerance:
                raise SystemExit(f"{name} and {OURS} differ in {part}: {value:.1e}")


def measure(shape: Shape, args: argparse.Namespace, names: list[str], bar: tqdm[Any]) -> Measured:
    """Check and time one shape."""
    table = make_table(args.num_classes, shape.dim)
    problem = make_problem(table, shape.batch, shape.candidates)
    peers = peers_of(args.compute_dtype)
    steps = {name: make_step(name, problem, args.threads, peers) for name in names}
    check(problem, steps, TOLERANCE[args.compute_dtype])
    load = OtherLoad()
    timings = Turns(args.rounds, args.block).time(
        {name: step.run for name, step in steps.items()}, len(problem.labels), bar.update
    )
    return Measured(shape, timings, load.share())


def means(measured: list[Measured]) -> Means:
    """Return geometric mean and minimum of each peer's ratios."""
    rows = [one.ratios() for one in measured]
    ratios = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return {
        name: {"geometric_mean": statistics.geometric_mean(values), "minimum": min(values)}
        for name, values in ratios.items()
    }


def means_by_group(measured: list[Measured]) -> dict[str, Means]:
    """Return the means over the main shapes and over all, as far as there are any."""
    main = [one for one in measured if one.shape in MAIN_SHAPES]
    groups = {"main shapes": main, "all shapes": measured}
    return {group: means(members) for group, members in groups.items() if members}


def print_medians(names: list[str], measured: list[Measured]) -> None:
    """Print medians with ratios in brackets."""
    print("| batch × candidates × dim | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * len(names))
    for one in measured:
        ratios = one.ratios()
        cells = [str(one.shape)]
        for name in names:
            ratio = f" ({ratios[name]:.2f}×)" if name in ratios else ""
            cells.append(f"{1e3 * one.timings[name].median:.3f} ms{ratio}")
        print("| " + " | ".join(cells) + " |")


def print_means(groups: dict[str, Means]) -> None:
    """Print geometric mean and minimum of the ratios."""
    titles = [f"{group}: geometric mean | minimum" for group in groups]
    print("\n| times as long as manyclass | " + " | ".join(titles) + " |")
    print("| --- |" + " ---: | ---: |" * len(groups))
    for name in groups["all shapes"]:
        of_name = [of_group[name] for of_group in groups.values()]
        cells = [f"{one['geometric_mean']:.2f} | {one['minimum']:.2f}" for one in of_name]
        print(f"| {name} | " + " | ".join(cells) + " |")


def plot(names: list[str], measured: list[Measured], path: Path) -> None:
    """Draw the medians as bars on a logarithmic axis, quartiles as whiskers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 1.1 * len(measured)), layout="constrained")
    height = 0.8 / len(names)
    for k, name in enumerate(names):
        timings = [one.timings[name] for one in measured]
        median = 1e3 * np.array([t.median for t in timings])
        whiskers = [
            median - [1e3 * t.lower_quartile for t in timings],
            [1e3 * t.upper_quartile for t in timings] - median,
        ]
        places = np.arange(len(measured)) + k * height
        axes.barh(
            places, median, xerr=whiskers, height=0.9 * height, label=name, error_kw={"lw": 0.8}
        )
    axes.set_yticks(np.arange(len(measured)) + 0.4 - height / 2, [str(m.shape) for m in measured])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("milliseconds (median and quartiles, logarithmic; shorter is faster)")
    axes.set_ylabel("batch × candidates × dim")
    axes.legend()
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=110)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--shapes", type=Shape.parse, nargs="+", default=MAIN_SHAPES + ODD_SHAPES)
    add("--peers", choices=list(PEERS), nargs="*", default=list(PEERS), metavar="PEER")
    add("--num-classes", type=int, default=10**6)
    add("--compute-dtype", choices=list(TOLERANCE), default="float32", help="of products")
    add("--threads", type=int, default=2, help="of each (default 2)")
    add("--rounds", type=int, default=Turns().rounds, help="blocks of each (default 10)")
    add("--block", type=float, default=Turns().block, help="seconds (default 0.2)")
    add("--json", type=Path, help="where to write the figures")
    add("--png", type=Path, help="where to write the chart")
    return parser.parse_args()


def report(
    args: argparse.Namespace, packages: list[str], measured: list[Measured]
) -> dict[str, Any]:
    """Return all figures, and what they were measured with."""
    return {
        "machine": describe(packages),
        "settings": {
            key: getattr(args, key)
            for key in ("num_classes", "compute_dtype", "threads", "rounds", "block")
        },
        "shapes": [
            {
                **one.shape._asdict(),
                "main": one.shape in MAIN_SHAPES,
                "seconds": {name: timing._asdict() for name, timing in one.timings.items()},
                "times_as_long_as_manyclass": one.ratios(),
                "share_of_processors_used_by_others": one.other_load,
            }
            for one in measured
        ],
        "summary": means_by_group(measured),
    }


def show(
    args: argparse.Namespace, names: list[str], packages: list[str], measured: list[Measured]
) -> None:
    """Print the tables, write the files that are asked for."""
    print_medians(names, measured)
    if len(names) > 1:
        print_means(means_by_group(measured))
    software = summary(packages)
    print(
        f"\n{args.num_classes:,} classes, {args.compute_dtype}, {args.threads} threads; {software}"
    )
    warn_if_busy(max(one.other_load for one in measured))
    if args.json:
        args.json.write_text(json.dumps(report(args, packages, measured), indent=1), "utf-8")
        print(args.json)
    if args.png:
        plot(names, measured, args.png)
        print(args.png)


def main() -> None:
    args = parse()
    peers = peers_of(args.compute_dtype)
    ours = [name for name in peers if name.startswith(OURS)]
    wanted = [name for name in peers if name in {*ours, *args.peers}]
    names = [name for name in wanted if installed(name, peers)]
    if missing := [name for name in wanted if name not in names]:
        print(f"not installed, left out: {', '.join(missing)}\n")

    measured = []
    with tqdm(total=len(args.shapes) * len(names) * args.rounds, unit="block", leave=False) as bar:
        for shape in args.shapes:
            bar.set_description(str(shape))
            measured.append(measure(shape, args, names, bar))
            gc.collect()  # the tables of TensorFlow's variables are in a cycle

    show(args, names, packages(names, peers), measured)


if __name__ == "__main__":
    main()
