"""Instruction sets: which one is in use, and that all of them give the same answers."""

from __future__ import annotations

import numpy as np
import pytest

import manyclass as mc
from child_process import run_child

TARGETS = mc.show_config()["targets"]
KNOWN = (
    "x86-64-v4-bf16",
    "x86-64-v4",
    "x86-64-v3",
    "x86-64-v2",
    "x86-64-v4-amx",
    "generic",
    "reference",
)

# Prints the losses, gradients and updates of a few steps as one line of numbers.
STEPS = """
import numpy as np
import manyclass as mc
rng = np.random.default_rng(0)
print(mc.show_config()["target"])
for dtype in (np.float32, np.float64):
    weights = rng.standard_normal((500, 37)).astype(dtype)
    biases, inputs = rng.standard_normal(500).astype(dtype), weights[:70] / 3
    labels = rng.integers(0, 500, (70, 2))
    sampler = mc.LogUniformSampler(500, seed=1)
    adagrad = mc.Adagrad(0.1)
    for function in (mc.sampled_softmax_loss_and_grad, mc.nce_loss_and_grad):
        loss, gradients = function(weights, biases, labels, inputs, 101, 500, 2, sampler=sampler)
        adagrad.apply(weights, gradients.weights)
        mc.SGD(0.1).apply(biases, gradients.biases)
    full = mc.full_softmax_loss(weights, biases, labels, inputs, 2)
    ranks = mc.label_ranks(weights, biases, labels, inputs, 2)
    for array in (loss, gradients.inputs, weights, biases, full, ranks, sampler.draw(50)):
        print(*(float(x).hex() for x in np.asarray(array, float).ravel()))
"""


def test_the_best_is_chosen() -> None:
    assert TARGETS[-1] == "reference"
    assert list(TARGETS) == [name for name in KNOWN if name in TARGETS]
    for environment in ({}, {"MANYCLASS_TARGET": ""}):
        child = run_child("import manyclass as m; print(m.show_config()['target'])", **environment)
        assert child.stdout.split() == [TARGETS[0]], child.stderr


def results_on(target: str) -> list[np.ndarray]:
    """The numbers that the steps print where `target` is forced."""
    child = run_child(STEPS, MANYCLASS_TARGET=target)
    name, *lines = child.stdout.splitlines()
    assert name == target, child.stderr
    return [np.array([float.fromhex(word) for word in line.split()]) for line in lines]


@pytest.mark.parametrize("target", TARGETS[:-1])
def test_a_forced_target_runs_and_agrees_with_the_reference(target: str) -> None:
    results, expected = results_on(target), results_on("reference")
    assert len(results) == len(expected) == 14
    for place, (result, reference) in enumerate(zip(results, expected, strict=True)):
        error = np.abs(result - reference).max() / np.abs(reference).max()
        exact = place % 7 >= 5  # ranks and candidates
        assert error <= (0 if exact else 1e-12 if place >= 7 else 2e-6)


@pytest.mark.parametrize("name", ["x86-64-v5", "X86-64-V3", "x86-64", "reference ", "avx2"])
def test_an_unknown_name_is_an_error_at_import(name: str) -> None:
    child = run_child("import manyclass", MANYCLASS_TARGET=name)
    assert child.returncode != 0
    last = child.stderr.splitlines()[-1]
    expected = f'MANYCLASS_TARGET is "{name}"; this machine runs {", ".join(TARGETS)}'
    assert last.endswith(expected), child.stderr
    assert last.startswith(("ImportError", "ValueError")), child.stderr


def test_the_name_of_another_machine_is_an_error_at_import() -> None:
    for name in set(KNOWN) - set(TARGETS):
        child = run_child("import manyclass", MANYCLASS_TARGET=name)
        assert child.returncode != 0
        assert f'MANYCLASS_TARGET is "{name}"' in child.stderr
