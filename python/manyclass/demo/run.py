"""One run of the demo: read, train, evaluate, report."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

import manyclass
from manyclass.demo.corpus import Corpus, build_corpus
from manyclass.demo.evaluation import model_loss, nearest_tokens, score, spread_positions
from manyclass.demo.model import Trainer, create_model
from manyclass.demo.plot import plot_learning_curve
from manyclass.demo.report import Results, format_table, write_json
from manyclass.demo.samplers import SAMPLERS
from manyclass.demo.settings import Settings
from manyclass.demo.text import read_documents, standard_library_documents
from manyclass.demo.timing import time_steps
from manyclass.demo.training import Plan, train

_CURVE_TOKENS = 1024


def run(settings: Settings) -> Results:
    """Train and evaluate the model, print the table and write the output files."""
    began = time.perf_counter()
    if settings.threads is not None:
        manyclass.set_num_threads(settings.threads)
    corpus = _read(settings)
    settings = _fit_to(corpus, settings)
    # Before the work, so that a folder which cannot be made does not cost it.
    settings.output.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(settings.seed)
    model = create_model(corpus.counts, dim=settings.dim, context=settings.context, rng=rng)
    sampler = SAMPLERS[settings.sampler](corpus.counts, settings.seed)
    trainer = Trainer(
        model, sampler, num_sampled=settings.candidates, learning_rate=settings.learning_rate
    )
    curve_positions = spread_positions(corpus.held_out, _CURVE_TOKENS)
    history = train(
        trainer,
        corpus.train,
        Plan(settings.epochs, settings.minutes),
        batch=settings.batch,
        rng=rng,
        held_out_loss=lambda: model_loss(model, corpus.held_out, curve_positions),
    )
    scores = score(model, corpus, spread_positions(corpus.held_out, settings.score_tokens))
    steps = time_steps(
        model,
        corpus.train,
        spread_positions(corpus.train, settings.batch),
        sampler,
        num_sampled=settings.candidates,
    )
    neighbours = nearest_tokens(model, corpus.vocabulary)
    model.save(settings.output / "weights.npz", corpus.vocabulary)
    plot_learning_curve(settings.output / "learning_curve.png", history, scores)
    seconds = time.perf_counter() - began
    results = Results(settings, corpus, history, scores, steps, neighbours, seconds)
    write_json(settings.output / "report.json", results)
    print(format_table(results))
    return results


def _read(settings: Settings) -> Corpus:
    if settings.text:
        documents = read_documents(settings.text)
    else:
        print("reading the source of Python's standard library ...")
        documents = standard_library_documents()
    corpus = build_corpus(documents, held_out=settings.held_out, seed=settings.seed)
    print(
        f"{len(corpus.train) - 1:,} training tokens, {len(corpus.held_out) - 1:,} held out, "
        f"{len(corpus.vocabulary):,} classes",
        flush=True,
    )
    return corpus


def _fit_to(corpus: Corpus, settings: Settings) -> Settings:
    """Take fewer candidates where a small text has not that many classes."""
    num_classes = len(corpus.vocabulary)
    if settings.candidates < num_classes:
        return settings
    candidates = max(1, num_classes // 2)
    print(f"{num_classes:,} classes only: {candidates:,} candidates per step")
    return replace(settings, candidates=candidates)
