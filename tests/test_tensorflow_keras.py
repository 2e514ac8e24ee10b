"""The Keras layer: trains with the sampled loss, evaluates with the full one, is saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import manyclass as mc
from agreement import assert_same_bits
from manyclass.tensorflow import SampledSoftmax

NUM_CLASSES = 200


@pytest.fixture(autouse=True)
def no_global_seed() -> Iterator[None]:
    """Leave TensorFlow's global seed, which Keras sets, as it was."""
    yield
    tf.compat.v1.set_random_seed(None)


def make_model(**options: Any) -> Any:
    keras.utils.set_random_seed(1)
    words = keras.Input([1], dtype="int32")
    following = keras.Input([], dtype="int32")
    hidden = keras.layers.Flatten()(keras.layers.Embedding(NUM_CLASSES, 16)(words))
    losses = SampledSoftmax(NUM_CLASSES, 20, seed=1, name="output", **options)(hidden, following)
    model = keras.Model([words, following], losses)
    model.compile(keras.optimizers.Adam(0.05))
    return model


def rule() -> tuple[Any, Any]:
    """A word, and the one that always follows it."""
    words = np.random.default_rng(1).integers(0, NUM_CLASSES, (1024, 1)).astype(np.int32)
    return words, (3 * words[:, 0] + 1) % NUM_CLASSES


def full_loss(model: Any, words: Any, following: Any) -> Any:
    output = model.get_layer("output")
    table = model.layers[1].get_weights()[0]
    weights, biases = output.get_weights()
    return mc.full_softmax_loss(
        weights, biases, following.astype(np.int64)[:, np.newaxis], table[words[:, 0]]
    )


@pytest.mark.parametrize("sampler", ["log_uniform", "uniform", [1.0] * NUM_CLASSES])
def test_fit_lowers_the_full_loss(sampler: Any) -> None:
    model = make_model(sampler=sampler)
    words, following = rule()
    before = model.evaluate([words, following], verbose=0)
    assert before == pytest.approx(np.log(NUM_CLASSES), rel=0.01)
    history = model.fit([words, following], batch_size=64, epochs=6, verbose=0)
    after = model.evaluate([words, following], batch_size=1024, verbose=0)
    assert after < 0.1 * before
    assert after == pytest.approx(full_loss(model, words, following).mean(), rel=1e-5)
    # The candidates alone are easier to tell from the label than all classes are.
    assert history.history["loss"][0] < before


def test_predictions_are_full_losses_and_logits() -> None:
    model = make_model()
    words, following = rule()
    losses = model.predict([words, following], batch_size=1024, verbose=0)
    assert_same_bits(losses, full_loss(model, words, following))
    output = model.get_layer("output")
    inputs = np.random.default_rng(2).standard_normal((3, 5, 16)).astype(np.float32)
    weights, biases = output.get_weights()
    logits = np.asarray(output(inputs))
    np.testing.assert_allclose(logits, inputs @ weights.T + biases, atol=1e-5)
    values, classes = output.top_k(inputs[0], 4)
    np.testing.assert_array_equal(classes, np.argsort(-logits[0])[:, :4])
    np.testing.assert_allclose(values, -np.sort(-logits[0])[:, :4], atol=1e-5)


def test_a_sequence_has_a_loss_for_each_place() -> None:
    layer = SampledSoftmax(50, 8, seed=1)
    inputs = np.random.default_rng(1).standard_normal((3, 5, 16)).astype(np.float32)
    labels = np.arange(15).reshape(3, 5)
    assert layer(inputs, labels, training=True).shape == (3, 5)
    losses = np.asarray(layer(inputs, labels, training=False))
    weights, biases = layer.get_weights()
    expected = mc.full_softmax_loss(
        weights, biases, labels.reshape(-1, 1), inputs.reshape(-1, 16)
    ).reshape(3, 5)
    assert_same_bits(losses, expected)


# Keras's own, with NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("sampler", ["uniform", list(range(1, NUM_CLASSES + 1))])
def test_a_saved_model_is_the_same(tmp_path: Path, sampler: Any) -> None:
    model = make_model(sampler=sampler, log_q_correction="none", label_smoothing=0.1)
    words, following = rule()
    model.fit([words, following], batch_size=64, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    config = loaded.get_layer("output").get_config()
    assert config == model.get_layer("output").get_config()
    assert (config["sampler"], config["label_smoothing"]) == (sampler, 0.1)
    assert loaded.evaluate([words, following], verbose=0) == model.evaluate(
        [words, following], verbose=0
    )
    loaded.fit([words, following], batch_size=64, verbose=0)


# Arguments, exception, message.
BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "many": ({"num_sampled": 51}, ValueError, "num_sampled is 51; it must be at least 1 and at mo"),
    "float": ({"num_classes": 50.0}, TypeError, "num_classes is 50.0; it must be an integer"),
    "name": ({"sampler": "zipf"}, ValueError, 'sampler is "zipf"; it must be "log_uniform"'),
    "length": ({"sampler": [1.0, 2.0]}, ValueError, "sampler has 2 numbers; it must have one for"),
    "correction": ({"log_q_correction": 3}, TypeError, "log_q_correction"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case: str) -> None:
    changes, exception, message = BAD[case]
    with pytest.raises(exception, match=message):
        SampledSoftmax(**{"num_classes": 50, "num_sampled": 8} | changes)
