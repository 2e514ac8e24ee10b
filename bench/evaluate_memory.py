"""The memory of full_softmax_loss beside PyTorch's: a part of evaluate.py.

A process for each peer (Linux): it makes its tables, runs a small call, which loads what loads
late, and then one of the full size. What counts is the highest resident memory during that call
less what was resident before.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
from pathlib import Path

from memory import resident
from peers import installed
from peers.exact import LOSS, OURS, Task, make_exact_problem, make_work
from peers.problem import make_table

SIZES = ("num_classes", "dim", "batch", "threads")
PEER = "PyTorch linear, cross_entropy"  # which holds all logits
LIMIT = 0.02  # of its memory, if the logits are not small
LOGITS_WORTH_A_LIMIT = 2**28  # bytes


def measure(name: str, args: argparse.Namespace) -> float:
    """Run one call in this process; return bytes."""
    table = make_table(args.num_classes, args.dim)
    task = Task("loss", args.batch, LOSS, 1)
    small = table._replace(weights=table.weights[:1000], biases=table.biases[:1000])
    make_work(task, name, make_exact_problem(small, 8), args.threads).run(0)
    work = make_work(task, name, make_exact_problem(table, args.batch), args.threads)
    ctypes.CDLL(None).malloc_trim(0)  # or the call would take what is free in the heap, unseen
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak is now what is resident
    output = work.run(0)
    peak = resident("VmHWM")
    del output
    return (peak - before) * 2**20


def in_children(args: argparse.Namespace) -> dict[str, float]:
    """Measure each peer in a fresh process."""
    found = {}
    for name in (name for name in LOSS if installed(name, LOSS)):
        sizes = [f"--{key.replace('_', '-')}={getattr(args, key)}" for key in SIZES]
        command = [sys.executable, __file__, name, *sizes]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found[name] = float(printed.splitlines()[-1])
    return found


def print_table(memory: dict[str, float], args: argparse.Namespace) -> None:
    """Print Markdown."""
    print(f"| loss, batch {args.batch} | memory at the peak | of manyclass's |")
    print("| --- | ---: | ---: |")
    for name, size in memory.items():
        print(f"| {name} | {size / 2**20:.1f} MiB | {size / memory[OURS]:.1f}× |")
    print()


def refuse_much(memory: dict[str, float], args: argparse.Namespace) -> None:
    """Exit if manyclass takes more than a little of what holding all logits takes."""
    if PEER not in memory or 4 * args.batch * args.num_classes < LOGITS_WORTH_A_LIMIT:
        return
    share = memory[OURS] / memory[PEER]
    print(f"full_softmax_loss takes {share:.2%} of the memory of {PEER}")
    if share > LIMIT:
        raise SystemExit(f"that is more than {LIMIT:.0%}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(LOSS))
    for key in SIZES:
        parser.add_argument(f"--{key.replace('_', '-')}", type=int, required=True)
    args = parser.parse_args()
    print(measure(args.name, args))


if __name__ == "__main__":
    main()
