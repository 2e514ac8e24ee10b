"""Compiled functions of manyclass.jax: computed without Python, in any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import manyclass as mc
import manyclass.jax as mj
from agreement import assert_same_bits
from child_process import run_child
from random_problems import make_problem

PROBLEM = make_problem(1, num_classes=40, dim=7, batch=8)
ARRAYS = tuple(map(jnp.asarray, PROBLEM))
SHAPE = (12, 40)
LOSSES: dict[str, Callable[..., Any]] = {
    "manyclass_sampled_loss": lambda *a: mj.sampled_softmax_loss(*a, *SHAPE, seed=1),
    "manyclass_sampled_loss_and_rows": lambda *a: mj.nce_loss_and_grad(*a, *SHAPE, seed=1),
    "manyclass_full_softmax_loss": mj.full_softmax_loss,
    "manyclass_full_softmax_gradients": jax.grad(lambda *a: mj.full_softmax_loss(*a).sum()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_xla_calls_the_core(name: str) -> None:
    text = jax.jit(LOSSES[name]).lower(*ARRAYS).as_text()
    assert f"@{name}(" in text
    assert "callback" not in text


def test_subnormal_numbers_are_no_zeros() -> None:
    tiny = PROBLEM._replace(weights=PROBLEM.weights * np.float32(1e-40))
    weights, biases, labels, inputs = map(jnp.asarray, tiny)

    def loss(inputs: Any) -> Any:
        return mj.full_softmax_loss(weights, biases, labels, inputs).sum()

    expected = mc.full_softmax_loss_and_grad(*tiny)[1].inputs
    assert np.any((expected != 0) & (np.abs(expected) < np.finfo(np.float32).tiny))
    assert_same_bits(np.asarray(jax.jit(jax.grad(loss))(inputs)), expected)


def test_threads_that_call_one_function_agree() -> None:
    compiled = jax.jit(lambda key: mj.sampled_softmax_loss(*ARRAYS, *SHAPE, seed=key))
    keys = jax.random.split(jax.random.key(0), 25)
    expected = [np.asarray(compiled(key)) for key in keys]
    results: list[Any] = []

    def run() -> None:
        results.extend((k, np.asarray(compiled(key))) for k, key in enumerate(keys))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 100
    for k, losses in results:
        assert_same_bits(losses, expected[k])


MIXED = """
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import manyclass.jax as mj
narrow = {"weights": jnp.ones((40, 7), "float32"), "biases": jnp.ones(40, "float32")}
narrow |= {"labels": jnp.zeros((8, 1), "int32"), "inputs": jnp.ones((8, 7), "float32")}
rest = {"num_sampled": 12, "num_classes": 40, "seed": 1}
def refused(loss, **changes):
    try:
        loss(**narrow | changes)
    except TypeError as error:
        print(error)
wide = jnp.ones((8, 7), "float64")
refused(mj.full_softmax_loss, inputs=wide)
refused(mj.sampled_softmax_loss, inputs=wide, **rest)
refused(mj.nce_loss, biases=jnp.ones(40, "float64"), **rest)
refused(mj.sampled_softmax_loss, label_weights=jnp.ones((8, 1), "float64"), **rest)
refused(mj.full_softmax_loss, label_weights=jnp.ones((8, 1), "float64"))
refused(mj.nce_loss_and_grad, grad_loss=jnp.ones(8, "float64"), **rest)
"""


def test_dtypes_that_do_not_go_together_are_refused_when_traced() -> None:
    done = run_child(MIXED)
    assert done.returncode == 0, done.stderr
    names = [line.split(" has dtype ")[0] for line in done.stdout.splitlines()]
    assert names == ["weights", "weights", "biases", *["label_weights"] * 2, "grad_loss"]


EXPORTED = """
import sys
import jax, jax.numpy as jnp
import numpy as np
import manyclass as mc
import manyclass.jax as mj
sampler = mc.UniformSampler(40, seed=1)
arrays = np.load(sys.argv[1] + "/arrays.npz")
arrays = [jnp.asarray(arrays[name]) for name in ("weights", "biases", "labels", "inputs")]
check = jax.export.DisabledSafetyCheck.custom_call("manyclass_sampled_loss")
for name, options in {"seed": {}, "sampler": {"sampler": sampler}}.items():
    loss = jax.jit(lambda *a: mj.sampled_softmax_loss(*a, 12, 40, seed=3, **options))
    exported = jax.export.export(loss, disabled_checks=[check])(*arrays)
    assert (exported.call(*arrays) == loss(*arrays)).all()
    with open(f"{sys.argv[1]}/{name}", "wb") as file:
        file.write(exported.serialize())
"""


def test_a_function_of_another_process_draws_by_no_sampler_of_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", **PROBLEM._asdict())
    done = run_child(EXPORTED, str(tmp_path))
    assert done.returncode == 0, done.stderr
    fresh, held = (
        jax.export.deserialize(bytearray((tmp_path / name).read_bytes()))
        for name in ("seed", "sampler")
    )
    expected = mc.sampled_softmax_loss(*PROBLEM, *SHAPE, seed=3)
    assert_same_bits(np.asarray(fresh.call(*ARRAYS)), expected)
    with pytest.raises(
        (jax.errors.JaxRuntimeError, ValueError), match="of the process that made it"
    ):
        jax.block_until_ready(held.call(*ARRAYS))
