"""A layer whose weights are bfloat16: training steps, checkpoints, what it learns."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open

import manyclass as mc
from agreement import assert_same_bits
from child_process import run_child
from memory_use import resident_bytes
from optimizer_cases import OptimizerCase, each_case
from reference import cut
from test_same_bits import bits

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def step_arguments(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and labels of a step."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((33, 17)).astype(np.float32), rng.integers(0, 60, (33, 2))


def make_layer(**options: Any) -> mc.SampledSoftmax:
    """Return a layer of 60 classes with weights of bfloat16."""
    arguments: dict[str, Any] = {"num_sampled": 20, "seed": 1, "dtype": BFLOAT16, **options}
    return mc.SampledSoftmax(60, 17, **arguments)


@pytest.mark.parametrize("num_shards", [1, 3])
@pytest.mark.parametrize("compute_dtype", [None, "bfloat16"])
@each_case
def test_a_training_step_has_the_bits_of_its_parts(
    case: OptimizerCase, compute_dtype: str | None, num_shards: int
) -> None:
    def layer() -> mc.SampledSoftmax:
        whole = make_layer().weights
        weights = cut(whole, num_shards, "mod") if num_shards > 1 else whole
        biases: Any = np.zeros(60, np.float32)
        return make_layer(
            weights=weights,
            biases=cut(biases, num_shards, "mod") if num_shards > 1 else biases,
            partition_strategy="mod",
            optimizer=case.make(seed=(5, 6)),
            compute_dtype=compute_dtype,
        )

    one, parts = layer(), layer()
    for seed in range(4):
        inputs, labels = step_arguments(seed)
        loss, grad_inputs = one.train_step(inputs, labels)
        expected, gradients = parts.loss_and_grad(inputs, labels)
        assert parts.optimizer is not None
        parts.optimizer.step([(parts.weights, gradients.weights), (parts.biases, gradients.biases)])
        assert_same_bits(loss, expected)
        assert_same_bits(grad_inputs, gradients.inputs)
        assert bits([one.weights, one.biases]) == bits([parts.weights, parts.biases])


def test_a_new_layer_has_float32_rounded() -> None:
    layer, wide = make_layer(), make_layer(dtype=np.float32)
    assert layer.weights.dtype == BFLOAT16
    assert layer.biases.dtype == np.float32
    assert_same_bits(layer.weights, wide.weights.astype(BFLOAT16))
    assert_same_bits(make_layer(dtype="bfloat16").weights, layer.weights)
    assert "dtype=bfloat16" in repr(layer)
    for dtype in (np.float16, np.uint16, ml_dtypes.float8_e5m2):
        with pytest.raises(TypeError, match="it must be float32, float64 or bfloat16"):
            make_layer(dtype=dtype)
    with pytest.raises(TypeError, match=r"biases has dtype bfloat16.*float32"):
        make_layer(biases=np.zeros(60, BFLOAT16))
    inputs, labels = step_arguments(1)
    layer.optimizer = mc.SGD(0.1)
    before = bits([layer.weights, layer.biases])
    with pytest.raises(TypeError, match="inputs has dtype bfloat16"):
        layer.train_step(inputs.astype(BFLOAT16), labels)
    with pytest.raises(TypeError, match=r"weights has dtype bfloat16.*inputs of float32"):
        layer.train_step(inputs.astype(np.float64), labels)
    assert bits([layer.weights, layer.biases]) == before


def train(layer: mc.SampledSoftmax, steps: range) -> None:
    """Take steps, one for each seed."""
    for seed in steps:
        layer.train_step(*step_arguments(seed))


def all_bits(layer: mc.SampledSoftmax) -> object:
    """Return all that a step changes, but for the sampler."""
    assert layer.optimizer is not None
    state = layer.optimizer.state_dict({"weights": layer.weights, "biases": layer.biases})
    arrays = [value for value in state.values() if isinstance(value, np.ndarray)]
    return bits([layer.weights, layer.biases, arrays]), state["iterations"], state["seed"]


@pytest.mark.parametrize("num_shards", [1, 3])
@each_case
def test_training_goes_on_from_checkpoints_and_copies(
    case: OptimizerCase, num_shards: int, tmp_path: Path
) -> None:
    def layer() -> mc.SampledSoftmax:
        weights = make_layer().weights
        return make_layer(
            weights=cut(weights, num_shards, "div") if num_shards > 1 else weights,
            optimizer=case.make(seed=7),
        )

    through, stopped, restored = layer(), layer(), layer()
    train(through, range(5))
    train(stopped, range(2))
    path = tmp_path / "layer.safetensors"
    stopped.save(path)
    with safe_open(path, "numpy") as file:
        name = "weights" if num_shards == 1 else "weights.0"
        assert file.get_slice(name).get_dtype() == "BF16"
    restored.restore(path)
    twins = [
        stopped,
        restored,
        mc.SampledSoftmax.load(path),
        copy.deepcopy(stopped),
        pickle.loads(pickle.dumps(stopped)),
    ]
    for twin in twins:
        train(twin, range(2, 5))
        assert all_bits(twin) == all_bits(through)


def test_serving_from_a_map_of_the_file(tmp_path: Path) -> None:
    layer = make_layer()
    layer.save(tmp_path / "layer")
    served = mc.SampledSoftmax.load(tmp_path / "layer", mmap=True)
    assert served.weights.dtype == BFLOAT16
    assert not served.weights.flags.writeable
    assert not served.weights.flags.owndata
    assert_same_bits(served.weights, layer.weights)
    with pytest.raises(ValueError, match=r"it has bfloat16\[60, 17\].*float32\[60, 17\]"):
        make_layer(dtype=np.float32).restore(tmp_path / "layer")


def test_reading_a_checkpoint_without_ml_dtypes_says_what_is_missing(tmp_path: Path) -> None:
    make_layer().save(tmp_path / "layer")
    child = run_child(
        "import sys; sys.modules['ml_dtypes'] = None; import manyclass as m;"
        "m.SampledSoftmax.load(sys.argv[1])",
        str(tmp_path / "layer"),
    )
    assert "ImportError: tensors of bfloat16 need the package ml_dtypes" in child.stderr


@pytest.mark.parametrize("optimizer", [mc.SGD(0.5), mc.Adagrad(0.3), mc.RowwiseAdagrad(0.3)])
def test_it_learns_what_float32_learns(optimizer: Any) -> None:
    num_classes, dim = 400, 16
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((num_classes, dim)).astype(np.float32)

    def batch() -> tuple[np.ndarray, np.ndarray]:
        labels = rng.integers(0, num_classes, 64)
        return centres[labels] + rng.standard_normal((64, dim), np.float32) / 2, labels

    def layer(dtype: Any) -> mc.SampledSoftmax:
        return mc.SampledSoftmax(
            num_classes,
            dim,
            num_sampled=80,
            sampler=mc.UniformSampler(num_classes, seed=2),
            optimizer=copy.copy(optimizer),
            dtype=dtype,
            seed=3,
        )

    layers = [layer(np.float32), layer(BFLOAT16)]
    for _ in range(1500):
        examples = batch()
        for one in layers:
            one.train_step(*examples)
    held_out = [batch() for _ in range(30)]
    inputs, labels = (np.concatenate(parts) for parts in zip(*held_out, strict=True))
    losses = [
        mc.full_softmax_loss(
            one.weights.astype(np.float32), one.biases, labels[:, None], inputs
        ).mean()
        for one in layers
    ]
    assert losses[0] < 2.0  # from log(400), about 6
    assert abs(losses[1] / losses[0] - 1) < 0.02


def test_a_map_larger_than_what_is_read_stays_on_disk(tmp_path: Path) -> None:
    shape = (2_000_000, 64)  # 256 MB
    weights = np.memmap(tmp_path / "weights", BFLOAT16, "w+", shape=shape)
    biases = np.zeros(shape[0], np.float32)
    inputs = np.ones((4, 64), np.float32)
    layer = mc.SampledSoftmax(
        *shape, num_sampled=20, weights=weights, biases=biases, optimizer=mc.Adagrad(0.1), seed=1
    )
    before = resident_bytes()
    layer.train_step(inputs, np.array([5, 1_999_999, 77, 1_000_000]))
    assert resident_bytes() - before < 60e6
    assert weights[5].any()
