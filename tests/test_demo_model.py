"""The demo's model, its evaluation and its timing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from demo_text import RNG_SEED, echo_text
from manyclass.demo import model as demo_model
from manyclass.demo.corpus import Corpus, build_corpus
from manyclass.demo.evaluation import score, spread_positions
from manyclass.demo.samplers import SAMPLERS
from manyclass.demo.text import Document
from manyclass.demo.timing import time_steps


def small_corpus() -> Corpus:
    return build_corpus([Document("d", echo_text(2000))], held_out=0.1, seed=0)


def small_model(corpus: Corpus) -> demo_model.Model:
    rng = np.random.default_rng(RNG_SEED)
    model = demo_model.create_model(corpus.counts, dim=8, context=3, rng=rng)
    model.weights[:] = rng.standard_normal(model.weights.shape)
    return model


class TestModel:
    def test_inputs_weigh_each_place_of_the_context(self):
        model = small_model(small_corpus())
        stream = np.array([4, 1, 2, 3], np.int32)
        rows, places = model.embedding, model.position_weights
        wanted = [
            places[0] * rows[4] + places[1] * rows[4] + places[2] * rows[4],
            places[0] * rows[2] + places[1] * rows[1] + places[2] * rows[4],
        ]
        np.testing.assert_allclose(model.inputs(stream, np.array([1, 3])), wanted, rtol=1e-5)

    def test_a_step_of_small_rate_lowers_the_loss_of_its_batch(self):
        corpus = small_corpus()
        model = small_model(corpus)
        sampler = SAMPLERS["log-uniform"](corpus.counts, 0)
        num_sampled = len(corpus.vocabulary) - 1
        trainer = demo_model.Trainer(model, sampler, num_sampled=num_sampled, learning_rate=0.02)
        positions = spread_positions(corpus.train, 64)
        losses = [trainer.step(corpus.train, positions) for _ in range(60)]
        assert losses[-1] < 0.5 * losses[0]

    def test_scores_agree_with_a_dense_softmax(self):
        corpus = small_corpus()
        model = small_model(corpus)
        positions = spread_positions(corpus.held_out, 100)
        scores = score(model, corpus, positions)
        logits = model.inputs(corpus.held_out, positions) @ model.weights.T + model.biases
        labels = corpus.held_out[positions]
        true = logits[np.arange(100), labels]
        losses = np.log(np.exp(logits.astype(np.float64)).sum(axis=1)) - true
        ranks = 1 + (logits > true[:, None]).sum(axis=1)
        assert scores.tokens == 100
        assert scores.perplexity == pytest.approx(math.exp(losses.mean()), rel=1e-5)
        assert scores.top_1 == pytest.approx(np.mean(ranks <= 1))
        assert scores.top_10 == pytest.approx(np.mean(ranks <= 10))

    def test_timing_leaves_the_model_as_it_is(self):
        corpus = small_corpus()
        model = small_model(corpus)
        weights, biases = model.weights.copy(), model.biases.copy()
        positions = spread_positions(corpus.train, 32)
        sampler = SAMPLERS["uniform"](corpus.counts, 0)
        times = time_steps(model, corpus.train, positions, sampler, num_sampled=10)
        assert times.batch == 32
        assert min(times.sampled, times.full) > 0.0
        np.testing.assert_array_equal(model.weights, weights)
        np.testing.assert_array_equal(model.biases, biases)
