"""Small texts for the tests of the demo."""

from __future__ import annotations

import numpy as np

from manyclass.demo.corpus import END, Corpus
from manyclass.demo.text import Document

RNG_SEED = 20


def echo_text(sentences: int) -> str:
    """Sentences whose last word repeats the first, which no bigram can know."""
    rng = np.random.default_rng(RNG_SEED)
    words = rng.integers(0, 40, sentences)
    return "".join(f"w{word} says w{word}.\n" for word in words)


def documents(count: int, *, words: int = 100) -> list[Document]:
    rng = np.random.default_rng(RNG_SEED)
    return [
        Document(f"d{k}", f"only{k} " + " ".join(f"w{w}" for w in rng.zipf(1.5, words) % 50))
        for k in range(count)
    ]


def segments(corpus: Corpus, stream: np.ndarray) -> list[list[str]]:
    end = corpus.vocabulary.index(END)
    parts = np.split(stream, np.flatnonzero(stream == end))
    return [[corpus.vocabulary[k] for k in part[1:]] for part in parts if len(part) > 1]
