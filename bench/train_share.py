"""What the optimizer adds to a step: `train_step` beside `loss_and_grad` of the same layer.

Batch 256, 1,024 candidates, dim 128, 10^6 classes, float32; in short turns. `train_step` with
`SGD` keeps no state: what Adagrad adds to it is the accumulators. They are in memory beforehand, as
late in training; "new rows": they are not, and the system gives out pages as they are written. The
last line is the gradients and `Adagrad.step` in two calls.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

import manyclass as mc
from machine import OtherLoad, describe, summary, warn_if_busy
from peers.problem import Shape, make_problem, make_table
from turns import Turns

SHAPE = Shape(256, 1024, 128)
TURNS = Turns(rounds=40, block=0.05)
BASE = "loss_and_grad"
PACKAGES = ["manyclass", "numpy"]


def works(num_classes: int, num_threads: int) -> tuple[dict[str, Callable[[int], object]], int]:
    """Return what is timed, and how many batches there are."""
    problem = make_problem(make_table(num_classes, SHAPE.dim), SHAPE.batch, SHAPE.candidates)
    inputs, labels = problem.inputs, problem.labels

    def make_layer(optimizer: mc.RowOptimizer) -> mc.SampledSoftmax:
        return mc.SampledSoftmax(
            num_classes,
            SHAPE.dim,
            num_sampled=SHAPE.candidates,
            sampler=mc.LogUniformSampler(num_classes, seed=3),
            optimizer=optimizer,
            weights=problem.table.weights,
            biases=problem.table.biases,
        )

    optimizer = mc.Adagrad(0.1)
    adagrad, early, sgd = map(make_layer, (optimizer, mc.Adagrad(0.1), mc.SGD(0.1)))
    for table in problem.table:
        for state in optimizer.state(table).values():
            state.fill(0)

    def gradients(batch: int) -> mc.Gradients:
        return adagrad.loss_and_grad(inputs, labels[batch], num_threads=num_threads)[1]

    def two_calls(batch: int) -> None:
        found = gradients(batch)
        pairs = ((adagrad.weights, found.weights), (adagrad.biases, found.biases))
        optimizer.step(pairs, num_threads=num_threads)

    def train(layer: mc.SampledSoftmax) -> Callable[[int], object]:
        return lambda batch: layer.train_step(inputs, labels[batch], num_threads=num_threads)

    steps = {
        BASE: gradients,
        "train_step, SGD": train(sgd),
        "train_step, Adagrad": train(adagrad),
        "train_step, Adagrad, new rows": train(early),
        "loss_and_grad, then Adagrad.step": two_calls,
    }
    return steps, len(labels)


def run(args: argparse.Namespace) -> None:
    """Measure, print a table, write JSON if asked for."""
    steps, num_batches = works(args.num_classes, args.threads)
    load = OtherLoad()
    with tqdm(total=len(steps) * TURNS.rounds, unit="block", leave=False) as bar:
        timings = TURNS.time(steps, num_batches, bar.update)
    share = load.share()
    base = timings[BASE].median
    added = {name: timing.median / base - 1 for name, timing in timings.items()}
    print(f"| {SHAPE} | median | added |\n| --- | ---: | ---: |")
    for name, timing in timings.items():
        print(f"| {name} | {1e3 * timing.median:.3f} ms | {added[name]:.1%} |")
    print(f"\n{args.num_classes:,} classes, float32, {args.threads} threads; {summary(PACKAGES)}")
    warn_if_busy(share)
    if args.json:
        report: dict[str, Any] = {
            "machine": describe(PACKAGES),
            **SHAPE._asdict(),
            "num_classes": args.num_classes,
            "threads": args.threads,
            "seconds": {name: timing._asdict() for name, timing in timings.items()},
            "added": added,
            "share_of_processors_used_by_others": share,
        }
        args.json.write_text(json.dumps(report, indent=1), "utf-8")
        print(args.json)
