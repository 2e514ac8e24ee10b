"""What the trained model is worth: held-out loss, accuracy and nearest tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

import manyclass
from manyclass.demo.corpus import Corpus
from manyclass.demo.model import Ids, Model
from manyclass.demo.ngrams import BigramModel, UnigramModel

_BLOCK = 4096

# Tokens that are rarer than this many others have hardly been trained.
_NEIGHBOUR_CLASSES = 10_000


@dataclass(frozen=True)
class Scores:
    """Held-out scores of the model and the baselines, all on the same tokens.

    Attributes
    ----------
    tokens : int
        How many tokens they are means over.
    unknown_share : float
        How many of these are of the unknown class.
    """

    tokens: int
    unknown_share: float
    perplexity: float
    unigram_perplexity: float
    bigram_perplexity: float
    top_1: float
    top_10: float


def spread_positions(stream: Ids, most: int) -> npt.NDArray[np.int64]:
    """Choose at most so many tokens of a stream, evenly spread; never its first, which is given."""
    available = len(stream) - 1
    return 1 + np.arange(min(most, available)) * available // min(most, available)


def model_loss(model: Model, stream: Ids, positions: npt.NDArray[np.int64]) -> float:
    """Give the mean full softmax loss of the tokens at `positions`."""
    total = 0.0
    for block in _blocks(positions):
        labels = stream[block, None].astype(np.int64)
        inputs = model.inputs(stream, block)
        total += float(
            manyclass.full_softmax_loss(model.weights, model.biases, labels, inputs).sum(
                dtype=np.float64
            )
        )
    return total / len(positions)


def score(model: Model, corpus: Corpus, positions: npt.NDArray[np.int64]) -> Scores:
    """Score the model, a unigram and a bigram on the held-out tokens at `positions`."""
    stream = corpus.held_out
    labels = stream[positions]
    unigram = UnigramModel(corpus.counts).loss(labels)
    bigram = BigramModel(corpus.train, len(corpus.vocabulary)).loss(stream[positions - 1], labels)
    loss = 0.0
    top_1 = top_10 = 0
    for block in tqdm(_blocks(positions), desc="evaluate", unit=" blocks"):
        losses, ranks = manyclass.full_softmax_loss_and_ranks(
            model.weights,
            model.biases,
            stream[block, None].astype(np.int64),
            model.inputs(stream, block),
        )
        loss += float(losses.sum(dtype=np.float64))
        top_1 += int(np.count_nonzero(ranks <= 1))
        top_10 += int(np.count_nonzero(ranks <= 10))
    return Scores(
        tokens=len(positions),
        unknown_share=float(np.mean(labels == corpus.unknown)),
        perplexity=math.exp(loss / len(positions)),
        unigram_perplexity=math.exp(unigram.mean()),
        bigram_perplexity=math.exp(bigram.mean()),
        top_1=top_1 / len(positions),
        top_10=top_10 / len(positions),
    )


def nearest_tokens(
    model: Model, vocabulary: list[str], *, words: int = 6, nearest: int = 6
) -> dict[str, list[str]]:
    """Give, for a few frequent words, the tokens whose embeddings have the largest cosine."""
    rows = model.embedding[:_NEIGHBOUR_CLASSES]
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    found = {}
    for word in _words(vocabulary, words):
        cosines = unit @ unit[word]
        cosines[word] = -np.inf
        order = np.argsort(-cosines)[: min(nearest, len(rows) - 1)]
        found[vocabulary[word]] = [vocabulary[k] for k in order]
    return found


def _words(vocabulary: list[str], count: int) -> list[int]:
    """Choose words spread over the frequent classes: ranks 30, 60, 120 ... or what there is."""
    letters = [k for k, token in enumerate(vocabulary) if token.isalpha() and len(token) > 1]
    places = [min(30 * 2**k, len(letters) - 1) for k in range(count)]
    return [letters[k] for k in sorted(set(places)) if k >= 0]


def _blocks(positions: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    return [positions[k : k + _BLOCK] for k in range(0, len(positions), _BLOCK)]
