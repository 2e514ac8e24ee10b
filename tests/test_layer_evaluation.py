"""What a layer says of itself: `evaluate`, and `top_k` with its options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits
from layer_cases import BATCH, DIM, NUM_CLASSES, examples, make_layer, train
from random_problems import make_problem
from reference import cut


def ragged_labels() -> mc.RaggedLabels:
    return mc.RaggedLabels(np.array([3, 9, 9, 39, 0]), np.array([0, 2, 2, 3, 3, 4, 4, 5]))


@pytest.mark.parametrize("num_true", [1, 3])
def test_evaluate_is_the_function(num_true: int) -> None:
    layer = make_layer()
    train(layer, range(3))
    inputs, labels = examples(4, num_true=num_true)
    found = layer.evaluate(inputs, labels, k=(1, 4), num_threads=1)
    assert found == mc.evaluate(layer.weights, layer.biases, labels, inputs, num_true, k=(1, 4))
    assert found.num_examples == BATCH
    assert found.loss == float(np.mean(layer.full_loss(inputs, labels), dtype=np.float64))


def test_labels_may_be_a_vector_or_ragged() -> None:
    layer = make_layer()
    inputs, labels = examples(5)
    assert layer.evaluate(inputs, labels[:, 0]) == layer.evaluate(inputs, labels)
    assert layer.evaluate(inputs, labels[:, 0].tolist()) == layer.evaluate(inputs, labels)
    found = layer.evaluate(inputs, ragged_labels(), k=2)
    assert found.num_examples == 4
    assert list(found.recall_at_k) == [2]
    assert found == mc.evaluate(layer.weights, layer.biases, ragged_labels(), inputs, k=2)


@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_of_shards(strategy: str) -> None:
    weights, biases, labels, inputs = make_problem(
        1, num_classes=NUM_CLASSES, dim=DIM, batch=BATCH, dtype=np.float64
    )
    tables = cut(weights, 3, strategy), cut(biases, 3, strategy)
    layer = mc.SampledSoftmax(
        NUM_CLASSES,
        DIM,
        num_sampled=5,
        weights=tables[0],
        biases=tables[1],
        partition_strategy=strategy,
    )
    assert layer.evaluate(inputs, labels) == mc.evaluate(
        *tables, labels, inputs, partition_strategy=strategy
    )
    options: dict[str, Any] = {"excluded": labels, "log_probabilities": True}
    for found, wanted in zip(
        layer.top_k(inputs, 5, **options),
        mc.top_k(weights, biases, inputs, 5, **options),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("excluded", [examples(6, num_true=4)[1], ragged_labels()])
@pytest.mark.parametrize("log_probabilities", [False, True])
def test_top_k_is_the_function(excluded: Any, log_probabilities: bool) -> None:
    layer = make_layer()
    inputs, _ = examples(6)
    options = {"excluded": excluded, "log_probabilities": log_probabilities}
    found = layer.top_k(inputs, 5, **options, num_threads=1)
    expected = mc.top_k(layer.weights, layer.biases, inputs, 5, **options)
    for one, other in zip(found, expected, strict=True):
        assert_same_bits(one, other)


def test_shows_a_bar_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    layer = make_layer()
    layer.evaluate(*examples(7), progress=True)
    assert f"{BATCH}/{BATCH}" in capsys.readouterr().err


def test_bad_input_names_the_argument() -> None:
    layer = make_layer()
    inputs, labels = examples(8)
    with pytest.raises(ValueError, match="k is 0"):
        layer.evaluate(inputs, labels, k=0)
    with pytest.raises(ValueError, match="labels has shape"):
        layer.evaluate(inputs, labels[:, :, None])
    with pytest.raises(ValueError, match="excluded has 6 rows"):
        layer.top_k(inputs, 3, excluded=labels[1:])
