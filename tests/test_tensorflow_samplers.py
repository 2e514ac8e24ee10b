"""TensorFlow's candidate samplers by name: its candidates and expected counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import manyclass as mc
import manyclass.tensorflow as mt

LABELS = np.array([[3, 1], [0, 19], [7, 7]])
COUNTS = [float(1 + k % 5) for k in range(20)]
SAMPLERS: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "uniform": (
        mt.uniform_candidate_sampler,
        tf.random.uniform_candidate_sampler,
        mc.uniform_candidate_sampler,
        {"range_max": 20},
    ),
    "log_uniform": (
        mt.log_uniform_candidate_sampler,
        tf.random.log_uniform_candidate_sampler,
        mc.log_uniform_candidate_sampler,
        {"range_max": 20},
    ),
    "learned_unigram": (
        mt.learned_unigram_candidate_sampler,
        tf.random.learned_unigram_candidate_sampler,
        mc.learned_unigram_candidate_sampler,
        {"range_max": 20},
    ),
    "fixed_unigram": (
        mt.fixed_unigram_candidate_sampler,
        tf.random.fixed_unigram_candidate_sampler,
        mc.fixed_unigram_candidate_sampler,
        {"range_max": 20, "unigrams": COUNTS, "distortion": 0.75},
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("unique", [True, False])
def test_a_graph_has_tensorflows_candidates_run_after_run(name: str, unique: bool) -> None:
    ours, theirs, _, options = SAMPLERS[name]
    labels = tf.constant(LABELS)
    mine, other = (
        tf.function(lambda draw=draw: tuple(draw(labels, 2, 8, unique, seed=11, **options)))
        for draw in (ours, theirs)
    )
    for _ in range(4):
        values, expected = mine(), other()
        assert [v.shape for v in values] == [(8,), (3, 2), (8,)]
        np.testing.assert_array_equal(values[0], expected[0])
        np.testing.assert_allclose(values[1], expected[1], rtol=1e-6)
        np.testing.assert_allclose(values[2], expected[2], rtol=1e-6)


@pytest.mark.parametrize("name", SAMPLERS)
def test_eager_calls_are_those_of_numpy(name: str) -> None:
    ours, _, numpy_sampler, options = SAMPLERS[name]
    for labels in (tf.constant(LABELS), tf.constant(LABELS, tf.int32)):
        values = ours(labels, 2, 8, True, seed=11, **options)
        for actual, wanted in zip(
            values, numpy_sampler(LABELS, 2, 8, True, seed=11, **options), strict=True
        ):
            np.testing.assert_array_equal(actual, wanted)


def test_the_global_seed_makes_a_pair() -> None:
    try:
        tf.random.set_seed(5)
        values = mt.uniform_candidate_sampler(tf.constant(LABELS), 2, 8, True, 20, seed=11)
    finally:
        tf.compat.v1.set_random_seed(None)
    expected = mc.uniform_candidate_sampler(LABELS, 2, 8, True, 20, seed=(5, 11))
    np.testing.assert_array_equal(values[0], expected[0])


def test_without_a_seed_runs_differ() -> None:
    compiled = tf.function(
        lambda: mt.uniform_candidate_sampler(tf.constant(LABELS), 2, 20, False, 20)[0]
    )
    assert len({tuple(compiled().numpy()) for _ in range(3)}) == 3


def test_all_classes_each_once() -> None:
    compiled = tf.function(lambda: mt.all_candidate_sampler(tf.constant(LABELS), 2, 20, True))
    for values in (compiled(), mt.all_candidate_sampler(LABELS, 2, 20, True)):
        expected = tf.random.all_candidate_sampler(LABELS, 2, 20, True)
        for actual, wanted in zip(values, expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)
