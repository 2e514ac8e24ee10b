"""A save that does not come to its end leaves the old checkpoint."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from layer_cases import make_layer, snapshot, train

# Saves layers whose numbers are all n for n = 1, 2, ... and says when the first is there.
SAVE_FOR_EVER = """
import itertools, sys
import numpy as np
import manyclass as mc

weights = np.empty((20_000, 64), np.float32)
optimizer = mc.Adagrad(0.1)
layer = mc.SampledSoftmax(20_000, 64, num_sampled=5, weights=weights, optimizer=optimizer)
for n in itertools.count(1):
    weights[:] = layer.biases[:] = n
    optimizer.state(weights)["sum_of_squares"][:] = n
    optimizer.iterations = n
    layer.save(sys.argv[1])
    if n == 1:
        print("saved", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_save_leaves_an_old_or_a_new_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    delays = random.Random(1)
    seen = set()
    for _ in range(12):
        path.unlink(missing_ok=True)
        command = [sys.executable, "-c", SAVE_FOR_EVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"saved\n"
            time.sleep(delays.uniform(0.0, 0.05))
            process.kill()
        layer = mc.SampledSoftmax.load(path)
        assert layer.optimizer is not None
        state = layer.optimizer.state(layer.weights)["sum_of_squares"]
        n = layer.optimizer.iterations
        assert (layer.weights == n).all()
        assert (layer.biases == n).all()
        assert (state == n).all()
        seen.add(n)
        unfinished = [file for file in tmp_path.iterdir() if file != path]
        assert len(unfinished) <= 1
        for file in unfinished:
            assert file.name.startswith(".saved.")
            assert file.name.endswith(".tmp")
            file.unlink()
    assert len(seen) > 1 or max(seen) > 1  # more was saved than the first


@contextmanager
def old_checkpoint_stays(path: Path, error: BaseException) -> Iterator[mc.SampledSoftmax]:
    """Yield a layer that has moved on since it was saved; saving it must raise the error."""
    layer = make_layer()
    layer.save(path)
    train(layer, range(2))
    old, before = path.read_bytes(), snapshot(layer)
    with pytest.raises(type(error)) as raised:
        yield layer
    assert raised.value is error
    assert path.read_bytes() == old
    assert snapshot(layer) == before
    assert list(path.parent.iterdir()) == [path]


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
def test_the_old_checkpoint_stays_when_writing_fails(
    after: int, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header and each of the four tensors in turn is not written to its end."""
    calls = 0

    class FullDisk(FileIO):
        def write(self, data: Any) -> int:
            nonlocal calls
            calls += 1
            if calls > after:
                super().write(data[:5])
                raise error
            return super().write(data)

    with old_checkpoint_stays(tmp_path / "saved", error) as layer, monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, *_, **__: FullDisk(self, "xb"))
        layer.save(tmp_path / "saved")
    assert calls == after + 1


@pytest.mark.parametrize(("owner", "function"), [(os, "fsync"), (Path, "replace")])
def test_the_old_checkpoint_stays_when_the_end_fails(
    owner: Any, function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise FULL

    with old_checkpoint_stays(tmp_path / "saved", FULL) as layer, monkeypatch.context() as patch:
        patch.setattr(owner, function, fail)
        layer.save(tmp_path / "saved")


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(FileIO):
        def write(self, data: Any) -> int:
            return super().write(data[:100])

    layer = make_layer()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, *_, **__: Slow(self, "xb"))
        layer.save(tmp_path / "slow")
    layer.save(tmp_path / "fast")
    assert (tmp_path / "slow").read_bytes() == (tmp_path / "fast").read_bytes()


SAVE_BEYOND_LIMIT = """
import resource, sys
import manyclass as mc

path = sys.argv[1]
layer = mc.SampledSoftmax.load(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    layer.save(path)
except OSError as error:
    print(error.errno)
"""


def test_the_old_checkpoint_stays_when_the_system_refuses_to_write(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    mc.SampledSoftmax(20_000, 64, num_sampled=5, weights=np.ones((20_000, 64))).save(path)
    old = path.read_bytes()
    command = [sys.executable, "-c", SAVE_BEYOND_LIMIT, str(path)]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert output == f"{errno.EFBIG}\n"
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
