"""Training with Adagrad beside PyTorch and TensorFlow: candidates, loss, gradients and update.

10^6 classes, float32, candidates and labels log-uniform. `peers.training` says who does what.
PyTorch draws with repetition, which is quicker; manyclass and TensorFlow do not. Before a shape is
timed, all take two steps from the same tables with the same candidates; if what rows move by,
touched and others, is not equal to float32's accuracy, that is an error. All are then timed in
turns (`turns` says how), each with tables of its own.

Prints Markdown tables of medians and ratios, writes JSON and a bar chart. Peers that are not
installed are left out and named (`python -m pip install '.[bench]'` brings them). Needs some 13 GiB
of memory and an idle machine; PyTorch's compiled form needs a C++ compiler.

Other parts, alone: `--share` (`train_share`), `--memory-mapped` (`train_memory_mapped`), `--curve`
(`train_curve`).

    python bench/train.py [--threads 2] [--shapes 256x1024x128 …] [--peers TensorFlow …]
        [--rounds 10] [--json PATH] [--png PATH]
    python bench/train.py --share [--threads 2] [--json PATH]
    python bench/train.py --memory-mapped [--json PATH]
    python bench/train.py --curve PNG [--steps 1000] [--threads 2] [--json PATH]
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import manyclass as mc
import train_curve
import train_memory_mapped
import train_share
from compare import MAIN_SHAPES, OURS, Measured, error, show
from machine import OtherLoad
from peers import installed, packages
from peers.problem import Problem, Shape, make_problem, make_table
from peers.training import TRAINERS, Training, make_training
from turns import Turns

BEST_OF = {"PyTorch, the faster of the two": ("PyTorch eager", "PyTorch compiled")}
# Adagrad's quotient of a small gradient; rows of about 1 / sqrt(dim) that move by 1e-4 and more.
TOLERANCE = 1e-4
UNTOUCHED = 1000


def check(problem: Problem, trainings: dict[str, Training]) -> None:
    """Compare what two steps on the same candidates do to the tables; exit if one differs."""
    sampler = mc.LogUniformSampler(problem.num_classes, seed=5)
    others = np.linspace(0, problem.num_classes - 1, UNTOUCHED).astype(np.int64)
    classes = [others]
    for batch in range(2):
        sampled = sampler.sample(problem.labels[batch], problem.num_sampled)
        classes += [sampled.sampled_candidates, problem.labels[batch].ravel()]
        for training in trainings.values():
            training.train(batch, sampled)
    rows = np.unique(np.concatenate(classes))
    expected = trainings[OURS].rows(rows)
    for name, training in trainings.items():
        tables = zip(training.rows(rows), expected, problem.table, strict=True)
        for part, (actual, wanted, table) in zip(("weights", "biases"), tables, strict=True):
            value = error(actual - table[rows], wanted - table[rows])
            if not value <= TOLERANCE:
                raise SystemExit(f"{name} and {OURS} move {part} differently: {value:.1e}")


def measure(shape: Shape, args: argparse.Namespace, names: list[str], bar: tqdm[Any]) -> Measured:
    """Check and time one shape."""
    table = make_table(args.num_classes, shape.dim)
    problem = make_problem(table, shape.batch, shape.candidates)
    trainings = {name: make_training(name, problem, args.threads) for name in names}
    check(problem, trainings)
    load = OtherLoad()
    timings = Turns(args.rounds, args.block).time(
        {name: training.run for name, training in trainings.items()},
        len(problem.labels),
        bar.update,
    )
    return Measured(shape, timings, load.share(), BEST_OF)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--shapes", type=Shape.parse, nargs="+", default=MAIN_SHAPES)
    add("--peers", choices=list(TRAINERS), nargs="*", default=list(TRAINERS), metavar="PEER")
    add("--num-classes", type=int, default=10**6)
    add("--threads", type=int, default=2, help="of each (default 2)")
    add("--rounds", type=int, default=Turns().rounds, help="blocks of each (default 10)")
    add("--block", type=float, default=Turns().block, help="seconds (default 0.2)")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--share", action="store_true", help="what the optimizer adds, instead")
    part.add_argument("--memory-mapped", action="store_true", help="weights in a file, instead")
    part.add_argument("--curve", type=Path, metavar="PNG", help="loss over seconds, instead")
    add("--steps", type=int, default=1000, help="of the curve (default 1000)")
    add("--json", type=Path, help="where to write the figures")
    add("--png", type=Path, help="where to write the chart")
    return parser.parse_args()


def main() -> None:
    args = parse()
    if args.share:
        train_share.run(args)
    elif args.memory_mapped:
        train_memory_mapped.run(args)
    elif args.curve:
        train_curve.run(args)
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    """Measure beside the peers, print tables, write the files that are asked for."""
    wanted = [name for name in TRAINERS if name in {OURS, *args.peers}]
    names = [name for name in wanted if installed(name, TRAINERS)]
    if missing := [name for name in wanted if name not in names]:
        print(f"not installed, left out: {', '.join(missing)}\n")

    measured = []
    with tqdm(total=len(args.shapes) * len(names) * args.rounds, unit="block", leave=False) as bar:
        for shape in args.shapes:
            bar.set_description(str(shape))
            measured.append(measure(shape, args, names, bar))
            gc.collect()  # the tables of TensorFlow's variables are in a cycle
    show(args, names, packages(names, TRAINERS), measured)


if __name__ == "__main__":
    main()
