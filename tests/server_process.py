"""The C++ server of examples/server as a child process, and a client of it.

MANYCLASS_SERVER names its binary, which is built against an installed library: `.ci/run` does both.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest

import manyclass as mc

BINARY = os.environ.get("MANYCLASS_SERVER", "")
needs_server = pytest.mark.skipif(
    not BINARY, reason="MANYCLASS_SERVER does not name the binary of examples/server"
)
LONG = 60  # seconds after which something counts as hung


class Server:
    """A running server."""

    def __init__(self, layer: Path, *options: str, port: int = 0) -> None:
        self._log = tempfile.NamedTemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [BINARY, str(layer), "--port", str(port), *options],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), self.log()
        self.port = int(line.rpartition(":")[2])

    def log(self) -> str:
        """Return what it has written to stderr."""
        return Path(self._log.name).read_text("utf-8", "replace")  # a place of its own in the file

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=LONG)

    def ask(self, body: Any) -> tuple[int, Any]:
        """Return status and answer of POST /top_k, over a connection of its own."""
        connection = self.connect()
        try:
            return ask(connection, body)
        finally:
            connection.close()

    def health(self) -> Any:
        connection = self.connect()
        connection.request("GET", "/healthz")
        health = json.loads(connection.getresponse().read())
        connection.close()
        return health

    def reload(self) -> None:
        """Send SIGHUP; return when it has been served."""
        lines = len(self.log().splitlines())
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.log().splitlines()) > lines)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Return the exit code, which is the negative signal if that killed it."""
        self.process.send_signal(how)
        return self.process.wait(LONG)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()
        self._log.close()


def run_to_its_end(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a server that shall not serve."""
    command = [BINARY, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)


def ask(connection: HTTPConnection, body: Any) -> tuple[int, Any]:
    """Return status and answer of POST /top_k; a body of bytes is sent as it is."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", "/top_k", data, {"Content-Type": "application/json"})
    with connection.getresponse() as response:
        return response.status, json.loads(response.read())


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


class Load:
    """Threads that ask, each over one connection that it keeps, until told to stop."""

    def __init__(self, port: int, bodies: list[Any]) -> None:
        self.answers: list[tuple[int, int, Any]] = []  # number of the body, status, answer
        self.broken = 0  # connections that ended without an answer
        self._port = port
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=pair) for pair in enumerate(bodies)
        ]

    def _run(self, number: int, body: Any) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=LONG)
        while not self._stop.is_set():
            self._ask_once(connection, number, body)
        connection.close()

    def _ask_once(self, connection: HTTPConnection, number: int, body: Any) -> None:
        try:
            self.answers.append((number, *ask(connection, body)))
        except (OSError, HTTPException):
            self.broken += 1
            connection.close()
            time.sleep(0.001)

    def wait_for_more(self, count: int) -> None:
        """Return when so many more answers are there."""
        wanted = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= wanted)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(LONG)
            assert not thread.is_alive()


def integer_layer(
    seed: int, num_classes: int, dim: int, dtype: Any = np.float32
) -> mc.SampledSoftmax:
    """Return a layer whose logits of whole inputs are exact in every order, and often equal."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-2, 3, (num_classes, dim)).astype(dtype)
    biases = rng.integers(-2, 3, num_classes).astype(dtype)
    return mc.SampledSoftmax(num_classes, dim, num_sampled=1, weights=weights, biases=biases)


def expected_answer(layer: mc.SampledSoftmax, body: dict[str, Any]) -> dict[str, Any]:
    """Return what the library answers to a body of several vectors, without log probabilities."""
    inputs = np.array(body["inputs"], layer.weights[0].dtype)
    excluded = None
    if "excluded" in body:
        splits = np.cumsum([0, *map(len, body["excluded"])])
        excluded = mc.RaggedLabels(np.concatenate(body["excluded"]).astype(np.int64), splits)
    tables = layer.weights, layer.biases
    values, indices = mc.top_k(
        *tables, inputs, body["k"], excluded=excluded, partition_strategy=layer.partition_strategy
    )
    return {"values": values.tolist(), "indices": indices.tolist()}
