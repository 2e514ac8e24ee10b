"""Held-out loss over steps of training: the demo's model and corpus, in float32 and in bfloat16.

The model, the corpus and the steps are those of `train_curve`: all start from the same model and
see the same batches and candidates, so that only rounding differs: of what products multiply, or
of the weights, which are then bfloat16 and rounded stochastically. The loss is that of the exact
softmax over all classes, in float32 for all. Fails if the last ones differ by more than 0.5 %.

    python bench/bfloat16_curve.py [--steps 3000] [--threads 2] [--json PATH] [--png PATH]
"""

from __future__ import annotations

import argparse
import copy
import json
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
from tqdm import tqdm

import manyclass as mc
from machine import describe, summary
from manyclass.demo.corpus import build_corpus
from manyclass.demo.model import create_model
from manyclass.demo.text import standard_library_documents
from peers.manyclass_next_token import ManyclassTrainer
from train_curve import BATCH, CONTEXT, DIM, INITIAL_ACCUMULATOR, LEARNING_RATE, SEED, Runner

LARGEST_DIFFERENCE = 0.005
PACKAGES = ["manyclass", "ml_dtypes", "numpy"]
CURVES = {
    "float32": (None, np.float32),
    "products in bfloat16": ("bfloat16", np.float32),
    "weights in bfloat16": (None, ml_dtypes.bfloat16),
}
"""What products are computed in, and what weights are."""


def plot(runners: dict[str, Runner], path: Path) -> None:
    """Draw losses over steps, and how much they differ."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (upper, lower) = pyplot.subplots(
        2, figsize=(8, 6), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    losses = {}
    for (name, runner), style in zip(runners.items(), ("-", "--", ":"), strict=True):
        steps, _, losses[name] = map(np.array, zip(*runner.points, strict=True))
        upper.plot(steps, losses[name], style, label=name)
        lower.plot(steps, 100 * (losses[name] / losses["float32"] - 1), style)
    upper.set_ylabel("held-out loss, nats")
    lower.set_ylabel("difference, %")
    lower.set_xlabel("steps")
    upper.legend()
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--every", type=int, default=250, help="steps between measurements")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--png", type=Path)
    args = parser.parse_args()

    mc.set_num_threads(args.threads)
    corpus = build_corpus(standard_library_documents(), held_out=0.02, seed=SEED)
    model = create_model(corpus.counts, dim=DIM, context=CONTEXT, rng=np.random.default_rng(SEED))
    runners = {}
    for name, (compute_dtype, dtype) in CURVES.items():
        own = replace(copy.deepcopy(model), weights=model.weights.astype(dtype))
        trainer = ManyclassTrainer(
            own, LEARNING_RATE, INITIAL_ACCUMULATOR, args.threads, compute_dtype
        )
        runners[name] = Runner(own, trainer, corpus)
        runners[name].add_point(0)
    positions = np.random.default_rng(SEED).permutation(len(corpus.train) - 1)
    batches = positions[: args.steps * BATCH].reshape(-1, BATCH) + 1
    for begin in tqdm(range(0, len(batches), args.every), unit="turn", leave=False):
        part = batches[begin : begin + args.every]
        for runner in runners.values():
            runner.train(part)
            runner.add_point(begin + len(part))

    first, *others = CURVES
    print(f"| steps | {first} | {' | '.join(f'{name} | difference' for name in others)} |")
    print("| ---: | ---: " + "| ---: | ---: " * len(others) + "|")
    differences: list[float] = []
    for points in zip(*(runner.points for runner in runners.values()), strict=True):
        plain, *rounded = (loss for _, _, loss in points)
        differences = [loss / plain - 1 for loss in rounded]
        cells = [f"{loss:.4f} | {d:+.3%}" for loss, d in zip(rounded, differences, strict=True)]
        print(f"| {points[0][0]:,} | {plain:.4f} | {' | '.join(cells)} |")
    print(f"\n{len(corpus.vocabulary):,} classes, {BATCH} tokens a step; {summary(PACKAGES)}")
    if args.png:
        plot(runners, args.png)
        print(args.png)
    if args.json:
        report = {
            "machine": describe(PACKAGES),
            "points": ["steps", "seconds", "held-out loss"],
            "curves": {name: runner.points for name, runner in runners.items()},
        }
        args.json.write_text(json.dumps(report, indent=1), "utf-8")
        print(args.json)
    largest = max(differences, key=abs)
    if abs(largest) > LARGEST_DIFFERENCE:
        raise SystemExit(f"the last losses differ by {largest:.2%}")


if __name__ == "__main__":
    main()
