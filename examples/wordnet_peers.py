"""The same questions put to fastText, and, for as many synsets as it can hold, to SGDClassifier."""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier

import manyclass as mc
from wordnet_scores import Scores, print_scores, score
from wordnet_split import Examples, Split

_TOP = 10
_LABEL = "__label__"
# Of the settings tried, the best on validation sentences.
_FASTTEXT = {"loss": "hs", "lr": 0.5, "epoch": 25}
_SGD_SYNSETS = 2000
_EPOCHS = 20


def compare_fasttext(training: Examples, asked: Examples, dim: int) -> list[Scores]:
    """Train fastText on the same texts, as bags of words; give its row, or say what is missing."""
    try:
        import fasttext
    except ImportError:
        print("\nfastText is not installed: python -m pip install '.[compare]'")
        return []
    order = np.random.default_rng(0).permutation(len(training.texts))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training.txt"
        lines = (f"{_LABEL}{training.labels[k]} {_words(training.texts[k])}\n" for k in order)
        path.write_text("".join(lines), "utf-8")
        began = time.perf_counter()
        try:
            model = fasttext.train_supervised(
                str(path), dim=dim, thread=mc.get_num_threads(), bucket=0, verbose=0, **_FASTTEXT
            )
        except RuntimeError as error:  # its losses overflow at times, by how its threads meet
            print(f"\nfastText gave up: {error}")
            return []
        seconds = time.perf_counter() - began
    labels, _ = model.predict([_words(text) for text in asked.texts], k=_TOP)
    top = np.full((len(labels), _TOP), -1)
    for row, those in zip(top, labels, strict=True):
        row[: len(those)] = [int(label.removeprefix(_LABEL)) for label in those]
    right = [{label} for label in asked.labels.tolist()]
    name = f"fastText, {', '.join(f'{key} {value}' for key, value in _FASTTEXT.items())}"
    return [Scores(name, score(top, right), seconds)]


def compare_sgd(split: Split, args: argparse.Namespace) -> None:
    """Train SGDClassifier and this package on some synsets, and print both."""
    every = TfidfVectorizer(token_pattern=r"\w+").fit(split.training.texts)
    size = len(split.glosses.texts) * len(every.vocabulary_) * 8 / 2**30
    print(
        f"\nSGDClassifier keeps a float64 for each class and word: {size:,.1f} GiB here, and makes "
        "a classifier of each class against all others. On fewer synsets, with their sentences:"
    )
    rng = np.random.default_rng(args.seed)
    chosen = rng.permutation(split.glosses.labels)[:_SGD_SYNSETS]
    training, asked = (
        examples.take(np.flatnonzero(np.isin(examples.labels, chosen)))
        for examples in (split.training, split.test)
    )
    if not asked.texts:
        print("(none of them has a test sentence)")
        return
    vectorizer = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True, dtype=np.float32)
    features = vectorizer.fit_transform(training.texts)
    questions = vectorizer.transform(asked.texts)
    right = [{label} for label in asked.labels.tolist()]
    rows = []
    began = time.perf_counter()
    sgd = SGDClassifier(
        loss="log_loss", alpha=1e-6, max_iter=_EPOCHS, tol=None, n_jobs=-1, random_state=args.seed
    ).fit(features, training.labels)
    seconds = time.perf_counter() - began
    order = np.argsort(-sgd.decision_function(questions), axis=1)[:, :_TOP]
    rows.append(Scores("SGDClassifier", score(sgd.classes_[order], right), seconds))
    began = time.perf_counter()
    ours = mc.SampledSoftmaxClassifier(
        hidden_dim=args.dim,
        num_sampled=args.candidates,
        learning_rate=args.learning_rate,
        weight_decay=args.weight_decay,
        max_iter=_EPOCHS,
        tol=None,
        random_state=args.seed,
    ).fit(features, training.labels)
    seconds = time.perf_counter() - began
    top, _ = ours.predict_top_k(questions, min(_TOP, len(ours.classes_)))
    rows.append(Scores("manyclass", score(top, right), seconds))
    title = f"{len(ours.classes_):,} synsets, {len(asked.texts):,} sentences, {_EPOCHS} epochs"
    print_scores(title, rows)


def _words(text: str) -> str:
    """Give a text as the words that the others see."""
    return " ".join(re.findall(r"\w+", text.lower()))
