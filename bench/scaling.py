"""How the time of a training step depends on its sizes and on the number of threads.

From one step (10^6 classes, 256 × 1024 × 128, 2 threads) each quantity is varied while the others
stay: candidates drawn log-uniformly, loss and gradients, float32. The points of an axis are timed
in turns (see `turns`), so that what disturbs the machine disturbs all of them alike. 10^7 classes
take 5.1 GB.

Prints a Markdown table for each axis, writes JSON and plots.

    python bench/scaling.py [--axes num_classes …] [--threads 2] [--json PATH] [--png PATH]
"""

from __future__ import annotations

import argparse
import functools
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from machine import OtherLoad, describe, summary, warn_if_busy
from peers.manyclass_step import ManyclassStep
from peers.problem import NUM_BATCHES, make_problem, make_table
from turns import Timing, Turns

Axis = dict[int, Timing]


class Point(NamedTuple):
    """A step."""

    num_classes: int = 10**6
    batch: int = 256
    candidates: int = 1024
    dim: int = 128
    threads: int = 2

    def gigaflops(self, seconds: float) -> float:
        """Return what the three products over candidates make of the processor."""
        return 6e-9 * self.batch * self.candidates * self.dim / seconds


def axes_here() -> dict[str, tuple[int, ...]]:
    """Return the values of each axis; threads up to the processors that may be used."""
    processors = len(os.sched_getaffinity(0))
    threads = {n for n in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128) if n <= processors}
    return {
        "num_classes": (10**4, 10**5, 10**6, 10**7),
        "candidates": (64, 256, 1024, 4096, 16384),
        "batch": (1, 16, 64, 256, 1024, 4096),
        "dim": (32, 64, 128, 256, 512),
        "threads": tuple(sorted(threads | {processors})),
    }


def measure(base: Point, axis: str, values: tuple[int, ...], turns: Turns, bar: tqdm[Any]) -> Axis:
    """Time the points of one axis in turns."""
    table = functools.cache(make_table)  # points of the same table share it; freed on return
    works = {}
    for value in values:
        point = base._replace(**{axis: value})
        problem = make_problem(table(point.num_classes, point.dim), point.batch, point.candidates)
        works[value] = ManyclassStep(problem, point.threads).run
    return turns.time(works, NUM_BATCHES, bar.update)


def print_table(base: Point, axis: str, timings: Axis) -> None:
    """Print medians, and how they relate to the first."""
    print(f"| {axis} | median | quartiles | ratio to the first | GFLOP/s |")
    print("| ---: |" + " ---: |" * 4)
    first = next(iter(timings.values())).median
    for value, timing in timings.items():
        lower, median, upper = (1e3 * seconds for seconds in timing[:3])
        rate = base._replace(**{axis: value}).gigaflops(timing.median)
        print(
            f"| {value:,} | {median:.3f} ms | {lower:.3f} to {upper:.3f} ms "
            f"| {timing.median / first:.2f} | {rate:.0f} |"
        )
    print()


def plot(base: Point, measured: dict[str, Axis], path: Path) -> None:
    """Draw the time along each axis, both logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    # What the time would do if it followed the products' arithmetic alone.
    growth = {"num_classes": 0, "candidates": 1, "batch": 1, "dim": 1, "threads": -1}
    figure, panels = pyplot.subplots(
        1,
        len(measured),
        figsize=(3.2 * len(measured), 3.6),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, (axis, timings) in zip(panels[0], measured.items(), strict=True):
        values = np.array(list(timings))
        lower, median, upper = 1e3 * np.array([timing[:3] for timing in timings.values()]).T
        panel.errorbar(values, median, (median - lower, upper - median), marker="o", ms=4)
        origin = getattr(base, axis)
        anchor = 1e3 * timings[origin].median if origin in timings else median[0]
        origin = origin if origin in timings else values[0]
        line = anchor * (values / origin) ** float(growth[axis])
        panel.plot(values, line, color="black", ls=":", lw=1, label="as the arithmetic")
        panel.loglog()
        panel.set_xticks(values, [f"{value:,}" for value in values], rotation=45)
        panel.minorticks_off()
        panel.yaxis.set_major_formatter("{x:g}")
        panel.set_xlabel(axis)
        panel.grid(alpha=0.3)
    # The line may leave the panels where the arithmetic is the least of it.
    times = [timing.median for timings in measured.values() for timing in timings.values()]
    panels[0, 0].set_ylim(0.5e3 * min(times), 2e3 * max(times))
    figure.align_xlabels()
    panels[0, 0].set_ylabel("milliseconds (median and quartiles)")
    panels[0, 0].legend(fontsize="small")
    figure.suptitle(
        f"{base.num_classes:,} classes, batch {base.batch}, {base.candidates:,} candidates, "
        f"dim {base.dim}, {base.threads} threads, and one of them varied",
        fontsize="medium",
    )
    figure.savefig(path, dpi=110)


def parse(axes: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--axes", choices=axes, nargs="+", default=axes)
    parser.add_argument("--threads", type=int, default=2, help="where they do not vary (default 2)")
    parser.add_argument("--rounds", type=int, default=Turns().rounds, help="blocks of each point")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--png", type=Path, help="where to write the plots")
    return parser.parse_args()


def main() -> None:
    axes = axes_here()
    args = parse(list(axes))
    base = Point(threads=args.threads)
    turns = Turns(rounds=args.rounds)
    measured, load = {}, OtherLoad()
    total = args.rounds * sum(len(axes[axis]) for axis in args.axes)
    with tqdm(total=total, unit="block", leave=False) as bar:
        for axis in args.axes:
            bar.set_description(axis)
            measured[axis] = measure(base, axis, axes[axis], turns, bar)
    others = load.share()
    for axis, timings in measured.items():
        print_table(base, axis, timings)
    print(f"float32; {summary(['manyclass'])}")
    warn_if_busy(others)
    if args.json:
        report = {
            "machine": describe(["manyclass"]),
            "base": base._asdict(),
            "share_of_processors_used_by_others": others,
            "seconds": {
                axis: [{axis: value, **timing._asdict()} for value, timing in timings.items()]
                for axis, timings in measured.items()
            },
        }
        args.json.write_text(json.dumps(report, indent=1), "utf-8")
        print(args.json)
    if args.png:
        plot(base, measured, args.png)
        print(args.png)


if __name__ == "__main__":
    main()
