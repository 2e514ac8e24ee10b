"""The example on WordNet, trained with products in float32 and in bfloat16: curves side by side.

Both start from the same model and see the same texts in the same order; candidates are all drawn
from the same seed. Measured is how many of 1,000 validation sentences have their synset among the
first ten. Needs WordNet: `apt-get install wordnet-base`.

    python bench/bfloat16_wordnet.py [--epochs 4] [--limit SYNSETS] [--png PATH]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from machine import summary

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import wordnet_glosses
from wordnet import read_synsets
from wordnet_split import split_synsets

COMPUTE_DTYPES = {"float32": None, "bfloat16": "bfloat16"}
WATCHED = 1000


def plot(epochs: np.ndarray, shares: dict[str, np.ndarray], path: Path) -> None:
    """Draw the shares over epochs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for (name, values), style in zip(shares.items(), ("-", "--"), strict=True):
        axes.plot(epochs, 100 * values, style, marker=".", label=name)
    axes.set_xlabel("epochs")
    axes.set_ylabel("synset among the first ten, %")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--png", type=Path)
    args = parser.parse_args()

    options = wordnet_glosses.parse([])
    split = split_synsets(read_synsets(options.folder), limit=args.limit, seed=options.seed)
    watched = split.validation.some(WATCHED)
    shares = {}
    for name, options.compute_dtype in COMPUTE_DTYPES.items():
        model = wordnet_glosses.GlossModel(split.training, options)
        curve = wordnet_glosses.train(model, watched, args.epochs, options.seed)
        shares[name] = np.array([among[2] for among in curve.shares])

    turns = len(shares["float32"])
    epochs = args.epochs * np.arange(1, turns + 1) / turns
    print("| epochs | float32 | bfloat16 |\n| ---: | ---: | ---: |")
    for epoch, plain, rounded in zip(epochs, *shares.values(), strict=True):
        print(f"| {epoch:g} | {plain:.1%} | {rounded:.1%} |")
    print(f"\n{len(model.classes):,} classes; {summary(['manyclass', 'numpy', 'sklearn'])}")
    if args.png:
        plot(epochs, shares, args.png)
        print(args.png)


if __name__ == "__main__":
    main()
