"""What an installed wheel must pass: quick, NumPy only, no file beside this one."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import files, version

import numpy as np

import manyclass as mc


def test_version() -> None:
    assert mc.__version__ == version("manyclass")


def test_nothing_but_the_package_was_installed() -> None:
    """The C++ library has an installation of its own."""
    installed = files("manyclass")
    assert installed
    tops = {path.parts[0] for path in installed}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"manyclass"}


def test_one_loss_and_gradient() -> None:
    weights, biases = np.zeros((1000, 8), np.float32), np.zeros(1000, np.float32)
    labels, inputs = np.array([[3], [999]]), np.ones((2, 8), np.float32)
    loss, gradients = mc.sampled_softmax_loss_and_grad(
        weights, biases, labels, inputs, num_sampled=16, num_classes=1000, seed=1
    )
    assert loss.shape == (2,)
    assert np.isfinite(loss).all()
    assert {3, 999} <= set(gradients.weights.indices.tolist())
    assert gradients.weights.values.shape == (len(gradients.weights.indices), 8)
    assert gradients.inputs.tolist() == [[0.0] * 8] * 2  # all weights are zero


def test_full_loss_of_equal_classes_is_log_n() -> None:
    loss = mc.full_softmax_loss(
        np.zeros((1000, 8)), np.zeros(1000), np.array([[7]]), np.ones((1, 8))
    )
    assert abs(loss[0] - np.log(1000)) < 1e-12


def test_one_update() -> None:
    variable = np.zeros((4, 2), np.float32)
    slices = mc.IndexedSlices(np.ones((1, 2), np.float32), np.array([2]), (4, 2))
    mc.SGD(0.5).apply(variable, slices)
    assert variable.tolist() == [[0, 0], [0, 0], [-0.5, -0.5], [0, 0]]


def test_config_prints_what_a_bug_report_needs() -> None:
    child = subprocess.run(
        [sys.executable, "-W", "error", "-m", "manyclass.config"],
        check=True,
        capture_output=True,
        text=True,
    )
    printed = dict(line.split(": ", 1) for line in child.stdout.splitlines())
    assert printed["version"] == mc.__version__
    assert printed["numpy"] == np.__version__
    assert {"target", "compiler", "num_threads", "platform", "torch", "variables"} <= set(printed)


def test_show_config_prints() -> None:
    config = mc.show_config()
    assert len(dict(config)) > 0
    assert mc.__version__ in str(config)
