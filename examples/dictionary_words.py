"""Predict a word of a dictionary's text from the words around it, out of some 100,000 words.

The text is the Collaborative International Dictionary of English, from Debian's package dict-gcide
(`apt-get install dict-gcide`; nothing is downloaded here). The model is word2vec's CBOW: the input
of the softmax is the mean of the embeddings of the words around, five on each side; the softmax is
`manyclass.SampledSoftmax`, trained on sampled words and evaluated over all of them, exactly.

Entries are held out as a whole: some for the curve over seconds, which is how settings were chosen,
others for the table at the end. Ctrl-C ends training early; the rest follows all the same.

    python -m pip install '.[examples]'
    python examples/dictionary_words.py [--epochs 3] [--limit WORDS] [--seed 1] [--png PATH]
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from tqdm import tqdm

import manyclass as mc
from dictionary_corpus import Corpus, Stream, build_corpus
from gcide import DEFAULT_DICTIONARY, DictionaryError, read_entries

_CURVE_POINTS = 20
_CURVE_WORDS = 2000
_BLOCK = 4096

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class Cbow:
    """Scores a word from the words around it: the mean of their embeddings, and a softmax layer.

    Parameters
    ----------
    counts : int64[classes]
        How often each word occurs: candidates are drawn, and biases start, by it.
    args : argparse.Namespace
        The options `dim`, `window`, `candidates`, `learning_rate` and `seed`.
    """

    def __init__(self, counts: Ids, args: argparse.Namespace) -> None:
        num_classes = len(counts)
        rng = np.random.default_rng(args.seed)
        distances = np.arange(1, args.window + 1)
        self._around = np.concatenate([-distances[::-1], distances])
        # One row more than there are words: the last stands for what is beyond an entry's ends.
        self.embedding = rng.standard_normal((num_classes + 1, args.dim), np.float32)
        self.layer = mc.SampledSoftmax(
            num_classes,
            args.dim,
            num_sampled=min(args.candidates, num_classes),
            sampler=mc.UnigramSampler(counts, distortion=0.75, seed=args.seed),
            optimizer=mc.Adagrad(args.learning_rate, initial_accumulator_value=1e-8),
            weights=np.zeros((num_classes, args.dim), np.float32),
            biases=np.log(counts / counts.sum()).astype(np.float32),
        )
        self._optimizer = mc.Adagrad(args.learning_rate, initial_accumulator_value=1e-8)

    def context(self, stream: Stream, positions: Ids) -> Ids:
        """Give the words around each position: [positions, 2 window]."""
        around: Ids = stream.ids[positions[:, None] + self._around]
        return around

    def inputs(self, stream: Stream, positions: Ids) -> Floats:
        """Give the softmax's inputs for predicting the words at `positions`."""
        mean: Floats = self.embedding[self.context(stream, positions)].mean(axis=1)
        return mean

    def train_step(self, stream: Stream, positions: Ids) -> float:
        """Train on the words at `positions`; give their mean sampled loss before the update."""
        context = self.context(stream, positions)
        inputs = self.embedding[context].mean(axis=1)
        loss, grad_inputs = self.layer.train_step(inputs, stream.ids[positions])
        rows = np.repeat(grad_inputs / context.shape[1], context.shape[1], axis=0)
        slices = mc.IndexedSlices.from_rows(rows, context.ravel(), self.embedding.shape)
        self._optimizer.apply(self.embedding, slices)
        return float(loss.mean())


@dataclass(frozen=True)
class Scores:
    """Means over some words: of the exact loss in nats, and of being among the first k."""

    loss: float
    top_1: float
    top_5: float
    top_10: float

    def row(self, name: str) -> str:
        """Give a line of the table."""
        shares = " | ".join(f"{share:.1%}" for share in (self.top_1, self.top_5, self.top_10))
        return f"| {name} | {self.loss:.3f} | {math.exp(self.loss):,.1f} | {shares} |"


def evenly_spread(stream: Stream, most: int) -> Ids:
    """Choose at most so many words of a stream, evenly spread."""
    available = len(stream.positions)
    count = min(most, available)
    return stream.positions[np.arange(count) * available // count]


def score(model: Cbow, stream: Stream, positions: Ids) -> Scores:
    """Score the model by the exact softmax over all classes."""
    losses, ranks = [], []
    for block in np.array_split(positions, math.ceil(len(positions) / _BLOCK)):
        inputs, labels = model.inputs(stream, block), stream.ids[block]
        losses.append(model.layer.full_loss(inputs, labels))
        ranks.append(model.layer.label_ranks(inputs, labels))
    return _scores(np.concatenate(losses), np.concatenate(ranks))


def score_frequencies(counts: Ids, labels: Ids) -> Scores:
    """Score the words' frequencies, whatever is around: what any model must beat."""
    # Classes are numbered by falling frequency.
    return _scores(-np.log(counts / counts.sum())[labels], labels + 1)


def _scores(losses: npt.NDArray[np.floating], ranks: Ids) -> Scores:
    return Scores(
        float(losses.mean(dtype=np.float64)), *(float((ranks <= k).mean()) for k in (1, 5, 10))
    )


@dataclass
class Curve:
    """The exact loss on a few validation words, over seconds of training."""

    seconds: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)


def train(model: Cbow, corpus: Corpus, args: argparse.Namespace) -> Curve:
    """Train for the epochs asked for, or until Ctrl-C."""
    rng = np.random.default_rng(args.seed)
    stream, watched = corpus.training, evenly_spread(corpus.validation, _CURVE_WORDS)
    curve, seconds, shown = Curve(), 0.0, 0.0
    steps = math.ceil(len(stream.positions) / args.batch)
    total = math.ceil(args.epochs * steps)
    with tqdm(total=total * args.batch, unit=" words", unit_scale=True, mininterval=0.5) as bar:
        try:
            for step in range(total):
                if step % steps == 0:
                    order = rng.permutation(stream.positions)
                if step * _CURVE_POINTS // total != (step - 1) * _CURVE_POINTS // total:
                    shown = score(model, corpus.validation, watched).loss
                    curve.seconds.append(seconds)
                    curve.loss.append(shown)
                first = step % steps * args.batch
                began = time.perf_counter()
                loss = model.train_step(stream, order[first : first + args.batch])
                seconds += time.perf_counter() - began
                bar.set_postfix_str(f"loss {loss:.2f}, validation {shown:.3f}", refresh=False)
                bar.update(args.batch)
        except KeyboardInterrupt:
            print(f"interrupted in step {step + 1} of {total}", file=sys.stderr)
    curve.seconds.append(seconds)
    curve.loss.append(score(model, corpus.validation, watched).loss)
    return curve


def plot(path: Path, curve: Curve, frequencies: float) -> None:
    """Draw the loss over seconds as a PNG."""
    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(curve.seconds, curve.loss, marker="o", markersize=4, label="CBOW, exact softmax")
    axes.axhline(frequencies, color="0.35", linestyle="--", label="frequencies of the words")
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("loss on held-out words (nats per word)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--dictionary", type=Path, default=DEFAULT_DICTIONARY, help="[%(default)s]")
    add("--epochs", type=float, default=3.0, help="passes over the text [%(default)s]")
    add("--limit", type=int, metavar="ENTRIES", help="use the first so many entries [all]")
    add("--window", type=int, default=5, help="words on each side [%(default)s]")
    add("--dim", type=int, default=128, help="length of a row [%(default)s]")
    add("--batch", type=int, default=1024, help="words a step [%(default)s]")
    add("--candidates", type=int, default=1024, help="classes sampled a step [%(default)s]")
    add("--learning-rate", type=float, default=0.1, help="Adagrad's [%(default)s]")
    add("--score-words", type=int, default=30_000, help="test words to score [%(default)s]")
    add("--seed", type=int, default=1, help="of the split, the model and draws [%(default)s]")
    add("--png", type=Path, default=Path("dictionary_words.png"), help="[%(default)s]")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the example; give the exit code."""
    args = parse(arguments)
    try:
        entries = read_entries(args.dictionary)[: args.limit]
        corpus = build_corpus(entries, padding=args.window, seed=args.seed)
    except (DictionaryError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    model = Cbow(corpus.counts, args)
    curve = train(model, corpus, args)
    positions = evenly_spread(corpus.test, args.score_words)
    labels = corpus.test.ids[positions]
    frequencies = score_frequencies(corpus.counts, labels)
    unknown = corpus.vocabulary.index("<unk>")
    print(
        f"\n{len(corpus.vocabulary):,} classes; trained on {len(corpus.training.positions):,} words "
        f"for {curve.seconds[-1]:.0f} s; tested on {len(labels):,} words of other entries, "
        f"{np.mean(labels == unknown):.1%} of them {corpus.vocabulary[unknown]}\n"
    )
    print("| | loss | perplexity | top 1 | top 5 | top 10 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    print(frequencies.row("frequencies of the words"))
    print(score(model, corpus.test, positions).row("CBOW, exact softmax"))
    plot(args.png, curve, frequencies.loss)
    print(f"\nthe loss over seconds is in {args.png}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
