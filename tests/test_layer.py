"""The layer as an object: what it owns, what it borrows, what it computes, how it is copied."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits, assert_same_slices
from layer_cases import (
    BATCH,
    DIM,
    NUM_CLASSES,
    NUM_SAMPLED,
    each_sampler,
    examples,
    make_layer,
    snapshot,
    train,
)
from optimizer_cases import OptimizerCase, each_kind


def test_new_weights_are_uniform_and_of_a_seed() -> None:
    layer = mc.SampledSoftmax(20_000, 64, num_sampled=5, seed=3)
    assert layer.weights.shape == (20_000, 64)
    assert layer.weights.dtype == layer.biases.dtype == np.float32
    assert not layer.biases.any()
    scaled = layer.weights.astype(np.float64) * 8  # uniform in [-1, 1): mean 0, variance 1 / 3
    assert -1 <= scaled.min() < -0.9999
    assert 0.9999 < scaled.max() <= 1
    n = scaled.size
    assert abs(scaled.mean()) < 5 * np.sqrt(1 / (3 * n))
    assert abs((scaled**2).mean() - 1 / 3) < 5 * np.sqrt((1 / 5 - 1 / 9) / n)
    again, other = (mc.SampledSoftmax(20_000, 64, num_sampled=5, seed=s) for s in (3, 4))
    assert_same_bits(again.weights, layer.weights)
    assert not np.array_equal(other.weights, layer.weights)
    labels = np.zeros((1, 1), np.int64)
    drawn = [one.sampler.sample(labels, 5).sampled_candidates for one in (layer, again)]
    assert_same_bits(*drawn)
    double = mc.SampledSoftmax(10, 4, num_sampled=2, dtype=np.float64, seed=1)
    assert double.weights.dtype == double.biases.dtype == np.float64


def test_a_generator_may_be_the_seed() -> None:
    layers = [make_layer(seed=np.random.default_rng(5)) for _ in range(2)]
    train(layers[0], range(2))
    train(layers[1], range(2))
    assert snapshot(layers[0]) == snapshot(layers[1])


def test_what_it_computes_is_what_the_functions_compute() -> None:
    layer = make_layer(remove_accidental_hits=False, log_q_correction="sampled")
    train(layer, range(3))
    inputs, labels = examples(9, num_true=2)
    tables = (layer.weights, layer.biases, labels, inputs)
    place = layer.sampler.state_dict()
    loss = layer.loss(inputs, labels)
    layer.sampler.load_state_dict(place)
    _, gradients = layer.loss_and_grad(inputs, labels)
    layer.sampler.load_state_dict(place)
    expected_loss, expected = mc.sampled_softmax_loss_and_grad(
        *tables,
        NUM_SAMPLED,
        NUM_CLASSES,
        2,
        remove_accidental_hits=False,
        log_q_correction="sampled",
        sampler=layer.sampler,
        grad_loss=np.full(BATCH, 1 / BATCH, np.float32),
    )
    assert_same_bits(loss, expected_loss)
    assert_same_slices(gradients.weights, expected.weights)
    assert_same_slices(gradients.biases, expected.biases)
    assert_same_bits(gradients.inputs, expected.inputs)
    assert_same_bits(layer.full_loss(inputs, labels), mc.full_softmax_loss(*tables, 2))
    assert_same_bits(layer.label_ranks(inputs, labels), mc.label_ranks(*tables, 2))
    for found, wanted in zip(
        layer.top_k(inputs, 3), mc.top_k(layer.weights, layer.biases, inputs, 3), strict=True
    ):
        assert_same_bits(found, wanted)


def test_labels_may_be_a_vector() -> None:
    one, two = make_layer(), make_layer()
    inputs, labels = examples(1)
    for of_one, of_two in zip(
        one.train_step(inputs, labels), two.train_step(inputs, labels[:, 0]), strict=True
    ):
        assert_same_bits(of_one, of_two)
    assert_same_bits(one.full_loss(inputs, labels), two.full_loss(inputs, labels[::1, 0]))
    assert one.label_ranks(inputs, labels).shape == labels.shape
    assert one.label_ranks(inputs, labels[:, 0]).shape == (BATCH,)
    assert one.loss(inputs, labels[:, 0].tolist()).shape == (BATCH,)
    assert one.train_step(inputs[:0], [])[0].shape == (0,)


def test_it_learns() -> None:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((NUM_CLASSES, DIM))
    labels = rng.integers(0, NUM_CLASSES, 2000)
    inputs = (centres[labels] + 0.2 * rng.standard_normal((2000, DIM))).astype(np.float32)
    sampler = mc.UniformSampler(NUM_CLASSES, seed=2)
    layer = make_layer(num_sampled=10, sampler=sampler, optimizer=mc.Adagrad(1.0))
    start = layer.full_loss(inputs, labels).mean()
    assert abs(start - np.log(NUM_CLASSES)) < 0.5
    for first in range(0, 2000, 50):
        layer.train_step(inputs[first : first + 50], labels[first : first + 50])
    assert layer.full_loss(inputs, labels).mean() < 0.5 * start


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_sampled": 0}, ValueError, "num_sampled is 0"),
        ({"num_sampled": 2.0}, TypeError, "num_sampled is 2.0"),
        ({"weights": np.zeros((NUM_CLASSES, 3), np.float32)}, ValueError, "weights has shape"),
        ({"weights": np.zeros((3, DIM), np.float32)}, ValueError, "weights has 3 rows"),
        ({"weights": np.zeros(NUM_CLASSES, np.float32)}, ValueError, "weights has shape"),
        ({"weights": np.zeros((NUM_CLASSES, DIM), np.float16)}, TypeError, "dtype float16"),
        ({"weights": np.zeros((DIM, NUM_CLASSES), np.float32).T}, ValueError, "not contiguous"),
        ({"weights": []}, ValueError, "weights is an empty list"),
        ({"weights": 3}, TypeError, "weights is a int"),
        ({"weights": [np.zeros((5, DIM))] * 8}, ValueError, "the same array twice"),
        ({"biases": np.zeros(NUM_CLASSES)}, TypeError, "biases has dtype float64"),
        ({"biases": np.zeros(3, np.float32)}, ValueError, "biases has 3 rows"),
        ({"dtype": np.float16}, TypeError, "dtype is float16"),
        (
            {"weights": np.zeros((NUM_CLASSES, DIM)), "dtype": np.float32},
            TypeError,
            "dtype is float32, weights has float64",
        ),
        ({"sampler": mc.UniformSampler(3)}, ValueError, "sampler has 3 classes"),
        ({"sampler": 3}, TypeError, "sampler is 3"),
        ({"optimizer": "adam"}, TypeError, "optimizer is 'adam'"),
        ({"log_q_correction": "some"}, ValueError, 'log_q_correction is "some"'),
        ({"partition_strategy": "row"}, ValueError, 'partition_strategy is "row"'),
        ({"mask_repeats": True, "remove_accidental_hits": False}, ValueError, "mask_repeats is"),
        ({"label_smoothing": 1.0}, ValueError, "label_smoothing is 1; it must be at least 0"),
        ({"label_smoothing": "some"}, TypeError, "label_smoothing is 'some'"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        make_layer(**options)


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (-1, 2)])
def test_sizes_must_be_positive(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"it must be at least 1"):
        mc.SampledSoftmax(*size, num_sampled=1)


def test_sampler_and_optimizer_may_be_set_and_are_checked() -> None:
    layer = make_layer()
    layer.sampler, layer.optimizer = mc.UniformSampler(NUM_CLASSES, seed=1), None
    with pytest.raises(ValueError, match="sampler has 4 classes"):
        layer.sampler = mc.UniformSampler(4)
    with pytest.raises(TypeError, match="optimizer is 3"):
        layer.optimizer = 3
    with pytest.raises(AttributeError):
        layer.weights = np.zeros((NUM_CLASSES, DIM), np.float32)
    assert isinstance(layer.sampler, mc.UniformSampler)


def by_pickle(layer: mc.SampledSoftmax) -> mc.SampledSoftmax:
    return pickle.loads(pickle.dumps(layer))


@pytest.mark.parametrize("copied", [copy.deepcopy, by_pickle])
@each_kind
def test_copies_and_pickles_train_on_alike_and_apart(
    case: OptimizerCase, copied: Callable[[mc.SampledSoftmax], mc.SampledSoftmax]
) -> None:
    layer = make_layer(optimizer=case.make())
    train(layer, range(3))
    other = copied(layer)
    before = snapshot(layer)
    train(other, range(3, 6))
    assert snapshot(layer) == before
    train(layer, range(3, 6))
    assert snapshot(layer) == snapshot(other)


@each_sampler
def test_copies_continue_with_the_same_candidates(sampler: Any) -> None:
    layer = make_layer(sampler=sampler(), optimizer=None)
    layer.loss(*examples(1))
    other = by_pickle(layer)
    assert_same_bits(layer.loss(*examples(2)), other.loss(*examples(2)))


def test_its_repr_tells_what_it_is() -> None:
    assert repr(make_layer(optimizer=mc.SGD(0.5))) == (
        "SampledSoftmax(40, 6, num_sampled=9, sampler=LogUniformSampler, optimizer=SGD("
        "momentum=0.0, nesterov=False, weight_decay=0.0, learning_rate=0.5, clip_norm=None), "
        "dtype=float32)"
    )


@each_kind
def test_hyperparameters_make_such_an_optimizer(case: OptimizerCase) -> None:
    optimizer = case.make(0.25, clip_norm=2.0)
    again = type(optimizer)(**optimizer.hyperparameters())
    assert repr(again) == repr(optimizer)
    assert again.hyperparameters() == optimizer.hyperparameters()
