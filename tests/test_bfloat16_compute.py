"""compute_dtype="bfloat16": the sampled losses on operands rounded to bfloat16, on every target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bfloat16_reference
import manyclass as mc
from agreement import assert_same_bits
from child_process import run_child
from random_problems import LAYOUTS, make_problem, make_sample, problem_laid_out
from reference import Gradients, Problem, Sample
from test_same_bits import assert_same, sizes

TARGETS = mc.show_config()["targets"]
LOSSES = {
    "sampled_softmax_loss": bfloat16_reference.sampled_softmax,
    "nce_loss": bfloat16_reference.nce,
}
# Sums in another order; and a derivative near the middle of two bfloat16 may become the other one,
# which is 2^-8 of it away. That is rare: the root of the mean square hardly sees it.
MOST = 2.0**-7
MEAN = 3e-4

Result = tuple[np.ndarray, mc.Gradients]


def compute(
    name: str, problem: Problem, sample: Sample, dtype: Any = "bfloat16", **options: Any
) -> Result:
    """Return the loss and its gradients on given candidates."""
    result: Result = getattr(mc, f"{name}_and_grad")(
        *problem,
        len(sample.candidates),
        len(problem.weights),
        problem.labels.shape[1],
        sampled_values=sample,
        compute_dtype=dtype,
        **options,
    )
    return result


def dense(gradients: mc.Gradients) -> Gradients:
    """Return the arrays that the gradients stand for."""
    return Gradients(gradients.weights.to_dense(), gradients.biases.to_dense(), gradients.inputs)


def root_mean_square(array: np.ndarray) -> float:
    """Return the size of an array's entries."""
    return float(np.sqrt(np.square(array.astype(np.float64)).mean()))


def assert_close(loss: np.ndarray, gradients: Gradients, expected: Any) -> None:
    """Hold a result to the oracle's."""
    assert loss.dtype == np.float32
    largest = max(np.abs(expected[0]).max(initial=0), 1e-2)
    assert np.abs(loss - expected[0]).max(initial=0) <= 2e-6 * largest
    for name in ("weights", "biases", "inputs"):
        actual, wanted = getattr(gradients, name), getattr(expected[1], name)
        assert actual.dtype == np.float32
        assert actual.shape == wanted.shape
        if actual.size:
            error = actual - wanted
            assert np.abs(error).max() <= MOST * max(np.abs(wanted).max(), 1e-2)
            assert root_mean_square(error) <= MEAN * max(root_mean_square(wanted), 1e-3)
    scale = max(np.abs(expected[1].biases).max(), 1e-2)  # these are not rounded
    assert np.abs(gradients.biases - expected[1].biases).max() <= 2e-6 * scale


@pytest.mark.parametrize("name", LOSSES)
@settings(deadline=None)
@given(data=st.data())
def test_agrees_with_float64_on_rounded_operands(name: str, data: st.DataObject) -> None:
    draw = data.draw
    problem = make_problem(
        draw(st.integers(0, 999)),
        num_classes=draw(st.integers(60, 90)),
        dim=draw(st.integers(1, 70)),
        batch=draw(sizes(140)),
        num_true=draw(st.integers(1, 3)),
    )
    problem = problem_laid_out(problem, draw(st.sampled_from(LAYOUTS)))
    repeats = draw(st.booleans())
    sample = make_sample(1, problem, draw(st.integers(1, 60)), repeats=repeats)
    hits = draw(st.booleans())
    upstream = None
    if draw(st.booleans()):
        upstream = np.random.default_rng(2).standard_normal(len(problem.labels)).astype(np.float32)
    loss, gradients = compute(
        name, problem, sample, remove_accidental_hits=hits, grad_loss=upstream
    )
    expected = LOSSES[name](problem, sample, remove_accidental_hits=hits, grad_loss=upstream)
    assert_close(loss, dense(gradients), expected)
    function = getattr(mc, name)
    alone = function(
        *problem,
        len(sample.candidates),
        len(problem.weights),
        problem.labels.shape[1],
        sampled_values=sample,
        remove_accidental_hits=hits,
        compute_dtype="bfloat16",
    )
    assert_same_bits(alone, loss)


CHILD = """
import sys
import numpy as np
import manyclass as mc
data = np.load(sys.argv[1])
problem = [data[name] for name in ("weights", "biases", "labels", "inputs")]
sample = tuple(data[name] for name in ("candidates", "true_count", "sampled_count"))
results = {}
for name in ("sampled_softmax_loss", "nce_loss"):
    loss, gradients = getattr(mc, name + "_and_grad")(
        *problem, len(sample[0]), len(problem[0]), problem[2].shape[1], sample,
        compute_dtype="bfloat16")
    arrays = gradients.weights.to_dense(), gradients.biases.to_dense(), gradients.inputs
    for part, array in zip(("loss", "weights", "biases", "inputs"), (loss, *arrays)):
        results[name + "." + part] = array
np.savez(sys.argv[2], **results)
print(mc.show_config()["target"])
"""


@pytest.mark.parametrize("shape", [(40, 200, 37), (130, 77, 128), (1, 1, 1), (257, 300, 530)])
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_agrees(target: str, shape: tuple[int, int, int], tmp_path: Path) -> None:
    batch, num_sampled, dim = shape
    problem = make_problem(3, num_classes=400, dim=dim, batch=batch, num_true=2)
    sample = make_sample(4, problem, num_sampled)
    np.savez(tmp_path / "given.npz", allow_pickle=False, **problem._asdict(), **sample._asdict())
    paths = str(tmp_path / "given.npz"), str(tmp_path / "results.npz")
    child = run_child(CHILD, *paths, MANYCLASS_TARGET=target)
    assert child.stdout.split() == [target], child.stderr
    results = np.load(paths[1])
    for name, oracle in LOSSES.items():
        loss, *gradients = (
            results[f"{name}.{part}"] for part in ("loss", "weights", "biases", "inputs")
        )
        assert_close(loss, Gradients(*gradients), oracle(problem, sample))


@pytest.mark.parametrize("name", LOSSES)
def test_operands_are_rounded_and_only_they(name: str) -> None:
    problem = make_problem(5, num_classes=300, dim=64, batch=100)
    sample = make_sample(6, problem, 200)
    loss, gradients = compute(name, problem, sample)
    plain_loss, plain = compute(name, problem, sample, None)
    assert 1e-4 < root_mean_square(loss - plain_loss) / root_mean_square(plain_loss) < 1e-2
    for field in ("weights", "inputs"):
        actual, unrounded = getattr(dense(gradients), field), getattr(dense(plain), field)
        error = root_mean_square(actual - unrounded) / root_mean_square(unrounded)
        assert 5e-4 < error < 1e-2
    # Operands that are bfloat16 already: the loss is that of float32, but for the order of sums.
    exact = bfloat16_reference.with_rounded_operands(problem)
    exact = Problem(*(a.astype(np.float32) if a.dtype == float else a for a in exact))
    loss, _ = compute(name, exact, sample)
    plain_loss, _ = compute(name, exact, sample, None)
    np.testing.assert_allclose(loss, plain_loss, rtol=3e-6)


@pytest.mark.parametrize("name", LOSSES)
@settings(deadline=None, max_examples=20)
@given(batch=sizes(300), num_sampled=st.integers(1, 300), dim=st.integers(1, 200))
def test_same_bits_at_every_number_of_threads(
    name: str, batch: int, num_sampled: int, dim: int
) -> None:
    problem = make_problem(7, num_classes=300, dim=dim, batch=batch)
    sample = make_sample(8, problem, num_sampled)
    assert_same(lambda threads: compute(name, problem, sample, num_threads=threads))


def test_same_bits_at_every_number_of_threads_in_large_steps() -> None:
    problem = make_problem(7, num_classes=5000, dim=64, batch=600)
    sample = make_sample(8, problem, 4001)  # more than are kept between the halves of a step
    assert_same(
        lambda threads: compute("sampled_softmax_loss", problem, sample, num_threads=threads)
    )


def test_the_dtype_of_ml_dtypes_means_the_same() -> None:
    problem = make_problem(9)
    sample = make_sample(10, problem, 10)
    expected, _ = compute("sampled_softmax_loss", problem, sample)
    for dtype in (ml_dtypes.bfloat16, np.dtype(ml_dtypes.bfloat16)):
        loss, _ = compute("sampled_softmax_loss", problem, sample, dtype)
        assert_same_bits(loss, expected)


@pytest.mark.parametrize("value", ["float16", "bf16", np.float32, "float64", 7, object()])
def test_another_dtype_is_refused(value: Any) -> None:
    problem = make_problem(9)
    sample = make_sample(10, problem, 10)
    with pytest.raises(ValueError, match=r"compute_dtype is .*\"bfloat16\", for float32 arrays"):
        compute("sampled_softmax_loss", problem, sample, value)
    with pytest.raises(ValueError, match="compute_dtype is"):
        mc.SampledSoftmax(20, 4, num_sampled=5, compute_dtype=value)


@pytest.mark.parametrize("name", LOSSES)
def test_float64_arrays_are_refused_and_nothing_is_drawn(name: str) -> None:
    problem = make_problem(9, dtype=np.float64)
    sampler = mc.LogUniformSampler(20, seed=1)
    before = sampler.state_dict()
    for function in (name, f"{name}_and_grad"):
        with pytest.raises(ValueError, match="float64; bfloat16 is for float32 arrays"):
            getattr(mc, function)(*problem, 5, 20, sampler=sampler, compute_dtype="bfloat16")
    assert sampler.state_dict() == before
    with pytest.raises(ValueError, match="float64; bfloat16 is for float32 arrays"):
        mc.SampledSoftmax(20, 4, num_sampled=5, dtype=np.float64, compute_dtype="bfloat16")


def numbers_around(value: float) -> list[float]:
    """Return float32 numbers beside one, of both signs."""
    middle = np.float32(value)
    near = [np.nextafter(middle, np.float32(side)) for side in (0, np.inf)]
    return [sign * float(x) for x in (*near, middle) for sign in (1, -1)]


def test_each_number_is_rounded_as_documented() -> None:
    """One input, one weight of 1: the logit is the rounded input."""
    values = np.array(
        [
            *(x for power in (-126, -3, 0, 127) for x in numbers_around(2.0**power)),
            *(x for k in range(1, 8) for x in numbers_around(1 + k / 256)),  # ties
            *numbers_around(float(ml_dtypes.finfo(ml_dtypes.bfloat16).max)),
            *numbers_around(3.3961775e38),  # the middle of the largest and infinity
            1e-39,
            0.0,
        ],
        np.float32,
    )
    weights = np.array([[1], [0]], np.float32)
    labels = np.zeros((1, 1), np.int64)
    sample = Sample(np.array([1]), np.ones(1, np.float32), np.ones(1, np.float32))
    for value in values:
        problem = Problem(weights, np.zeros(2, np.float32), labels, value.reshape(1, 1))
        loss = mc.sampled_softmax_loss(
            *problem, 1, 2, sampled_values=sample, compute_dtype="bfloat16"
        )
        logit = float(bfloat16_reference.rounded(value))
        if np.isinf(logit):
            assert not np.isfinite(loss[0]) or logit > 0
        else:
            wanted = np.logaddexp(0.0, -logit)
            assert loss[0] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 3.4e38, 1e-40])
@pytest.mark.parametrize("field", ["weights", "inputs", "biases"])
def test_special_values_end_and_stay_where_they_are(name: str, special: float, field: str) -> None:
    problem = make_problem(11, num_classes=50, dim=19, batch=20)
    array = getattr(problem, field)
    array[3 if field != "weights" else 49] = special
    labels = np.minimum(problem.labels, 48)
    problem = problem._replace(labels=labels)
    candidates = np.arange(48) if field == "weights" else np.arange(49)
    sample = Sample(
        candidates, np.ones(labels.shape, np.float32), np.ones(len(candidates), np.float32)
    )
    loss, gradients = compute(name, problem, sample)
    if field == "weights":  # of a class that is no candidate
        assert np.isfinite(loss).all()
        assert np.isfinite(gradients.weights.values).all()
    if field == "inputs":
        assert np.isfinite(np.delete(loss, 3)).all()
        assert np.isfinite(np.delete(gradients.inputs, 3, axis=0)).all()


def test_a_layer_trains_in_bfloat16() -> None:
    steps: dict[Any, np.ndarray] = {}
    for dtype in (None, "bfloat16"):
        problem = make_problem(12, num_classes=200, dim=24, batch=64)
        layer = mc.SampledSoftmax(
            200,
            24,
            num_sampled=50,
            weights=problem.weights.copy(),
            biases=problem.biases.copy(),
            optimizer=mc.Adagrad(0.1),
            compute_dtype=dtype,
            seed=5,
        )
        assert layer.compute_dtype == dtype
        sampler = mc.LogUniformSampler(200, seed=5)
        weights, biases = problem.weights.copy(), problem.biases.copy()
        loss, grad_inputs = layer.train_step(problem.inputs, problem.labels)
        wanted, gradients = mc.sampled_softmax_loss_and_grad(
            weights,
            biases,
            problem.labels,
            problem.inputs,
            50,
            200,
            sampler=sampler,
            compute_dtype=dtype,
            grad_loss=np.full(64, 1 / 64, np.float32),
        )
        mc.Adagrad(0.1).apply(weights, gradients.weights)
        assert_same_bits(loss, wanted)
        assert_same_bits(grad_inputs, gradients.inputs)
        assert_same_bits(layer.weights, weights)
        for _ in range(50):
            layer.train_step(problem.inputs, problem.labels)
        steps[dtype] = layer.full_loss(problem.inputs, problem.labels)
    assert steps[None].mean() < 2.0
    assert steps["bfloat16"].mean() == pytest.approx(float(steps[None].mean()), rel=0.02)


def test_a_saved_layer_keeps_it(tmp_path: Path) -> None:
    layer = mc.SampledSoftmax(20, 4, num_sampled=5, compute_dtype="bfloat16", seed=1)
    layer.save(tmp_path / "layer.safetensors")
    assert mc.SampledSoftmax.load(tmp_path / "layer.safetensors").compute_dtype == "bfloat16"


def test_the_oracle_rounds_as_numpy_does_by_hand() -> None:
    values = np.array([1 + 1 / 256, 1 + 3 / 256, 1.001, -(2.0**-127)], np.float32)
    assert bfloat16_reference.rounded(values).tolist() == [1.0, 1 + 4 / 256, 1.0, -0.0]
