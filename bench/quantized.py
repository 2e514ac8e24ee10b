"""Top k by rows in 8 bits beside the exact one: what is missed, and what time it saves.

Two kinds of rows. Gaussian ones, num_classes × dim, with Gaussian inputs; and the softmax layer
that the demo trains for some minutes on the source of Python's standard library, asked with
held-out inputs. For each, the share of the k best classes that are found, by the number of
candidates that are scored exactly; values are compared with `top_k`'s, and must have its bits.

Then `QuantizedTopK.top_k`, with the default number of candidates, and `top_k` are timed in turns
within one process (`turns` says how and why), on the Gaussian rows. Prints Markdown tables, writes
JSON and a plot. Needs an idle machine.

    python bench/quantized.py [--num-classes 1000000] [--dim 128] [--k 10] [--batches 1 4 64 256]
        [--minutes 3] [--threads 2] [--rounds 5] [--json PATH] [--png PATH]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import manyclass as mc
from machine import OtherLoad, describe, summary, warn_if_busy
from manyclass.demo.corpus import build_corpus
from manyclass.demo.evaluation import model_loss, spread_positions
from manyclass.demo.model import Trainer, create_model
from manyclass.demo.samplers import SAMPLERS
from manyclass.demo.text import standard_library_documents
from manyclass.demo.training import Plan, train
from turns import Timing, Turns

NUM_INPUTS = 512
"""That recall is measured with."""
FACTORS = (1, 1.2, 1.5, 2, 3, 4, 8, 16)
"""Candidates, as multiples of k."""
PACKAGES = ["manyclass", "numpy"]


class Layer(NamedTuple):
    """Rows, and what they are asked with."""

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    inputs: NDArray[np.float32]


def gaussian_layer(num_classes: int, dim: int) -> Layer:
    """Return rows and inputs of independent normal numbers; biases too."""
    rng = np.random.default_rng(0)
    shapes = (num_classes, dim), num_classes, (NUM_INPUTS, dim)
    return Layer(*(rng.standard_normal(shape, np.float32) for shape in shapes))


def trained_layer(dim: int, minutes: float) -> Layer:
    """Return the demo's layer after some minutes of training, and held-out inputs."""
    corpus = build_corpus(standard_library_documents(), held_out=0.1, seed=1)
    rng = np.random.default_rng(1)
    model = create_model(corpus.counts, dim=dim, context=16, rng=rng)
    sampler = SAMPLERS["log-uniform"](corpus.counts, 1)
    trainer = Trainer(model, sampler, num_sampled=512, learning_rate=0.2)
    positions = spread_positions(corpus.held_out, NUM_INPUTS)
    train(
        trainer,
        corpus.train,
        Plan(None, minutes),
        batch=512,
        rng=rng,
        held_out_loss=lambda: model_loss(model, corpus.held_out, positions),
    )
    return Layer(model.weights, model.biases, model.inputs(corpus.held_out, positions))


def recalls(layer: Layer, k: int) -> dict[int, float]:
    """Return the share of the k best classes that are found, by the number of candidates."""
    weights, biases, inputs = layer
    quantized = mc.QuantizedTopK(weights, biases)
    expected = mc.top_k(weights, biases, inputs, k)
    result = {}
    for num_reranked in sorted({round(factor * k) for factor in FACTORS} | {2 * k + 16}):
        values, indices = quantized.top_k(inputs, k, num_reranked=num_reranked)
        found = [np.isin(best, row) for best, row in zip(expected[1], indices, strict=True)]
        for best, row, kept in zip(expected[0], values, found, strict=True):
            if not np.isin(best[kept], row).all():
                raise SystemExit("a value has not the bits that top_k gives it")
        result[num_reranked] = float(np.mean(found))
    return result


def timings(
    layer: Layer, batch: int, args: argparse.Namespace, bar: tqdm[Any]
) -> dict[str, Timing]:
    """Time both on batches of the layer's inputs."""
    weights, biases, inputs = layer
    parts = inputs[: NUM_INPUTS // batch * batch].reshape(-1, batch, inputs.shape[1])
    quantized = mc.QuantizedTopK(weights, biases)
    options = {"num_threads": args.threads}
    works = {
        "top_k": lambda b: mc.top_k(weights, biases, parts[b], args.k, **options),
        "QuantizedTopK": lambda b: quantized.top_k(parts[b], args.k, **options),
    }
    return Turns(args.rounds, args.block).time(works, len(parts), bar.update)


def plot(path: Path, recall: dict[str, dict[int, float]], ratios: dict[int, float], k: int) -> None:
    """Draw recall by candidates, and by batch how much sooner the answer is there."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, shares in recall.items():
        left.plot(list(shares), list(shares.values()), marker="o", label=name)
    left.set(xscale="log", xlabel="candidates scored exactly", ylabel=f"recall of the {k} best")
    left.xaxis.set_minor_formatter("")
    left.set_xticks(marks := list(next(iter(recall.values())))[::2], map(str, marks))
    left.legend()
    bars = right.bar([str(batch) for batch in ratios], list(ratios.values()))
    right.bar_label(bars, fmt="%.1f×")
    right.margins(y=0.1)
    right.axhline(1, color="grey", linewidth=1)
    right.set(xlabel="batch", ylabel="times as fast as top_k")
    figure.savefig(path, dpi=110)


def run(args: argparse.Namespace) -> None:
    """Measure, print, and write what is asked for."""
    gaussian = gaussian_layer(args.num_classes, args.dim)
    trained = trained_layer(args.dim, args.minutes)
    kinds = {"Gaussian": gaussian, "trained": trained}
    recall = {
        f"{name}, {len(layer.weights):,} × {args.dim}": recalls(layer, args.k)
        for name, layer in kinds.items()
    }
    others = OtherLoad()
    with tqdm(total=len(args.batches) * args.rounds * 2, leave=False) as bar:
        times = {batch: timings(gaussian, batch, args, bar) for batch in args.batches}
    busy = others.share()
    ratios = {batch: t["top_k"].median / t["QuantizedTopK"].median for batch, t in times.items()}

    candidates = list(next(iter(recall.values())))
    print(f"| candidates | {' | '.join(map(str, candidates))} |")
    print(f"| --- |{' ---: |' * len(candidates)}")
    for name, shares in recall.items():
        print(f"| {name} | {' | '.join(f'{share:.4f}' for share in shares.values())} |")
    print("\n| batch | top_k | QuantizedTopK | times as fast |\n| ---: | ---: | ---: | ---: |")
    for batch, timing in times.items():
        exact, quantized = (1e3 * timing[name].median for name in ("top_k", "QuantizedTopK"))
        print(f"| {batch} | {exact:.2f} ms | {quantized:.2f} ms | {ratios[batch]:.2f}× |")
    print(
        f"\nk = {args.k}, {NUM_INPUTS} inputs; times of {args.num_classes:,} × {args.dim} Gaussian "
        f"rows, {args.threads} threads; {summary(PACKAGES)}"
    )
    warn_if_busy(busy)
    if args.json:
        report = {
            "machine": describe(PACKAGES),
            "share_of_others": busy,
            "options": {
                key: value for key, value in vars(args).items() if key not in {"json", "png"}
            },
            "recall": recall,
            "times": {batch: {n: t._asdict() for n, t in t.items()} for batch, t in times.items()},
        }
        args.json.write_text(json.dumps(report, indent=1), "utf-8")
    if args.png:
        plot(args.png, recall, ratios, args.k)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-classes", type=int, default=10**6)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 64, 256])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--block", type=float, default=1.0, help="seconds of a turn")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--png", type=Path)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
