"""The demo's corpus, the source of Python's standard library or a text, as windows of tokens."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from manyclass.demo.corpus import Corpus, build_corpus
from manyclass.demo.text import read_documents, standard_library_documents


class Windows(NamedTuple):
    """Some tokens of a text, and what comes before each."""

    contexts: NDArray[np.int32]
    """Shape [tokens, context]."""
    labels: NDArray[np.int32]
    """Shape [tokens]."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to train on, and how long."""
    parser.add_argument("--text", type=Path, nargs="*", default=[], help="UTF-8 files to train on")
    parser.add_argument("--steps", type=int, default=1000, help="batches to train on (%(default)s)")
    parser.add_argument("--batch", type=int, default=256, help="tokens of a step (%(default)s)")
    parser.add_argument("--candidates", type=int, default=512, help="sampled classes (%(default)s)")
    parser.add_argument("--dim", type=int, default=64, help="length of a row (%(default)s)")
    parser.add_argument("--context", type=int, default=4, help="tokens looked back (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of model and batches (%(default)s)")


def read_corpus(args: argparse.Namespace) -> Corpus:
    """Read the text and hold a hundredth out; raises `TextError`, whose message is for the user."""
    documents = read_documents(args.text) if args.text else standard_library_documents()
    corpus = build_corpus(documents, held_out=0.01, seed=args.seed)
    print(f"{len(corpus.train):,} training tokens, {len(corpus.vocabulary):,} classes", flush=True)
    return corpus


def windows(stream: NDArray[np.int32], places: NDArray[np.int64], context: int) -> Windows:
    """Return the tokens at these places, from ``context`` on, and those before each."""
    before = places[:, np.newaxis] + np.arange(-context, 0)
    return Windows(stream[before], stream[places])


def held_out_windows(corpus: Corpus, context: int, most: int = 4096) -> Windows:
    """Return tokens that were held out, evenly spread."""
    last = len(corpus.held_out) - 1
    places = np.linspace(context, last, min(most, last - context), dtype=np.int64)
    return windows(corpus.held_out, places, context)
