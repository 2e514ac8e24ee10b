"""The learning curve as a picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from manyclass.demo.evaluation import Scores
from manyclass.demo.training import History


def plot_learning_curve(path: Path, history: History, scores: Scores) -> None:
    """Draw the loss against the tokens trained on, beside the baselines, as a PNG.

    Parameters
    ----------
    path : Path
        Where to write it.
    history : History
        Gives the curve.
    scores : Scores
        Gives the baselines, and the model's last held-out loss.
    """
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(
        [point.tokens / 1e6 for point in history.training],
        [point.loss for point in history.training],
        color="tab:blue",
        linewidth=1.2,
        label="training, loss of the sampled softmax (not the full loss)",
    )
    axes.plot(
        [point.tokens / 1e6 for point in history.held_out],
        [point.loss for point in history.held_out],
        color="tab:orange",
        marker="o",
        markersize=4,
        label="held out, full softmax, a few tokens",
    )
    axes.plot(
        history.tokens / 1e6,
        math.log(scores.perplexity),
        color="tab:red",
        marker="*",
        markersize=11,
        linestyle="none",
        label=f"held out, full softmax: perplexity {scores.perplexity:.1f}",
    )
    for name, perplexity, style in (
        ("unigram", scores.unigram_perplexity, ":"),
        ("Kneser-Ney bigram", scores.bigram_perplexity, "--"),
    ):
        axes.axhline(
            math.log(perplexity),
            color="0.35",
            linewidth=1.0,
            linestyle=style,
            label=f"held out, {name}: perplexity {perplexity:.1f}",
        )
    axes.set_xlabel("tokens trained on (millions)")
    axes.set_ylabel("loss (nats per token)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    if history.seconds > 0.0:
        seconds_per_million = 1e6 / history.tokens_per_second

        def to_seconds(millions: npt.ArrayLike) -> npt.NDArray[np.float64]:
            return np.multiply(millions, seconds_per_million)

        def to_millions(seconds: npt.ArrayLike) -> npt.NDArray[np.float64]:
            return np.divide(seconds, seconds_per_million)

        above = axes.secondary_xaxis("top", functions=(to_seconds, to_millions))
        above.set_xlabel("seconds of training")
    figure.savefig(path, dpi=120)
