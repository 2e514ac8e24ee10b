"""Checkpoints that do not fit: the message names the file, and nothing is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import manyclass as mc
from layer_cases import COUNTS, NUM_CLASSES, make_layer, sampler_state, snapshot, train
from reference import cut

KEY = "manyclass.SampledSoftmax"


def trained(**options: Any) -> mc.SampledSoftmax:
    layer = make_layer(**options)
    train(layer, range(2))
    return layer


def record_of(path: Path) -> dict[str, Any]:
    """Return the record in the header, by hand."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"][KEY])


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> None:
    """Write the file anew with its record and its tensors changed."""
    record, tensors = record_of(path), load_file(path)
    change(record, tensors)
    save_file(tensors, path, {KEY: json.dumps(record)})


def cut_off(count: int) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(path.read_bytes()[:count])


def rewritten(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Callable[[Path], None]:
    return lambda path: rewrite(path, change)


def without_metadata(path: Path) -> None:
    save_file(load_file(path), path)


def with_metadata(text: str) -> Callable[[Path], None]:
    return lambda path: save_file(load_file(path), path, {KEY: text})


def in_header(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data = path.read_bytes()
        assert data.count(old) >= 1
        path.write_bytes(data.replace(old, new.ljust(len(old)), 1))

    return change


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (cut_off(0), "has 0 bytes"),
    "seven bytes": (cut_off(7), "has 7 bytes"),
    "within the header": (cut_off(100), "says that its header ends after"),
    "within the tensors": (cut_off(-500), "it is not whole"),
    "the last byte": (cut_off(-1), "it is not whole"),
    "too long": (lambda path: path.write_bytes(path.read_bytes() + b"x"), "it is not whole"),
    "text": (lambda path: path.write_text("once upon a time there was"), "no safetensors file"),
    "header no JSON": (in_header(b'{"__metadata__"', b"{'__metadata__'"), "no header of a"),
    "header no dict": (lambda path: path.write_bytes(b"\2\0\0\0\0\0\0\0[]"), "no header of a"),
    "an unknown dtype": (in_header(b'"F32"', b'"F31"'), "no header of a safetensors file"),
    "another shape": (in_header(b"[40, 6]", b"[41, 6]"), "is said to have 960 bytes"),
    "a negative shape": (in_header(b"[40, 6]", b"[-40,6]"), "no whole numbers"),
    "a place outside": (in_header(b"[0, 960]", b"[960,0]"), "is said to have -960 bytes"),
    "foreign": (without_metadata, f'its metadata has no "{KEY}"'),
    "another version": (
        rewritten(lambda record, _: record.update(version=2)),
        "is a checkpoint of version 2; this manyclass reads 1",
    ),
    "no version": (rewritten(lambda record, _: record.pop("version")), "of version None"),
    "record no JSON": (with_metadata("{"), "has no record of a layer"),
    "record no dict": (with_metadata("[1]"), "has no record of a layer"),
    "no weights": (rewritten(lambda _, tensors: tensors.pop("weights")), "does not fit"),
    "weights of another dtype": (
        rewritten(lambda _, t: t.update(weights=t["weights"].astype(np.float64))),
        "does not fit",
    ),
    "fewer weights": (
        rewritten(lambda _, t: t.update(weights=t["weights"][:-1])),
        "does not fit",
    ),
    "shards of weights": (
        rewritten(lambda _, t: t.update({"weights.0": t.pop("weights")})),
        "does not fit",
    ),
    "state of another shape": (
        rewritten(lambda _, t: t.update({"optimizer.biases.sum_of_squares": np.ones(3, "f4")})),
        "state['biases.sum_of_squares'] has shape [3]",
    ),
    "state missing": (
        rewritten(lambda _, t: t.pop("optimizer.biases.sum_of_squares")),
        "state lacks ['biases.sum_of_squares']",
    ),
    "state too much": (
        rewritten(lambda _, t: t.update({"optimizer.biases.x": np.ones(3, "f4")})),
        "state also has ['biases.x']",
    ),
    "a sampler of other weights": (
        rewritten(lambda _, t: t.update({"sampler.weights": t["sampler.weights"][:-1]})),
        "does not fit",
    ),
    "a sampler of other classes": (
        rewritten(lambda record, _: record["sampler"].update(num_classes=3)),
        "does not fit",
    ),
    "no stream": (
        rewritten(lambda record, _: record["sampler"].update(stream=[1])),
        'state has no "stream"',
    ),
    "no sampler": (
        rewritten(lambda record, _: record.update(sampler=None)),
        "it holds no sampler",
    ),
    "no sampler's record": (
        rewritten(lambda record, _: record.pop("sampler")),
        "it lacks 'sampler'",
    ),
    "no optimizer": (
        rewritten(lambda record, _: record.update(optimizer=None)),
        "it holds no state of an optimizer",
    ),
    "an optimizer of another kind": (
        rewritten(lambda record, _: record["optimizer"].update(kind="Adam")),
        "it holds the state of Adam, the optimizer is Adagrad(",
    ),
    "steps that are none": (
        rewritten(lambda record, _: record["optimizer"].update(iterations=-1)),
        "must not be negative",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_running_layer_stays_as_it_was(
    damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "saved"

    def sampler() -> mc.Sampler:
        return mc.UnigramSampler(COUNTS, seed=1)

    trained(sampler=sampler()).save(path)
    damage(path)
    running = trained(sampler=sampler())
    train(running, range(5, 7))
    before = snapshot(running)
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        running.restore(path)
    assert str(path) in str(raised.value)
    assert snapshot(running) == before


@pytest.mark.parametrize(
    "name", [n for n in DAMAGES if not n.startswith(("no sampler", "no optimizer"))]
)
def test_nothing_is_loaded(name: str, tmp_path: Path) -> None:
    damage, _ = DAMAGES[name]
    path = tmp_path / "saved"
    trained(sampler=mc.UnigramSampler(COUNTS, seed=1)).save(path)
    damage(path)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        mc.SampledSoftmax.load(path)


@given(st.data())
def test_damage_to_the_header_is_refused_or_harmless(
    saved: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    content = bytearray(saved)
    last = 7 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, last))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    layer = make_layer(optimizer=mc.Adagrad(0.3))
    before = snapshot(layer)
    refused = None
    try:
        layer.restore(path)
    except ValueError as error:
        refused = str(error)
    if refused is not None:
        assert str(path) in refused
        assert snapshot(layer) == before
    train(layer, range(1))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "saved"
    trained().save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": mc.Adam(0.1)}, "it holds the state of Adagrad, the optimizer is Adam("),
        ({"optimizer": mc.SGD(0.1)}, "it holds the state of Adagrad, the optimizer is SGD("),
        ({"sampler": mc.UniformSampler(NUM_CLASSES)}, "state has \"sampler\" 'LogUniformSampler'"),
        ({"dtype": np.float64}, "it has float32[40, 6] as weights, the layer has float64[40, 6]"),
    ],
)
def test_a_layer_of_another_kind_stays_as_it_was(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "saved"
    trained().save(path)
    running = trained(**options)
    before = snapshot(running)
    with pytest.raises(ValueError, match=re.escape(f"{path} does not fit: ")) as raised:
        running.restore(path)
    assert message in str(raised.value)
    assert snapshot(running) == before


def test_a_layer_of_another_shape_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    trained().save(path)
    start = make_layer()
    shards = cut(start.weights, 2, "div")
    for running, message in (
        (mc.SampledSoftmax(NUM_CLASSES, 5, num_sampled=3), "the layer has float32[40, 5]"),
        (mc.SampledSoftmax(NUM_CLASSES + 1, 6, num_sampled=3), "the layer has float32[41"),
        (make_layer(weights=shards, biases=start.biases), "as weights"),
    ):
        before = snapshot(running)
        with pytest.raises(ValueError, match=re.escape(message)):
            running.restore(path)
        assert snapshot(running) == before


def test_given_sampler_and_optimizer_stay_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    trained(sampler=mc.LearnedUnigramSampler(NUM_CLASSES, seed=1)).save(path)
    sampler = mc.LearnedUnigramSampler(NUM_CLASSES, seed=2)
    before = sampler_state(sampler)
    with pytest.raises(ValueError, match="it holds the state of Adagrad, the optimizer is Adam"):
        mc.SampledSoftmax.load(path, sampler=sampler, optimizer=mc.Adam(0.1))
    assert sampler_state(sampler) == before
    optimizer = mc.Adagrad(0.1)
    with pytest.raises(ValueError, match="'LearnedUnigramSampler'"):
        mc.SampledSoftmax.load(path, sampler=mc.UniformSampler(NUM_CLASSES), optimizer=optimizer)
    assert optimizer.iterations == 0
    with pytest.raises(TypeError, match="mmap is 1"):
        mc.SampledSoftmax.load(path, mmap=1)


def test_momentum_that_was_not_saved_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    trained(optimizer=mc.SGD(0.1, momentum=0.9)).save(path)
    with pytest.raises(ValueError, match=re.escape("state also has ['biases.momentum'")):
        mc.SampledSoftmax.load(path, optimizer=mc.SGD(0.1))


def test_parts_of_a_mixture_must_be_alike(tmp_path: Path) -> None:
    def mixture(part: mc.Sampler) -> mc.Sampler:
        learned = mc.LearnedUnigramSampler(NUM_CLASSES, seed=1)
        return mc.MixtureSampler([(learned, 0.5), (part, 0.5)], seed=2)

    path = tmp_path / "saved"
    trained(sampler=mixture(mc.UniformSampler(NUM_CLASSES, seed=3))).save(path)
    running = trained(sampler=mixture(mc.LogUniformSampler(NUM_CLASSES, seed=3)))
    running.sampler.parts[0][0].sample([[3]], 2)
    before = snapshot(running)
    with pytest.raises(ValueError, match="'UniformSampler'"):
        running.restore(path)
    assert snapshot(running) == before


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mc.SampledSoftmax.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        make_layer().save(tmp_path / "none" / "a")
    with pytest.raises(IsADirectoryError):
        mc.SampledSoftmax.load(tmp_path)
