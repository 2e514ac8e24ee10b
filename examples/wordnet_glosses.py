"""Find the synset that a text is about, out of WordNet's 117,659: extreme classification.

WordNet is Debian's package wordnet-base (`apt-get install wordnet-base`; nothing is downloaded
here). A synset is a class. Trained on are two kinds of text, as bags of words by TF-IDF: each word
of a synset, and its words with its definition. `manyclass.SampledSoftmaxClassifier` is then asked

- which synset a quoted sentence of a gloss is an example of. No sentence is trained on. Most have
  a word of their synset in them: this measures finding the word that matters, and its sense.
- what a new synset is akin to, by its definition. Nothing of these synsets is trained on. Right are
  its hypernyms, their other hyponyms, and its own hyponyms.

Ctrl-C ends training early; the rest follows all the same.

    python -m pip install '.[examples]'
    python examples/wordnet_glosses.py [--epochs 4] [--limit SYNSETS] [--compare] [--png PATH]
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sklearn
from matplotlib.figure import Figure
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors
from tqdm import tqdm

import manyclass as mc
from wordnet import DEFAULT_FOLDER, Synset, WordNetError, read_synsets
from wordnet_peers import compare_fasttext, compare_sgd
from wordnet_scores import Scores, chance, print_scores, score
from wordnet_split import Examples, Labels, Split, relatives, split_synsets

_TOP = 10
_CURVE_SENTENCES = 1000
_CALLS_AN_EPOCH = 4
_SHOWN = 4
_NEAREST_MIB = 256

# One example for a class is what this is about; scikit-learn takes it for a mistake.
warnings.filterwarnings("ignore", message="The number of unique classes is greater")


class GlossModel:
    """Ranks synsets by how a text's words score them.

    Parameters
    ----------
    training : Examples
        Gives the vocabulary and the classes.
    args : argparse.Namespace
        The options `dim`, `candidates`, `batch`, `learning_rate`, `weight_decay`,
        `compute_dtype` and `seed`.
    """

    def __init__(self, training: Examples, args: argparse.Namespace) -> None:
        # Lower case, runs of letters and digits.
        self.vectorizer = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True, dtype=np.float32)
        self.features = self.vectorizer.fit_transform(training.texts)
        self.labels = training.labels
        self.classes = np.unique(training.labels)
        self.classifier = mc.SampledSoftmaxClassifier(
            hidden_dim=args.dim,
            num_sampled=args.candidates,
            sampler="uniform",
            batch_size=args.batch,
            learning_rate=args.learning_rate,
            weight_decay=args.weight_decay,
            compute_dtype=args.compute_dtype,
            random_state=args.seed,
        )

    def partial_fit(self, rows: Labels) -> None:
        """Train on some of the texts, once."""
        self.classifier.partial_fit(self.features[rows], self.labels[rows], self.classes)

    def top(self, texts: Sequence[str]) -> Labels:
        """Return the first ten synsets of each text."""
        k = min(_TOP, len(self.classes))
        labels: Labels = self.classifier.predict_top_k(self.vectorizer.transform(texts), k)[0]
        return labels


@dataclass
class Curve:
    """How many of some validation sentences have their synset among the first k, over seconds."""

    seconds: list[float] = field(default_factory=list)
    shares: list[npt.NDArray[np.float64]] = field(default_factory=list)


def train(model: GlossModel, watched: Examples, epochs: int, seed: int) -> Curve:
    """Train for so many epochs, or until Ctrl-C."""
    curve, seconds = Curve(), 0.0
    rng = np.random.default_rng(seed)
    size = len(model.labels)
    right = [{label} for label in watched.labels.tolist()]
    with tqdm(total=epochs * size, unit=" texts", unit_scale=True) as bar:
        try:
            for _ in range(epochs):
                for rows in np.array_split(rng.permutation(size), _CALLS_AN_EPOCH):
                    began = time.perf_counter()
                    model.partial_fit(rows)
                    seconds += time.perf_counter() - began
                    curve.seconds.append(seconds)
                    curve.shares.append(score(model.top(watched.texts), right))
                    bar.set_postfix_str(f"validation top 10: {curve.shares[-1][2]:.1%}")
                    bar.update(len(rows))
        except KeyboardInterrupt:
            if not curve.seconds:
                raise
            print("interrupted", file=sys.stderr)
    return curve


def nearest(glosses: Examples, texts: Sequence[str]) -> Labels:
    """Return the synsets of the ten nearest glosses, by the cosine of their TF-IDF: no training."""
    vectorizer = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True, dtype=np.float32)
    neighbors = NearestNeighbors(
        n_neighbors=min(_TOP, len(glosses.texts)), metric="cosine", algorithm="brute"
    ).fit(vectorizer.fit_transform(glosses.texts))
    with sklearn.config_context(working_memory=_NEAREST_MIB):
        rows = neighbors.kneighbors(vectorizer.transform(texts), return_distance=False)
    found: Labels = glosses.labels[rows]
    return found


def plot(path: Path, curve: Curve, baseline: npt.NDArray[np.float64]) -> None:
    """Draw the shares of validation sentences over seconds as a PNG."""
    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for k, colour, shares, share in zip(
        (10, 5, 1), ("C0", "C1", "C2"), np.array(curve.shares).T[::-1], baseline[::-1], strict=True
    ):
        axes.plot(curve.seconds, shares, marker="o", markersize=4, color=colour, label=f"top {k}")
        axes.axhline(share, color=colour, linestyle="--", label=f"top {k}, nearest gloss")
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("share of validation sentences")
    axes.set_ylim(0.0)
    axes.grid(alpha=0.3)
    figure.legend(ncols=3, loc="outside lower center")
    figure.savefig(path, dpi=120)


def describe(synsets: Sequence[Synset], split: Split, asked: Examples) -> None:
    """Print what is trained on and what is asked."""
    named = np.mean(
        [
            any(word.lower() in text.lower() for word in synsets[label].words)
            for text, label in zip(asked.texts, asked.labels, strict=True)
        ]
    )
    print(
        f"{len(split.glosses.texts):,} classes; {len(split.training.texts):,} texts to train on; "
        f"{len(split.test.texts):,} test sentences, of which {len(asked.texts):,} are asked "
        f"({named:.1%} have a word of their synset in them, as it stands); "
        f"{len(split.new.texts):,} new synsets"
    )


def show(synsets: Sequence[Synset], asked: Examples, top: Labels) -> None:
    """Print a few test sentences and the first synset found for each."""
    print("\nA few test sentences, and the first synset found:")
    some = np.arange(_SHOWN) * len(asked.texts) // _SHOWN
    for k in np.unique(some):
        mark = "right" if top[k, 0] == asked.labels[k] else "wrong"
        found = synsets[top[k, 0]]
        print(f'- "{asked.texts[k]}"\n  {mark}: {", ".join(found.words)}: {found.definition}')


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--folder", type=Path, default=DEFAULT_FOLDER, help="of WordNet's files [%(default)s]")
    add("--epochs", type=int, default=4, help="passes over the texts [%(default)s]")
    add("--limit", type=int, metavar="SYNSETS", help="use so many of them, at random [all]")
    add("--dim", type=int, default=256, help="length of a row [%(default)s]")
    add("--batch", type=int, default=512, help="texts a step [%(default)s]")
    add("--candidates", type=int, default=2048, help="classes sampled a step [%(default)s]")
    add("--learning-rate", type=float, default=0.1, help="Adagrad's [%(default)s]")
    add("--weight-decay", type=float, default=1e-4, help="of touched rows [%(default)s]")
    add("--compute-dtype", choices=["bfloat16"], help="of products, instead of float32")
    add("--ask", type=int, default=5000, help="test sentences to ask [%(default)s]")
    add("--compare", action="store_true", help="also run fastText and scikit-learn's SGDClassifier")
    add("--seed", type=int, default=1, help="of the split, the model and draws [%(default)s]")
    add("--png", type=Path, default=Path("wordnet_glosses.png"), help="[%(default)s]")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the example; give the exit code."""
    args = parse(arguments)
    try:
        synsets = read_synsets(args.folder)
        split = split_synsets(synsets, limit=args.limit, seed=args.seed)
    except (WordNetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    asked = split.test.some(args.ask)
    describe(synsets, split, asked)
    model = GlossModel(split.training, args)
    watched = split.validation.some(_CURVE_SENTENCES)
    curve = train(model, watched, args.epochs, args.seed)

    right = [{label} for label in asked.labels.tolist()]
    top = model.top(asked.texts)
    began = time.perf_counter()
    baseline = score(nearest(split.glosses, asked.texts), right)
    found_in = time.perf_counter() - began
    rows = [
        Scores("chance", chance(right, len(model.classes))),
        Scores(f"nearest gloss by TF-IDF, found in {found_in:.0f} s", baseline),
        Scores("manyclass", score(top, right), curve.seconds[-1]),
    ]
    if args.compare:
        rows += compare_fasttext(split.training, asked, args.dim)
    print_scores("the synset of a sentence", rows)

    akin = relatives(synsets, split)
    new = [k for k, those in enumerate(akin) if those]
    texts, right_ones = [split.new.texts[k] for k in new], [akin[k] for k in new]
    if new:
        rows = [
            Scores("chance", chance(right_ones, len(model.classes))),
            Scores("nearest gloss by TF-IDF", score(nearest(split.glosses, texts), right_ones)),
            Scores("manyclass", score(model.top(texts), right_ones)),
        ]
        print_scores(f"what a new synset is akin to ({len(new):,} that have relatives)", rows)
    if args.compare:
        compare_sgd(split, args)
    show(synsets, asked, top)

    right = [{label} for label in watched.labels.tolist()]
    plot(args.png, curve, score(nearest(split.glosses, watched.texts), right))
    print(f"\nThe curve over seconds is in {args.png}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
