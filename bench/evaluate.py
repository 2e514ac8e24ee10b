"""The exact softmax beside PyTorch and faiss: loss, gradients and top k over all classes.

10^6 classes × 128, float32, batch 256 for loss and gradients; k = 10 of 1, 32 and 256 examples.
PyTorch computes linear and cross_entropy, one after the other and as linear_cross_entropy, and
matmul and topk; faiss searches an IndexFlatIP. Neither adds biases for top k, so they are 0.

Before a task is timed, all are compared with manyclass to float32's accuracy; where classes of the
best k differ, their logits must be equal to it. All are timed in turns within one process (`turns`
says how and why). Under the medians stands what manyclass reaches of the machine, measured before
and after each task by machine_limits.cpp, the better counting: of the memory's bandwidth for one
example, where each row is read once, else of the processor's peak, by the products that the task
takes at least (one for the logits, three with gradients; manyclass makes that of the logits twice
rather than keep them).

The memory of full_softmax_loss is measured in a process for each peer (`evaluate_memory` says how);
more than 2 % of PyTorch's is an error.

With `--bfloat16` manyclass alone, loss and top k, with float32 and with bfloat16: in the rows, in
the products, in both. Results are then compared to bfloat16's accuracy, memory is not measured, and
the peak is float32's.

Prints Markdown tables of medians and ratios, writes JSON and a bar chart. Peers that are not
installed are left out and named (`python -m pip install '.[bench]'` brings them). Needs some 8 GiB
of memory and an idle machine.

    python bench/evaluate.py [--bfloat16] [--tasks loss gradients "top k"] [--threads 2]
        [--rounds 5] [--num-classes 1000000] [--dim 128] [--batch 256] [--batches 1 32 256]
        [--json PATH] [--png PATH]
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import evaluate_memory
from compare import error
from limits import Limits, Machine
from machine import OtherLoad, describe, summary, warn_if_busy
from peers import installed, packages
from peers.exact import (
    BFLOAT16_LOSS,
    BFLOAT16_TOP_K,
    GRADIENTS,
    LOSS,
    OURS,
    ROWS_OF_BFLOAT16,
    TOP_K,
    ExactProblem,
    Task,
    make_exact_problem,
    make_work,
)
from peers.problem import Array, Table, make_table
from turns import Timing, Turns

NAMES = ("loss", "gradients", "top k")
TOLERANCE = 2e-5
BFLOAT16_TOLERANCE = 2e-2


class Measured(NamedTuple):
    """One task."""

    task: Task
    timings: dict[str, Timing]
    limits: Limits
    other_load: float

    def ratios(self) -> dict[str, float]:
        """Return how many times as long as manyclass each takes."""
        ours = self.timings[OURS].median
        return {name: t.median / ours for name, t in self.timings.items() if name != OURS}

    def shares(self, num_classes: int, dim: int) -> dict[str, tuple[str, float]]:
        """Return what of the machine each of manyclass's ways reaches."""
        task = self.task
        flops = 2.0 * task.products * task.batch * num_classes * dim
        shares = {}
        for name, timing in self.timings.items():
            if not name.startswith(OURS):
                continue
            read = num_classes * (dim * (2.0 if name in ROWS_OF_BFLOAT16 else 4.0) + 4.0)
            bound, seconds = (
                ("of the bandwidth", read / self.limits.bandwidth)
                if task.batch == 1
                else ("of the peak", flops / self.limits.peak)
            )
            shares[name] = bound, seconds / timing.median
        return shares


def tasks_of(args: argparse.Namespace) -> list[Task]:
    """Return what is asked for."""
    if args.bfloat16:
        best = (Task("top k", batch, BFLOAT16_TOP_K, 1) for batch in args.batches)
        every = [Task("loss", args.batch, BFLOAT16_LOSS, 1), *best]
        return [task for task in every if task.name in args.tasks]
    every = [
        Task("loss", args.batch, LOSS, 1),
        Task("gradients", args.batch, GRADIENTS, 3),
        *(Task("top k", batch, TOP_K, 1) for batch in args.batches),
    ]
    return [task for task in every if task.name in args.tasks]


def check(
    name: str,
    actual: dict[str, Array],
    expected: dict[str, Array],
    problem: ExactProblem,
    tolerance: float,
) -> None:
    """Compare with manyclass; exit if one differs."""
    for part, wanted in expected.items():
        found = actual[part]
        if part == "classes":  # of equal logits either may be ahead: they must have the values
            rows = problem.table.weights[found].astype(np.float64)
            found = np.einsum("bd,bkd->bk", problem.inputs[0], rows)
            wanted = expected["values"]
        value = error(found, wanted)
        if not value <= tolerance:
            raise SystemExit(f"{name} and {OURS} differ in {part}: {value:.1e}")


def problem_for(task: Task, table: Table) -> ExactProblem:
    """Return batches for a task."""
    if task.name == "top k":
        table = table._replace(biases=np.zeros_like(table.biases))
    return make_exact_problem(table, task.batch)


def measure(
    task: Task, table: Table, machine: Machine, args: argparse.Namespace, bar: tqdm[Any]
) -> Measured:
    """Check and time one task."""
    problem = problem_for(task, table)
    names = [name for name in task.peers if installed(name, task.peers)]
    works = {name: make_work(task, name, problem, args.threads) for name in names}
    expected: dict[str, Array] = {}
    tolerance = BFLOAT16_TOLERANCE if args.bfloat16 else TOLERANCE
    for name, work in works.items():
        arrays = work.arrays(work.run(0))
        if name == OURS:
            expected = {part: array.copy() for part, array in arrays.items()}
        check(name, arrays, expected, problem, tolerance)
    del arrays, expected
    load = OtherLoad()
    before = machine.limits()
    timings = Turns(args.rounds, args.block).time(
        {name: work.run for name, work in works.items()}, len(problem.inputs), bar.update
    )
    return Measured(task, timings, Limits(*map(max, before, machine.limits())), load.share())


def print_tables(measured: list[Measured], args: argparse.Namespace) -> None:
    """Print medians, ratios and shares as Markdown."""
    for one in measured:
        ratios, shares = one.ratios(), one.shares(args.num_classes, args.dim)
        print(f"| {one.task} | median | of manyclass's | reached |\n| --- | ---: | ---: | ---: |")
        for name, timing in one.timings.items():
            bound, share = shares.get(name, ("", 0.0))
            ratio = f"{ratios[name]:.2f}×" if name in ratios else ""
            reached = f"{share:.0%} {bound}" if bound else ""
            print(f"| {name} | {1e3 * timing.median:.1f} ms | {ratio} | {reached} |")
        print()


def plot(measured: list[Measured], path: Path) -> None:
    """Draw how many times as long as manyclass each takes, a group of bars for each task."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [(str(one.task), name, r) for one in measured for name, r in one.ratios().items()]
    colours = {name: f"C{k}" for k, name in enumerate(dict.fromkeys(name for _, name, _ in rows))}
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.35 * len(rows)), layout="constrained")
    places = np.arange(len(rows))
    axes.barh(places, [r for *_, r in rows], color=[colours[name] for _, name, _ in rows])
    axes.set_yticks(places, [f"{task}: {name}" for task, name, _ in rows])
    axes.axvline(1.0, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("median time / that of manyclass (the line)")
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=110)


def report(
    measured: list[Measured], memory: dict[str, float], used: list[str], args: argparse.Namespace
) -> dict[str, Any]:
    """Return all figures, for JSON."""
    return {
        "machine": describe(used),
        "threads": args.threads,
        "num_classes": args.num_classes,
        "dim": args.dim,
        "tasks": {
            str(one.task): {
                "seconds": {name: timing._asdict() for name, timing in one.timings.items()},
                "ratios": one.ratios(),
                "reached": {
                    name: {"bound": bound, "share": share}
                    for name, (bound, share) in one.shares(args.num_classes, args.dim).items()
                },
                "limits": one.limits._asdict(),
                "other_load": one.other_load,
            }
            for one in measured
        },
        "loss_peak_bytes": memory,
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--tasks", choices=NAMES, nargs="+", default=NAMES, metavar="TASK", help=", ".join(NAMES))
    add("--bfloat16", action="store_true", help="manyclass in bfloat16 beside float32")
    add("--num-classes", type=int, default=10**6)
    add("--dim", type=int, default=128)
    add("--batch", type=int, default=256, help="of loss and gradients (default 256)")
    add("--batches", type=int, nargs="+", default=[1, 32, 256], help="of top k")
    add("--threads", type=int, default=2, help="of each (default 2)")
    add("--rounds", type=int, default=5, help="blocks of each (default 5)")
    add("--block", type=float, default=Turns().block, help="seconds (default 0.2)")
    add("--json", type=Path, help="where to write the figures")
    add("--png", type=Path, help="where to write the chart")
    return parser.parse_args()


def main() -> None:
    args = parse()
    tasks = tasks_of(args)
    peers = {name: peer for task in tasks for name, peer in task.peers.items()}
    names = [name for name in peers if installed(name, peers)]
    if missing := [name for name in peers if name not in names]:
        print(f"not installed, left out: {', '.join(missing)}\n")
    with_memory = "loss" in args.tasks and not args.bfloat16
    memory = evaluate_memory.in_children(args) if with_memory else {}
    measured = []
    table = make_table(args.num_classes, args.dim)
    blocks = sum(installed(name, task.peers) for task in tasks for name in task.peers)
    with (
        tempfile.TemporaryDirectory() as folder,
        tqdm(total=blocks * args.rounds, unit="block", leave=False) as bar,
    ):
        machine = Machine(args.threads, folder)
        for task in tasks:
            bar.set_description(str(task))
            measured.append(measure(task, table, machine, args, bar))
            gc.collect()
    used = packages(names, peers)
    print_tables(measured, args)
    if memory:
        evaluate_memory.print_table(memory, args)
    print(f"{args.num_classes:,} classes × {args.dim}, {args.threads} threads; {summary(used)}")
    warn_if_busy(max(one.other_load for one in measured))
    if args.json:
        args.json.write_text(json.dumps(report(measured, memory, used, args), indent=1), "utf-8")
        print(args.json)
    if args.png:
        plot(measured, args.png)
        print(args.png)
    if memory:
        evaluate_memory.refuse_much(memory, args)


if __name__ == "__main__":
    main()
