"""Checkpoints: training that goes on with the same bits, files that others read, serving."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import manyclass as mc
from agreement import assert_same_bits
from layer_cases import (
    NUM_CLASSES,
    each_sampler,
    examples,
    make_layer,
    snapshot,
    train,
)
from optimizer_cases import OptimizerCase, each_case, each_kind
from reference import cut


def schedule(step: int) -> float:
    return 0.3 / (1 + step)


def trained(steps: int = 3, **options: Any) -> mc.SampledSoftmax:
    layer = make_layer(**options)
    train(layer, range(steps))
    return layer


@each_case
def test_training_goes_on_with_every_optimizer(case: OptimizerCase, tmp_path: Path) -> None:
    path = tmp_path / "layer.safetensors"
    expected = trained(6, optimizer=case.make(0.2, clip_norm=0.5))
    trained(3, optimizer=case.make(0.2, clip_norm=0.5)).save(path)
    layer = mc.SampledSoftmax.load(path)
    train(layer, range(3, 6))
    assert snapshot(layer) == snapshot(expected)
    assert repr(layer.optimizer) == repr(expected.optimizer)


@each_sampler
@pytest.mark.parametrize("made", ["anew", "given"])
def test_training_goes_on_with_every_sampler(sampler: Any, made: str, tmp_path: Path) -> None:
    path = tmp_path / "layer.safetensors"
    expected = trained(6, sampler=sampler(), dtype=np.float64)
    trained(3, sampler=sampler(), dtype=np.float64).save(path)
    options = {}
    if made == "given":
        options = {"sampler": sampler()}
        options["sampler"].draw(3)
    layer = mc.SampledSoftmax.load(path, **options)
    train(layer, range(3, 6))
    assert snapshot(layer) == snapshot(expected)


def test_weights_of_an_alias_sampler_may_have_changed(tmp_path: Path) -> None:
    def changed() -> mc.SampledSoftmax:
        layer = make_layer(sampler=mc.AliasSampler(np.ones(NUM_CLASSES), seed=2))
        layer.sampler.update([3, 4], [10.0, 0.25])
        train(layer, range(2))
        return layer

    expected = changed()
    changed().save(tmp_path / "a")
    layer = mc.SampledSoftmax.load(tmp_path / "a")
    for one in (expected, layer):
        train(one, range(2, 5))
    assert snapshot(layer) == snapshot(expected)


@each_kind
def test_schedules_are_given_again(case: OptimizerCase, tmp_path: Path) -> None:
    path = tmp_path / "layer.safetensors"
    expected = trained(6, optimizer=case.make(schedule))
    trained(3, optimizer=case.make(schedule)).save(path)
    with pytest.raises(ValueError, match="its learning rate was a schedule, which is not saved"):
        mc.SampledSoftmax.load(path)
    layer = mc.SampledSoftmax.load(path, optimizer=case.make(schedule))
    train(layer, range(3, 6))
    assert snapshot(layer) == snapshot(expected)


@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_restores_into_shards_and_memory_maps(strategy: str, tmp_path: Path) -> None:
    def sharded(folder: Path) -> mc.SampledSoftmax:
        folder.mkdir()
        start = make_layer()
        maps = []
        for place, rows in enumerate(cut(start.weights, 3, strategy)):
            maps.append(np.memmap(folder / str(place), np.float32, "w+", shape=rows.shape))
            maps[-1][:] = rows
        return make_layer(
            weights=maps, partition_strategy=strategy, optimizer=mc.Adam(schedule), seed=2
        )

    path = tmp_path / "layer.safetensors"
    expected = sharded(tmp_path / "expected")
    train(expected, range(3))
    expected.save(path)
    train(expected, range(3, 6))

    layer = sharded(tmp_path / "layer")
    train(layer, range(10, 12))
    weights = layer.weights
    layer.restore(path)
    assert layer.weights is weights
    train(layer, range(3, 6))
    assert snapshot(layer) == snapshot(expected)

    again = mc.SampledSoftmax.load(path, optimizer=mc.Adam(schedule))
    assert len(again.weights) == 3
    train(again, range(3, 6))
    assert snapshot(again) == snapshot(expected)


def test_a_layer_that_only_evaluates_can_be_saved(tmp_path: Path) -> None:
    layer = make_layer(optimizer=None)
    layer.save(tmp_path / "a")
    again = mc.SampledSoftmax.load(tmp_path / "a")
    assert again.optimizer is None
    assert snapshot(again) == snapshot(layer)
    trained().save(tmp_path / "b")
    layer.restore(tmp_path / "b")  # the optimizer's state is left alone
    assert_same_bits(layer.weights, trained().weights)


def test_options_are_kept(tmp_path: Path) -> None:
    options = {
        "num_sampled": 11,
        "remove_accidental_hits": False,
        "log_q_correction": "sampled",
        "label_smoothing": 0.25,
        "partition_strategy": "mod",
    }
    make_layer(**options).save(tmp_path / "a")
    layer = mc.SampledSoftmax.load(tmp_path / "a")
    assert {name: getattr(layer, name) for name in options} == options
    make_layer(mask_repeats=True).save(str(tmp_path / "a"))
    assert mc.SampledSoftmax.load(str(tmp_path / "a")).mask_repeats


def test_the_safetensors_package_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "layer.safetensors"
    layer = trained(optimizer=mc.Adam(0.1), sampler=mc.AliasSampler(np.arange(1, NUM_CLASSES + 1)))
    layer.save(path)
    state = layer.optimizer.state_dict({"weights": layer.weights, "biases": layer.biases})
    expected = {
        "weights": layer.weights,
        "biases": layer.biases,
        "sampler.weights": layer.sampler.state_dict()["weights"],
        **{f"optimizer.{n}": value for n, value in state.items() if isinstance(value, np.ndarray)},
    }
    found = load_file(path)
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert_same_bits(array, expected[name])
    with safe_open(path, "numpy") as file:
        record = json.loads(file.metadata()["manyclass.SampledSoftmax"])
        assert_same_bits(file.get_slice("weights")[3:5], layer.weights[3:5])
    assert record["version"] == 1
    assert record["optimizer"]["iterations"] == 3
    assert tuple(record["optimizer"]["seed"]) == state["seed"]


def test_what_the_safetensors_package_writes_is_read(tmp_path: Path) -> None:
    layer = trained(optimizer=mc.RowwiseAdagrad(0.2))
    layer.save(tmp_path / "ours")
    with safe_open(tmp_path / "ours", "numpy") as file:
        save_file(load_file(tmp_path / "ours"), tmp_path / "theirs", file.metadata())
    assert snapshot(mc.SampledSoftmax.load(tmp_path / "theirs")) == snapshot(layer)


def test_every_bit_is_kept(tmp_path: Path) -> None:
    """Stretches of zeros are not written, minus zero and NaN are no zeros."""
    weights = np.zeros((50_000, 64), np.float32)
    weights[40_000:, 3] = -0.0
    weights[30_001, 5] = np.uint32(0x7FC12345).view(np.float32)
    weights = weights[::2][:, 1:]  # rows are apart
    layer = mc.SampledSoftmax(25_000, 63, num_sampled=5, weights=weights)
    layer.save(tmp_path / "a")
    again = mc.SampledSoftmax.load(tmp_path / "a")
    assert_same_bits(again.weights, np.ascontiguousarray(weights))
    assert_same_bits(load_file(tmp_path / "a")["weights"], again.weights)


def test_a_map_serves_without_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "layer.safetensors"
    layer = trained()
    layer.save(path)
    served = mc.SampledSoftmax.load(path, mmap=True)
    inputs, labels = examples(9)
    for found, expected in zip(served.top_k(inputs, 3), layer.top_k(inputs, 3), strict=True):
        assert_same_bits(found, expected)
    assert_same_bits(served.full_loss(inputs, labels), layer.full_loss(inputs, labels))
    assert served.optimizer is None
    assert served.sampler is None
    with pytest.raises(ValueError, match="the layer has no sampler"):
        served.loss(inputs, labels)
    served.optimizer, served.sampler = mc.SGD(0.1), mc.UniformSampler(NUM_CLASSES)
    with pytest.raises(ValueError, match="weights is read-only"):
        served.train_step(inputs, labels)
    with pytest.raises(ValueError, match="weights of the layer is read-only"):
        served.restore(path)
    with pytest.raises(ValueError, match="mmap leaves weights read-only"):
        mc.SampledSoftmax.load(path, mmap=True, optimizer=mc.Adagrad(0.1))
    sampler = mc.LogUniformSampler(NUM_CLASSES)
    sampled = mc.SampledSoftmax.load(path, mmap=True, sampler=sampler)
    assert sampled.sampler is sampler
    assert_same_bits(sampled.loss(inputs, labels), layer.loss(inputs, labels))
    layer.save(path)  # the map keeps the file that it is of
    assert_same_bits(served.weights, np.array(layer.weights))


def test_saving_and_serving_take_no_second_copy(tmp_path: Path) -> None:
    weights = np.ones((100_000, 64), np.float32)
    layer = mc.SampledSoftmax(100_000, 64, num_sampled=5, weights=weights)
    tracemalloc.start()
    try:
        layer.save(tmp_path / "a")
        served = mc.SampledSoftmax.load(tmp_path / "a", mmap=True)
        served.top_k(np.ones((1, 64), np.float32), 3)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < weights.nbytes / 4
    assert not served.weights.flags.owndata


def test_what_was_there_is_replaced_and_links_stay(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("something else")
    (tmp_path / "link").symlink_to("real")
    layer = trained()
    layer.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link", "real"]
    assert snapshot(mc.SampledSoftmax.load(tmp_path / "real")) == snapshot(layer)


def test_rows_never_touched_stay_without_memory_of_their_own(tmp_path: Path) -> None:
    """State comes back as tables that take memory where it is not zero."""
    layer = mc.SampledSoftmax(300_000, 16, num_sampled=5, optimizer=mc.Adagrad(0.1), seed=1)
    layer.train_step(np.ones((1, 16), np.float32), [7])
    layer.save(tmp_path / "a")
    again = mc.SampledSoftmax.load(tmp_path / "a")
    state = again.optimizer.state(again.weights)["sum_of_squares"]
    assert_same_bits(state, layer.optimizer.state(layer.weights)["sum_of_squares"])
    assert not state.flags.owndata  # a map of its own pages, as the optimizer makes them
