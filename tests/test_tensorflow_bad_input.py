"""manyclass.tensorflow refuses what it cannot use, and says what to do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import manyclass as mc
import manyclass.tensorflow as mt
from child_process import run_child
from manyclass.tensorflow import _tensors
from random_problems import make_problem

PROBLEM = make_problem(1, num_classes=40, dim=7, batch=8)
GOOD = {
    **dict(zip(("weights", "biases", "labels", "inputs"), map(tf.constant, PROBLEM), strict=True)),
    "num_sampled": 12,
    "num_classes": 40,
}
# Changes of good arguments, exception, message.
CASES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "bfloat16": (
        {"inputs": tf.cast(PROBLEM.inputs, tf.bfloat16)},
        TypeError,
        "inputs has dtype bfloat16; it must be float32 or float64 (tf.cast(inputs, tf.float32)",
    ),
    "weights": (
        {"weights": tf.cast(PROBLEM.weights, tf.float16)},
        TypeError,
        "weights has dtype float16",
    ),
    "no tensor": (
        {"weights": "table"},
        TypeError,
        "weights is a str; it must be a tf.Variable or a tensor",
    ),
    "float labels": (
        {"labels": tf.ones((8, 1))},
        TypeError,
        "labels has dtype float32; it must be int32 or int64 (tf.cast(labels, tf.int32)",
    ),
    "labels of rank 1": (
        {"labels": tf.zeros(8, tf.int64)},
        ValueError,
        "labels has shape [8]; it must have 2 dimensions",
    ),
    "num_true": (
        {"num_true": 2},
        ValueError,
        "labels must have shape [batch, num_true] = [8, 2], got [8, 1]",
    ),
    "biases of other rows": (
        {"biases": tf.zeros(39)},
        ValueError,
        "biases has 39 entries, weights has 40 rows",
    ),
    "labels of another batch": (
        {"labels": tf.zeros((7, 1), tf.int64)},
        ValueError,
        "labels has 7 rows, inputs has 8",
    ),
    "a shard of rank 1": (
        {"weights": [tf.zeros((20, 7)), tf.zeros(20)]},
        ValueError,
        "weights has shape [20]; it must have rank 2",
    ),
    "num_classes": ({"num_classes": 41}, ValueError, "at most the 40 rows of weights"),
    "num_sampled": ({"num_sampled": 1.5}, TypeError, "num_sampled is 1.5; it must be an integer"),
    "both": (
        {"sampler": mc.UniformSampler(40), "sampled_values": (1, 2, 3)},
        ValueError,
        "sampled_values and sampler are both given",
    ),
    "two sampled values": (
        {"sampled_values": (1, 2)},
        TypeError,
        "sampled_values must be a tuple of three tensors",
    ),
    "another sampler": (
        {"sampler": mc.UniformSampler(41)},
        ValueError,
        "num_classes is 40, sampler has 41 classes",
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_bad_input_is_refused(case: str, mode: str) -> None:
    changes, exception, message = CASES[case]
    arguments = GOOD | changes

    def call() -> Any:
        return mt.sampled_softmax_loss(**arguments)

    with pytest.raises(exception, match=re.escape(message)):
        (tf.function(call, autograph=False) if mode == "graph" else call)()


@pytest.mark.parametrize("loss", [mt.sampled_softmax_loss, mt.nce_loss])
def test_a_class_out_of_range_is_refused(loss: Any) -> None:
    arguments = GOOD | {"labels": tf.fill([8, 1], np.int64(40))}
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="40"):
        loss(**arguments)
    compiled = tf.function(lambda: loss(**arguments), autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="40"):
        compiled()


def test_samplers_check_when_they_are_called() -> None:
    labels = tf.constant(PROBLEM.labels)
    with pytest.raises(ValueError, match="num_sampled is 41, more than range_max 40"):
        mt.log_uniform_candidate_sampler(labels, 1, 41, True, 40)
    with pytest.raises(ValueError, match="vocab_file and unigrams: neither given"):
        mt.fixed_unigram_candidate_sampler(labels, 1, 4, True, 40)
    with pytest.raises(TypeError, match="true_classes has dtype float32"):
        mt.uniform_candidate_sampler(tf.ones((3, 1)), 1, 4, True, 40)


def test_another_device_is_refused() -> None:
    with pytest.raises(ValueError, match=r"inputs is on .*GPU:0; .* tf.identity\(inputs\)"):
        _tensors.check_device("/job:localhost/replica:0/task:0/device:GPU:0", "inputs")


def test_without_tensorflow_the_error_names_the_extra() -> None:
    done = run_child("import sys; sys.modules['tensorflow'] = None; import manyclass.tensorflow")
    assert done.returncode == 1
    wanted = "manyclass.tensorflow needs TensorFlow: python -m pip install 'manyclass[tensorflow]'"
    assert wanted in done.stderr


def test_another_backend_of_keras_is_refused() -> None:
    code = "from manyclass.tensorflow import SampledSoftmax; SampledSoftmax(10, 2)"
    done = run_child(code, KERAS_BACKEND="jax")
    assert done.returncode == 1
    assert "Keras runs on jax; this layer is for TensorFlow" in done.stderr
