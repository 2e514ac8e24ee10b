"""What the forms for JAX and TensorFlow cost: a call beside the NumPy path, in turns.

Shapes, threads and what is timed are those of a step: candidates drawn, loss, gradients. "rows" is
JAX with the touched rows alone; "grad of inputs" differentiates with respect to the inputs,
"dense" also with respect to weights and biases, which JAX makes arrays of their size for.
TensorFlow's steps are ``tf.function``s; "nothing" is what an empty one takes. Before anything is
timed, losses and gradients are compared with the NumPy path's. An idle machine is needed.

    python bench/frameworks_jax.py [--threads 2] [--rounds 10] [--block 0.2] [--json PATH]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import manyclass as mc
from machine import OtherLoad, describe, summary, warn_if_busy
from peers.jax_losses import JaxLosses
from peers.problem import Problem, Shape, make_problem, make_table
from peers.tensorflow_losses import TensorFlowLosses
from turns import Turns, Work

CASES = ((Shape(8, 16, 16), 1000), (Shape(256, 1024, 128), 100_000))
SEED = 3


class NumpyPath:
    """The functions of NumPy arrays, with the same candidates in each call."""

    def __init__(self, problem: Problem, num_threads: int) -> None:
        self.problem, self.num_threads = problem, num_threads

    def loss_and_grad(self, batch: int) -> Any:
        problem = self.problem
        return mc.sampled_softmax_loss_and_grad(
            *(*problem.table, problem.labels[batch], problem.inputs),
            *(problem.num_sampled, problem.num_classes),
            seed=SEED,
            num_threads=self.num_threads,
        )

    def loss(self, batch: int) -> Any:
        problem = self.problem
        return mc.sampled_softmax_loss(
            *(*problem.table, problem.labels[batch], problem.inputs),
            *(problem.num_sampled, problem.num_classes),
            seed=SEED,
            num_threads=self.num_threads,
        )


def check(form: Any, path: NumpyPath) -> None:
    """Compare one step with the NumPy path; exit if it differs."""
    _, (weights, _, inputs) = path.loss_and_grad(0)
    rows, grad_inputs = form.gradients(SEED)
    if not (np.array_equal(rows, weights.values) and np.array_equal(grad_inputs, inputs)):
        raise SystemExit(f"{type(form).__name__} has other gradients than the NumPy path")


def works_of(problem: Problem, num_threads: int) -> dict[str, Work]:
    path = NumpyPath(problem, num_threads)
    jax_form = JaxLosses(problem, num_threads)
    tensorflow_form = TensorFlowLosses(problem, num_threads)
    check(jax_form, path)
    check(tensorflow_form, path)
    return {
        "NumPy, loss": path.loss,
        "NumPy, with gradients": path.loss_and_grad,
        **jax_form.works(),
        **tensorflow_form.works(),
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--threads", type=int, default=2, help="of each (default 2)")
    add("--rounds", type=int, default=Turns().rounds, help="blocks of each (default 10)")
    add("--block", type=float, default=Turns().block, help="seconds (default 0.2)")
    add("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


def main() -> None:
    args = parse()
    load, figures = OtherLoad(), {}
    names: list[str] = []
    for shape, num_classes in CASES:
        problem = make_problem(make_table(num_classes, shape.dim), shape.batch, shape.candidates)
        works = works_of(problem, args.threads)
        names = list(works)
        with tqdm(total=len(works) * args.rounds, unit="block", leave=False) as bar:
            turns = Turns(args.rounds, args.block)
            figures[str(shape)] = turns.time(works, len(problem.labels), bar.update)
    print("| microseconds a call | " + " | ".join(f"{s}, {n:,} classes" for s, n in CASES) + " |")
    print("| --- | ---: | ---: |")
    for name in names:
        medians = (f"{1e6 * timings[name].median:,.1f}" for timings in figures.values())
        print(f"| {name} | {' | '.join(medians)} |")
    packages = ["manyclass", "numpy", "jax", "tensorflow"]
    print(f"\n{summary(packages)}, {args.threads} threads")
    warn_if_busy(load.share())
    if args.json:
        timed = {
            shape: {name: timing._asdict() for name, timing in timings.items()}
            for shape, timings in figures.items()
        }
        record = {"machine": describe(packages), "other_load": load.share(), **timed}
        args.json.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
