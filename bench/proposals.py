"""Bias and variance of the sampled softmax's gradient, by proposal and correction.

One documented case with a known answer: a layer of 2,000 classes whose biases follow Zipf's law and
whose rows are random, a batch of 16 inputs, one label each, drawn from the layer's own softmax. The
gradient with respect to the inputs is estimated many times, with new candidates each time, and
compared with that of the exact full softmax:

* bias: the length of (mean estimate - exact gradient), relative to the length of the latter; what
  the finite number of estimates adds to it is taken off;
* deviation: the root mean square distance of an estimate from their mean, relative likewise.

The proposals: uniform; log-uniform (the classes are numbered by falling bias); unigram^0.75 and
unigram from counts that match the biases; exact, the batch's mean softmax, which nobody has in
practice. Prints Markdown tables, writes JSON and a plot.

    python bench/proposals.py [--estimates 4000] [--output bench-proposals]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

import manyclass as mc

NUM_CLASSES, DIM, BATCH = 2000, 16, 16
CANDIDATES = (8, 16, 32, 64, 128, 256, 512)
CORRECTIONS = ("all", "sampled", "none")


class Case(NamedTuple):
    """A layer and a batch, in double precision."""

    weights: np.ndarray
    biases: np.ndarray
    labels: np.ndarray
    inputs: np.ndarray
    softmax: np.ndarray

    def exact(self) -> np.ndarray:
        """Return the full softmax's gradient with respect to the inputs."""
        layer = (self.weights, self.biases, self.labels, self.inputs)
        return mc.full_softmax_loss_and_grad(*layer)[1].inputs

    def estimate(self, sampler: mc.UniformSampler, num_sampled: int, correction: str) -> np.ndarray:
        """Return one estimate of it."""
        _, gradients = mc.sampled_softmax_loss_and_grad(
            self.weights,
            self.biases,
            self.labels,
            self.inputs,
            num_sampled,
            NUM_CLASSES,
            sampler=sampler,
            log_q_correction=correction,
        )
        return gradients.inputs


def make_case(seed: int) -> Case:
    """Make the case described above."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((NUM_CLASSES, DIM))
    biases = -np.log(np.arange(NUM_CLASSES) + 2.0)
    inputs = 0.4 * rng.standard_normal((BATCH, DIM))
    logits = inputs @ weights.T + biases
    softmax = np.exp(logits - logits.max(1, keepdims=True))
    softmax /= softmax.sum(1, keepdims=True)
    labels = np.array([[rng.choice(NUM_CLASSES, p=row)] for row in softmax])
    return Case(weights, biases, labels, inputs, softmax)


def samplers(case: Case) -> dict[str, mc.UniformSampler]:
    """Return the proposals by name."""
    unigram = np.exp(case.biases)
    return {
        "uniform": mc.UniformSampler(NUM_CLASSES, seed=1),
        "log-uniform": mc.LogUniformSampler(NUM_CLASSES, seed=1),
        "unigram^0.75": mc.UnigramSampler(unigram, distortion=0.75, seed=1),
        "unigram": mc.UnigramSampler(unigram, seed=1),
        "exact": mc.AliasSampler(case.softmax.mean(0), seed=1),
    }


class Error(NamedTuple):
    """Of an estimate of the gradient, relative to the length of the exact one."""

    bias: float
    deviation: float


def measure(
    case: Case, sampler: mc.UniformSampler, num_sampled: int, correction: str, estimates: int
) -> Error:
    """Estimate the gradient many times and compare."""
    exact = case.exact()
    total, squares = np.zeros_like(exact), 0.0
    for _ in range(estimates):
        difference = case.estimate(sampler, num_sampled, correction) - exact
        total += difference
        squares += float((difference**2).sum())
    mean = total / estimates
    variance = squares / estimates - float((mean**2).sum())
    # The mean of n estimates scatters by variance / n around the true mean.
    bias_squared = max(0.0, float((mean**2).sum()) - variance / estimates)
    length = float(np.sqrt((exact**2).sum()))
    return Error(np.sqrt(bias_squared) / length, np.sqrt(variance) / length)


def print_tables(errors: dict[str, dict[str, list[Error]]]) -> None:
    """Print one table for each correction: bias / deviation, in per cent."""
    for correction, by_proposal in errors.items():
        print(f'\nlog_q_correction="{correction}": bias / deviation, % of the exact gradient\n')
        print("| proposal | " + " | ".join(map(str, CANDIDATES)) + " |")
        print("| --- |" + " ---: |" * len(CANDIDATES))
        for proposal, row in by_proposal.items():
            cells = [f"{100 * e.bias:.1f} / {100 * e.deviation:.1f}" for e in row]
            print(f"| {proposal} | " + " | ".join(cells) + " |")


def plot(errors: dict[str, dict[str, list[Error]]], path: Path) -> None:
    """Draw bias (above) and deviation (below) against the number of candidates."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        2, len(errors), figsize=(12, 7.5), sharex=True, sharey="row", layout="constrained"
    )
    # Log-uniform and unigram are almost the same distribution here: the one is drawn wide, the
    # other over it.
    styles = {"log-uniform": {"lw": 5, "alpha": 0.4}, "exact": {"color": "black", "ls": "--"}}
    for column, (correction, by_proposal) in zip(panels.T, errors.items(), strict=True):
        for axes, quantity in zip(column, Error._fields, strict=True):
            for proposal, row in by_proposal.items():
                values = [100 * getattr(error, quantity) for error in row]
                style = {"marker": "o", "ms": 4, "lw": 1.5} | styles.get(proposal, {})
                axes.loglog(CANDIDATES, values, label=proposal, **style)
            axes.grid(alpha=0.3)
            axes.yaxis.set_major_formatter("{x:g}")
        column[0].set_title(f'log_q_correction="{correction}"')
        column[1].set_xlabel("candidates")
        column[1].set_xticks(CANDIDATES, [str(n) for n in CANDIDATES])
        column[1].minorticks_off()
    for axes, quantity in zip(panels[:, 0], Error._fields, strict=True):
        axes.set_ylabel(f"{quantity}, % of the exact gradient")
    # Below a tenth of a per cent, what is measured is the finite number of estimates.
    panels[0, 0].set_ylim(0.1, 100)
    panels[1, 0].set_ylim(1, 100)
    panels[0, 0].legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estimates", type=int, default=4000, help="of each number (default 4000)")
    parser.add_argument("--output", type=Path, default=Path("bench-proposals"))
    args = parser.parse_args()
    case = make_case(seed=3)
    errors = {
        correction: {
            name: [measure(case, sampler, n, correction, args.estimates) for n in CANDIDATES]
            for name, sampler in samplers(case).items()
        }
        for correction in CORRECTIONS
    }
    print_tables(errors)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "proposals.json").write_text(json.dumps(errors, indent=1), "utf-8")
    plot(errors, args.output / "proposals.png")
    print(f"\n{args.output / 'proposals.json'}, {args.output / 'proposals.png'}")


if __name__ == "__main__":
    main()
