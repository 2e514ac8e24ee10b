"""The same model trained by gensim, and scored over all words by the same functions."""

from __future__ import annotations

import argparse
import time
from itertools import pairwise

import numpy as np
import numpy.typing as npt

import manyclass as mc
from dictionary_corpus import Corpus, Stream
from dictionary_scores import Ids, Scores, score

# Of the settings tried, the best on validation entries.
_NEGATIVE = 20
_ALPHA = 0.1


def compare_gensim(corpus: Corpus, args: argparse.Namespace) -> list[Scores]:
    """Train gensim's CBOW on the same words; give its row, or say what is missing.

    Trained by negative sampling, a score estimates the log of how many times as likely a word is
    as among the negative ones: with the log of their distribution added it is a logit.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError:
        print("\ngensim is not installed: python -m pip install '.[compare]'")
        return []
    num_classes = len(corpus.counts)
    began = time.perf_counter()
    model = Word2Vec(
        vector_size=args.dim,
        window=args.window,
        alpha=_ALPHA,
        negative=_NEGATIVE,
        min_count=1,
        sample=0,
        shrink_windows=False,
        workers=mc.get_num_threads(),
        seed=args.seed,
    )
    model.build_vocab_from_freq({str(k): count for k, count in enumerate(corpus.counts.tolist())})
    sentences = _sentences(corpus.training)
    epochs = max(1, round(args.epochs))
    model.train(sentences, total_examples=len(sentences), epochs=epochs)
    seconds = time.perf_counter() - began
    # From gensim's order to ours; the last row, of zeros, is the padding, which it does not have.
    order = [model.wv.key_to_index[str(k)] for k in range(num_classes)]
    weights = np.ascontiguousarray(model.syn1neg[order])
    embedding = np.vstack([model.wv.vectors[order], np.zeros((1, args.dim), np.float32)])
    proposal = corpus.counts**0.75
    biases = np.log(proposal / proposal.sum()).astype(np.float32)
    layer = mc.SampledSoftmax(num_classes, args.dim, num_sampled=1, weights=weights, biases=biases)
    distances = np.arange(1, args.window + 1)
    around = np.concatenate([-distances, distances])

    def evaluate(stream: Stream, positions: Ids) -> tuple[npt.NDArray[np.float32], Ids]:
        context = stream.ids[positions[:, None] + around]
        words = np.maximum((context < num_classes).sum(axis=1, keepdims=True), 1)
        inputs = (embedding[context].sum(axis=1) / words).astype(np.float32)
        labels = stream.ids[positions]
        return layer.full_loss(inputs, labels), layer.label_ranks(inputs, labels)

    name = f"gensim, negative sampling, {_NEGATIVE} negatives, alpha {_ALPHA}"
    return [score(evaluate, corpus.test, corpus.test.positions, seconds, name)]


def _sentences(stream: Stream) -> list[list[str]]:
    """Give the entries as lists of words, which gensim wants to be strings."""
    ends = np.flatnonzero(np.diff(stream.positions, append=len(stream.ids)) > 1) + 1
    words = stream.ids[stream.positions].astype(str).tolist()
    return [words[first:end] for first, end in pairwise([0, *ends.tolist()])]
