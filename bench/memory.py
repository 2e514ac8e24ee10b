"""Scratch memory of a training step: the most that it takes beyond inputs and results.

Batch 8,192, 8,192 candidates, dim 128, 10^6 classes, float32. Each peer works in a fresh process
(Linux): it makes its tables, runs a small step, which loads what loads late, and then one step of
the full size. Scratch is the highest resident memory during that step less what was resident
before it and less the size of what the step returned; kept is what of it is still resident
afterwards. Prints a Markdown table, writes JSON, and fails if manyclass takes more than 64 MiB.

    python bench/memory.py [--threads 2] [--peers "PyTorch eager" …] [--json PATH]
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from machine import describe, summary
from peers import PEERS, installed, make_step, packages
from peers.problem import make_problem, make_table

OURS = "manyclass"
BATCH, CANDIDATES, DIM, NUM_CLASSES = 8192, 8192, 128, 10**6
LIMIT_MIB = 64


def resident(field: str) -> float:
    """Return a field of the process's status, in MiB."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def measure(name: str, num_threads: int) -> dict[str, float]:
    """Run one full step in this process; return MiB."""
    table = make_table(NUM_CLASSES, DIM)
    small = make_step(name, make_problem(table, 64, 64), num_threads)
    small.run(0)
    step = make_step(name, make_problem(table, BATCH, CANDIDATES), num_threads)
    ctypes.CDLL(None).malloc_trim(0)  # or the step would take what is free in the heap, unseen
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak is now what is resident
    output = step.run(0)
    peak, after = resident("VmHWM"), resident("VmRSS")
    results = step.nbytes(output) / 2**20
    return {
        "results": results,
        "scratch": peak - before - results,
        "kept": after - before - results,
    }


def in_child(name: str, num_threads: int) -> dict[str, float]:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--child", name, "--threads", str(num_threads)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    sizes: dict[str, float] = json.loads(printed.splitlines()[-1])
    return sizes


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ["TensorFlow", "PyTorch eager"]
    parser.add_argument("--peers", choices=list(PEERS), nargs="*", default=default)
    parser.add_argument("--threads", type=int, default=2, help="of each (default 2)")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--child", choices=list(PEERS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = parse()
    if args.child:
        print(json.dumps(measure(args.child, args.threads)))
        return
    wanted = [name for name in PEERS if name in [OURS, *args.peers]]
    names = [name for name in wanted if installed(name)]
    if missing := [name for name in wanted if name not in names]:
        print(f"not installed, left out: {', '.join(missing)}\n")
    sizes = {name: in_child(name, args.threads) for name in tqdm(names, unit="peer", leave=False)}
    print("| | scratch, MiB | kept of it, MiB | results, MiB |\n| --- | ---: | ---: | ---: |")
    for name, size in sizes.items():
        print(f"| {name} | {size['scratch']:.1f} | {size['kept']:.1f} | {size['results']:.1f} |")
    print(
        f"\nbatch {BATCH:,}, {CANDIDATES:,} candidates, dim {DIM}, {NUM_CLASSES:,} classes, "
        f"float32, {args.threads} threads; {summary(packages(names))}"
    )
    if args.json:
        report = {"machine": describe(packages(names)), "threads": args.threads, "mebibytes": sizes}
        args.json.write_text(json.dumps(report, indent=1), "utf-8")
        print(args.json)
    if sizes[OURS]["scratch"] > LIMIT_MIB:
        raise SystemExit(f"manyclass took more than {LIMIT_MIB} MiB")


if __name__ == "__main__":
    main()
