"""Held-out loss over seconds of training: the demo's model and corpus, manyclass beside PyTorch.

The source of Python's standard library, the demo's embedding, position weights and softmax layer,
dim 128, context 16, batch 512, 512 log-uniform candidates, Adagrad. All start from the same model
and see the same batches and candidates (manyclass draws them, for all), so that only seconds
differ; if held-out losses do, that is an error. They train in turns of some steps; clocks stand
still while others train and while the loss is measured, by the exact softmax over all classes.
Compiling is not timed either.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

import manyclass as mc
from machine import OtherLoad, describe, summary, warn_if_busy
from manyclass.demo.corpus import Corpus, build_corpus
from manyclass.demo.evaluation import model_loss, spread_positions
from manyclass.demo.model import Model, create_model
from manyclass.demo.text import standard_library_documents
from peers.manyclass_next_token import ManyclassTrainer
from peers.problem import Array
from turns import come_to_rest

DIM, CONTEXT, BATCH, CANDIDATES = 128, 16, 512, 512
LEARNING_RATE, INITIAL_ACCUMULATOR, SEED = 0.2, 0.01, 1
TURN = 50
"""Steps."""
HELD_OUT_TOKENS = 2048
LARGEST_DIFFERENCE = 0.01
"""Of held-out losses: sums in another order, after thousands of steps."""
PACKAGES = ["manyclass", "numpy", "torch"]


class Trainer(Protocol):
    """A peer's model."""

    def step(self, context: Array, labels: Array, sampled: mc.SampledValues) -> None:
        """Take one step."""


class Runner:
    """One peer: its model, its clock and its curve."""

    def __init__(self, model: Model, trainer: Trainer, corpus: Corpus) -> None:
        self.model, self.trainer, self.corpus = model, trainer, corpus
        self.sampler = mc.LogUniformSampler(model.num_classes, seed=SEED)
        self.places = spread_positions(corpus.held_out, HELD_OUT_TOKENS)
        self.seconds = 0.0
        self.points: list[tuple[int, float, float]] = []

    def train(self, batches: Array) -> None:
        """Take a step for each batch of positions, timed."""
        stream, began = self.corpus.train, time.perf_counter()
        for positions in batches:
            labels = stream[positions].astype(np.int64)
            sampled = self.sampler.sample(labels[:, None], CANDIDATES)
            context = self.model.context(stream, positions).astype(np.int64)
            self.trainer.step(context, labels, sampled)
        self.seconds += time.perf_counter() - began

    def add_point(self, steps: int) -> None:
        """Measure the held-out loss."""
        loss = model_loss(self.model, self.corpus.held_out, self.places)
        self.points.append((steps, self.seconds, loss))


class Target(NamedTuple):
    """When a loss was reached."""

    loss: float
    seconds: dict[str, float]


def make_runners(corpus: Corpus, threads: int) -> dict[str, Runner]:
    """Return all, each with a copy of one model, and compiled."""
    from peers.torch_next_token import TorchTrainer

    model = create_model(corpus.counts, dim=DIM, context=CONTEXT, rng=np.random.default_rng(SEED))
    runners = {}
    for name in ("manyclass", "PyTorch eager", "PyTorch compiled"):

        def make(own: Model, name: str = name) -> Trainer:
            settings = own, LEARNING_RATE, INITIAL_ACCUMULATOR, threads
            if name == "manyclass":
                return ManyclassTrainer(*settings)
            return TorchTrainer(*settings, compiled=name.endswith("compiled"))

        rehearsal = Runner(spare := copy.deepcopy(model), make(spare), corpus)
        rehearsal.train(1 + np.arange(2 * BATCH).reshape(2, BATCH))
        own = copy.deepcopy(model)
        runners[name] = Runner(own, make(own), corpus)
    return runners


def train(runners: dict[str, Runner], corpus: Corpus, steps: int) -> None:
    """Train all in turns."""
    rng = np.random.default_rng(SEED)
    positions = rng.permutation(len(corpus.train) - 1)[: steps * BATCH] + 1
    batches = positions.reshape(-1, BATCH)
    for runner in runners.values():
        runner.add_point(0)
    with tqdm(total=len(batches) * len(runners), unit="step", leave=False) as bar:
        for begin in range(0, len(batches), TURN):
            turn = batches[begin : begin + TURN]
            for runner in runners.values():
                come_to_rest()
                runner.train(turn)
                runner.add_point(begin + len(turn))
                bar.update(len(turn))
            losses = [runner.points[-1][2] for runner in runners.values()]
            if max(losses) - min(losses) > LARGEST_DIFFERENCE:
                raise SystemExit(f"after {begin + len(turn)} steps, other losses: {losses}")


def targets(runners: dict[str, Runner]) -> list[Target]:
    """Return when each reached a few losses; all reach the last."""
    last = max(runner.points[-1][2] for runner in runners.values())
    found = []
    for loss in (*np.arange(5.0, last, -0.25).tolist(), last):
        seconds = {
            name: next(s for _, s, reached in runner.points if reached <= loss)
            for name, runner in runners.items()
        }
        found.append(Target(loss, seconds))
    return found


def plot(runners: dict[str, Runner], path: Path) -> None:
    """Draw losses over seconds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for name, runner in runners.items():
        _, seconds, losses = zip(*runner.points, strict=True)
        axes.plot(seconds, losses, marker=".", label=name)
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("held-out loss of the full softmax, nats")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def run(args: argparse.Namespace) -> None:
    """Train, print a table, draw the curve, write JSON if asked for."""
    mc.set_num_threads(args.threads)
    corpus = build_corpus(standard_library_documents(), held_out=0.02, seed=SEED)
    runners = make_runners(corpus, args.threads)
    load = OtherLoad()
    train(runners, corpus, args.steps)
    share = load.share()
    found = targets(runners)
    ours = next(iter(runners))
    print("| held-out loss | " + " | ".join(runners) + " |")
    print("| --- |" + " ---: |" * len(runners))
    for loss, seconds in found:
        cells = [f"{s:.2f} s ({s / seconds[ours]:.2f}×)" for s in seconds.values()]
        print(f"| {loss:.2f} | " + " | ".join(cells) + " |")
    print(
        f"\n{len(corpus.vocabulary):,} classes, {args.steps:,} steps of {BATCH} tokens, "
        f"{args.threads} threads; {summary(PACKAGES)}"
    )
    warn_if_busy(share)
    plot(runners, args.curve)
    print(args.curve)
    if args.json:
        report: dict[str, Any] = {
            "machine": describe(PACKAGES),
            "threads": args.threads,
            "points": ["steps", "seconds", "held-out loss"],
            "curves": {name: runner.points for name, runner in runners.items()},
            "targets": [target._asdict() for target in found],
            "share_of_processors_used_by_others": share,
        }
        args.json.write_text(json.dumps(report, indent=1), "utf-8")
        print(args.json)
