"""manyclass.jax refuses what it cannot use, and says what to do."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import manyclass as mc
import manyclass.jax as mj
from child_process import run_child
from random_problems import make_problem

PROBLEM = make_problem(1, num_classes=40, dim=7, batch=8)
GOOD = {
    **dict(zip(("weights", "biases", "labels", "inputs"), map(jnp.asarray, PROBLEM), strict=True)),
    "num_sampled": 12,
    "num_classes": 40,
    "seed": 1,
}
# Changes of good arguments, exception, message.
CASES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "bfloat16": (
        {"weights": GOOD["weights"].astype(jnp.bfloat16)},
        TypeError,
        "weights has dtype bfloat16; it must be float32 or float64 (weights.astype('float32')",
    ),
    "float64 without x64": (
        {"inputs": PROBLEM.inputs.astype(np.float64)},
        TypeError,
        "inputs has dtype float64, which JAX takes only after jax.config.update('jax_enable_x64'",
    ),
    "float labels": (
        {"labels": jnp.ones((8, 1))},
        TypeError,
        "labels has dtype float32; it must be int32 or int64",
    ),
    "a list": ({"inputs": [[1.0] * 7]}, TypeError, "inputs is a list; it must be an array"),
    "labels of rank 1": (
        {"labels": jnp.zeros(8, jnp.int32)},
        ValueError,
        "labels has shape [8]; it must have 2 dimensions",
    ),
    "num_true": (
        {"num_true": 2},
        ValueError,
        "labels must have shape [batch, num_true] = [8, 2], got [8, 1]",
    ),
    "num_classes": ({"num_classes": 41}, ValueError, "at most the 40 rows of weights"),
    "num_sampled": ({"num_sampled": 0}, ValueError, "num_sampled is 0; it must be at least 1"),
    "no seed": ({"seed": None}, TypeError, "seed is None; it must be a key (jax.random.key(0))"),
    "a generator": ({"seed": np.random.default_rng(1)}, TypeError, "it must be a key"),
    "keys": (
        {"seed": jax.random.split(jax.random.key(0), 3)},
        ValueError,
        "seed is an array of (3,) keys; it must be one key",
    ),
    "an unknown correction": (
        {"log_q_correction": "some"},
        ValueError,
        'log_q_correction is "some"',
    ),
    "smoothing": ({"label_smoothing": 1.5}, ValueError, "label_smoothing is 1.5"),
    "a learned sampler": (
        {"sampler": mc.LearnedUnigramSampler(40)},
        TypeError,
        "sampler is a LearnedUnigramSampler, whose candidates depend on earlier calls",
    ),
    "another sampler": (
        {"sampler": mc.UniformSampler(41)},
        ValueError,
        "num_classes is 40, sampler has 41 classes",
    ),
    "both": (
        {"sampler": mc.UniformSampler(40), "sampled_values": (1, 2, 3)},
        ValueError,
        "sampled_values and sampler are both given",
    ),
    "two sampled values": (
        {"sampled_values": (1, 2)},
        TypeError,
        "sampled_values must be a tuple of three arrays",
    ),
    "too few candidates": (
        {"sampled_values": (jnp.arange(11), jnp.ones((8, 1)), jnp.ones(11))},
        ValueError,
        "num_sampled is 12, sampled_values has 11 candidates",
    ),
    "ragged labels and num_true": (
        {"labels": mc.RaggedLabels(jnp.arange(8), jnp.arange(9)), "num_true": 2},
        ValueError,
        "num_true is 2; ragged labels have no fixed number: leave it at 1",
    ),
    "batches": (
        {"inputs": jnp.zeros((7, 7))},
        ValueError,
        "labels has 8 rows, inputs has 7; both must have one for each example",
    ),
    "numbers beyond 32 bits": (
        {"labels": np.full((8, 1), 2**32)},
        ValueError,
        "labels holds 4294967296, which JAX takes only after",
    ),
}
# What only the running function can see.
LATE: dict[str, tuple[dict[str, Any], str]] = {
    "a label": (
        {"labels": jnp.full((8, 1), 40)},
        "labels[0, 0] is 40, outside [0, 40)",
    ),
    "dims": ({"inputs": jnp.zeros((8, 6))}, "inputs has shape [8, 6], weights has dim 7"),
    "many": ({"num_sampled": 41}, "num_sampled is 41"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_when_traced(case: str) -> None:
    changes, exception, message = CASES[case]
    with pytest.raises(exception, match=re.escape(message)):
        mj.sampled_softmax_loss(**GOOD | changes)


@pytest.mark.parametrize("case", LATE)
@pytest.mark.parametrize("loss", [mj.sampled_softmax_loss, mj.nce_loss_and_grad])
def test_bad_values_are_refused_when_it_runs(case: str, loss: Any) -> None:
    changes, message = LATE[case]
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match=re.escape(message)):
        jax.block_until_ready(loss(**GOOD | changes))


def test_another_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from manyclass.jax import _arguments

    monkeypatch.setattr(_arguments, "_platforms", lambda _: {"gpu"})
    with pytest.raises(ValueError, match=r"weights is on gpu; .* jax.device_put\(weights"):
        mj.full_softmax_loss(*(GOOD[name] for name in ("weights", "biases", "labels", "inputs")))


def test_without_jax_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['jax'] = None; import manyclass.jax"
    done = run_child(code)
    assert done.returncode == 1
    assert "manyclass.jax needs JAX: python -m pip install 'manyclass[jax]'" in done.stderr


def test_manyclass_alone_imports_no_framework() -> None:
    code = (
        "import sys, manyclass; print({'jax', 'tensorflow', 'keras', 'torch'} & set(sys.modules))"
    )
    assert run_child(code).stdout == "set()\n"
