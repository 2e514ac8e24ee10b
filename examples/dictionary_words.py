"""Predict a word of a dictionary's text from the words around it, out of some 100,000 words.

The text is the Collaborative International Dictionary of English, from Debian's package dict-gcide
(`apt-get install dict-gcide`; nothing is downloaded here). The model is word2vec's CBOW: the input
of the softmax is the mean of the embeddings of the words around, five on each side; the softmax is
`manyclass.SampledSoftmax`, trained on sampled words and evaluated over all of them, exactly.

Entries are held out as a whole: a hundredth for the curve over seconds, by which settings are
chosen, and a hundredth for the table at the end. Ctrl-C ends training early; the rest follows all
the same.

    python -m pip install '.[examples]'
    python examples/dictionary_words.py [--epochs 2] [--limit ENTRIES] [--compare] [--png PATH]
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
from dictionary_corpus import UNKNOWN, Corpus, Stream, build_corpus
from dictionary_peers import compare_gensim
from dictionary_scores import print_scores, score, score_frequencies
from gcide import DEFAULT_DICTIONARY, DictionaryError, read_entries

_CURVE_POINTS = 20
_CURVE_WORDS = 2000
_SHOWN = 5

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

    def evaluate(self, stream: Stream, positions: Ids) -> tuple[Floats, Ids]:
        """Give the exact loss of each word at `positions`, and its rank among all words."""
        inputs, labels = self._inputs(self.context(stream, positions)), stream.ids[positions]
        return self.layer.full_loss(inputs, labels), self.layer.label_ranks(inputs, labels)

    def train_step(self, stream: Stream, positions: Ids) -> float:
        """Train on the words at `positions`; give their mean sampled loss before the update."""
        context = self.context(stream, positions)
        loss, grad_inputs = self.layer.train_step(self._inputs(context), stream.ids[positions])
        rows = np.repeat(grad_inputs / context.shape[1], context.shape[1], axis=0)
        slices = mc.IndexedSlices.from_rows(rows, context.ravel(), self.embedding.shape)
        self._optimizer.apply(self.embedding, slices)
        return float(loss.mean())

    def top_k(self, stream: Stream, positions: Ids, k: int) -> tuple[Floats, Ids]:
        """Give the logits of the k first words for each of `positions`, and their classes."""
        return self.layer.top_k(self._inputs(self.context(stream, positions)), k)

    def _inputs(self, context: Ids) -> Floats:
        mean: Floats = self.embedding[context].mean(axis=1)
        return mean


def evenly_spread(stream: Stream, most: int) -> Ids:
    """Choose at most so many words of a stream, evenly spread."""
    available = len(stream.positions)
    count = min(most, available)
    return stream.positions[np.arange(count) * available // count]


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
                    shown = score(model.evaluate, corpus.validation, watched).loss
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
    curve.loss.append(score(model.evaluate, corpus.validation, watched).loss)
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


def show(model: Cbow, corpus: Corpus) -> None:
    """Print the first words found for a few words of the test part."""
    print("\nA few test words in their places, and the first words found:")
    stream = corpus.test
    count = len(stream.positions)
    for position in stream.positions[(np.arange(_SHOWN) * count + count // 2) // _SHOWN]:
        context = model.context(stream, np.array([position]))[0]
        _, found = model.top_k(stream, np.array([position]), _SHOWN)
        before, after = (
            " ".join(corpus.vocabulary[k] for k in part if k < len(corpus.vocabulary))
            for part in np.split(context, 2)
        )
        words = ", ".join(corpus.vocabulary[k] for k in found[0])
        print(f"- {before} [{corpus.vocabulary[stream.ids[position]]}] {after}\n  {words}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--dictionary", type=Path, default=DEFAULT_DICTIONARY, help="[%(default)s]")
    add("--epochs", type=float, default=2.0, help="passes over the text [%(default)s]")
    add("--limit", type=int, metavar="ENTRIES", help="use the first so many entries [all]")
    add("--window", type=int, default=5, help="words on each side [%(default)s]")
    add("--dim", type=int, default=128, help="length of a row [%(default)s]")
    add("--batch", type=int, default=1024, help="words a step [%(default)s]")
    add("--candidates", type=int, default=1024, help="classes sampled a step [%(default)s]")
    add("--learning-rate", type=float, default=0.1, help="Adagrad's [%(default)s]")
    add("--compare", action="store_true", help="also run gensim's Word2Vec")
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
    labels = corpus.test.ids[corpus.test.positions]
    frequencies = score_frequencies(corpus.counts, labels)
    unknown = corpus.vocabulary.index(UNKNOWN)
    print(
        f"\n{len(corpus.vocabulary):,} classes; trained on "
        f"{len(corpus.training.positions):,} words, {args.epochs:g} times, "
        f"for {curve.seconds[-1]:.0f} s; tested on all {len(labels):,} words of other entries, "
        f"{np.mean(labels == unknown):.1%} of them {UNKNOWN}"
    )
    rows = [
        frequencies,
        score(model.evaluate, corpus.test, corpus.test.positions, curve.seconds[-1]),
    ]
    if args.compare:
        rows += compare_gensim(corpus, args)
    print_scores(rows)
    show(model, corpus)
    plot(args.png, curve, frequencies.loss)
    print(f"\nThe loss over seconds is in {args.png}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
