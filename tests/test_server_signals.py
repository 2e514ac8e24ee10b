"""SIGHUP swaps the layer, SIGTERM drains, SIGKILL may come at any time: no answer is ever wrong."""

from __future__ import annotations

import json
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server_process import (
    LONG,
    Load,
    Server,
    ask,
    expected_answer,
    integer_layer,
    needs_server,
    run_to_its_end,
    wait_until,
)

pytestmark = needs_server

NUM_CLASSES, DIM = 3000, 5
LAYERS = [integer_layer(seed, NUM_CLASSES, DIM) for seed in (1, 2)]
BODIES = [
    {
        "inputs": np.random.default_rng(seed).integers(-3, 4, (1 + seed % 3, DIM)).tolist(),
        "k": 3 + seed,
    }
    for seed in range(6)
]
EXPECTED = [[(200, expected_answer(layer, body)) for body in BODIES] for layer in LAYERS]


def test_a_swap_under_load_loses_no_request(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    LAYERS[0].save(path)
    with Server(path) as server, Load(server.port, BODIES) as load:
        for turn in range(1, 11):
            load.wait_for_more(60)
            LAYERS[turn % 2].save(path)
            server.reload()
            assert server.health()["times_loaded"] == 1 + turn
            for body, expected in zip(BODIES, EXPECTED[turn % 2], strict=True):
                assert server.ask(body) == expected
    assert load.broken == 0
    seen = {0: 0, 1: 0}
    for number, status, answer in load.answers:
        which = [(status, answer) == EXPECTED[layer][number] for layer in (0, 1)]
        assert sum(which) == 1
        seen[which.index(True)] += 1
    assert min(seen.values()) > 0


def test_a_new_layer_may_have_another_size(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    LAYERS[0].save(path)
    larger = integer_layer(3, 4000, DIM + 1, np.float64)
    body = {"inputs": [[1, 2, 3, 4, 5, 6]], "k": 2}
    with Server(path) as server:
        assert server.ask(body)[0] == 400
        larger.save(path)
        server.reload()
        assert server.ask(body) == (200, expected_answer(larger, body))
        assert server.ask(BODIES[0])[0] == 400


def header_of(data: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return header


def with_header(data: bytes, header: Any) -> bytes:
    """Return the same file with another header."""
    size = int.from_bytes(data[:8], "little")
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 64 + 56)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def changed(data: bytes, tensor: str, **entry: Any) -> bytes:
    header = header_of(data)
    header[tensor] |= entry
    return with_header(data, header)


def recorded(data: bytes, **change: Any) -> bytes:
    header = header_of(data)
    key = "manyclass.SampledSoftmax"
    record = json.loads(header["__metadata__"][key])
    record |= {name: value for name, value in change.items() if name in record}
    record["layer"] |= {name: value for name, value in change.items() if name in record["layer"]}
    header["__metadata__"][key] = json.dumps(record)
    return with_header(data, header)


def without(data: bytes, name: str) -> bytes:
    header = header_of(data)
    del header[name]
    return with_header(data, header)


def longer_header(data: bytes) -> bytes:
    """Return the same file with a header of a byte more."""
    end = 8 + int.from_bytes(data[:8], "little")
    return (end - 8 + 1).to_bytes(8, "little") + data[8:end] + b" " + data[end:]


HUGE = 2**63 - 1
BROKEN = {
    "empty": lambda data: b"",
    "seven bytes": lambda data: data[:7],
    "cut in the header": lambda data: data[:40],
    "cut in the weights": lambda data: data[:-1],
    "a byte more": lambda data: data + b"x",
    "noise": lambda data: np.random.default_rng(0).bytes(len(data)),
    "a header of 2^64 - 1 bytes": lambda data: b"\xff" * 8 + data[8:],
    "a header longer than any": lambda data: (2**24 + 1).to_bytes(8, "little") + b" " * (2**24 + 1),
    "no JSON": lambda data: with_header(data, b"{"),
    "a list": lambda data: with_header(data, []),
    "no metadata": lambda data: without(data, "__metadata__"),
    "no weights": lambda data: without(data, "weights"),
    "no biases": lambda data: without(data, "biases"),
    "unknown dtype": lambda data: changed(data, "weights", dtype="F12"),
    "another dtype": lambda data: changed(data, "weights", dtype="I32"),
    "a dtype twice as wide": lambda data: changed(data, "weights", dtype="F64"),
    "biases of another dtype": lambda data: changed(
        data, "biases", dtype="F64", shape=[NUM_CLASSES // 2]
    ),
    "a shape beyond memory": lambda data: changed(data, "weights", shape=[HUGE, HUGE, 4]),
    "a shape that wraps around": lambda data: changed(data, "weights", shape=[2**62, 2**62]),
    "a negative shape": lambda data: changed(data, "weights", shape=[-NUM_CLASSES, -DIM]),
    "a fractional shape": lambda data: changed(data, "weights", shape=[NUM_CLASSES, 5.0]),
    "no shape": lambda data: changed(data, "weights", shape=None),
    "another shape": lambda data: changed(data, "weights", shape=[DIM, NUM_CLASSES]),
    "a flat shape": lambda data: changed(data, "weights", shape=[DIM * NUM_CLASSES]),
    "offsets beyond the end": lambda data: changed(data, "weights", data_offsets=[0, 10**9]),
    "offsets near 2^64": lambda data: changed(
        data, "weights", data_offsets=[2**64 - 4 * DIM * NUM_CLASSES, 2**64 - 1]
    ),
    "offsets turned around": lambda data: changed(data, "weights", data_offsets=[4, 0]),
    "three offsets": lambda data: changed(data, "weights", data_offsets=[0, 4, 8]),
    "another version": lambda data: recorded(data, version=2),
    "another number of classes": lambda data: recorded(data, num_classes=NUM_CLASSES - 1),
    "another dim": lambda data: recorded(data, dim=DIM + 1),
    "another strategy": lambda data: recorded(data, partition_strategy="row"),
    "not aligned": longer_header,
}


def test_a_broken_layer_is_refused_and_the_old_one_serves_on(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    LAYERS[0].save(path)
    good = path.read_bytes()
    with Server(path) as server:
        for turn, (name, broken) in enumerate(BROKEN.items()):
            replace(path, broken(good))
            server.reload()
            lines = server.log().splitlines()
            assert len(lines) == 1 + turn, name
            start = f"refused, the old layer serves on: {path}"
            assert lines[-1].startswith(start), (name, lines[-1])
            assert server.ask(BODIES[0]) == EXPECTED[0][0], name
        path.unlink()
        server.reload()
        assert "No such file" in server.log().splitlines()[-1]
        assert server.health()["times_loaded"] == 1
        replace(path, good)
        server.reload()
        assert server.health()["times_loaded"] == 2
        assert server.ask(BODIES[0]) == EXPECTED[0][0]


def test_any_damage_to_the_header_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    LAYERS[0].save(path)
    good = path.read_bytes()
    end = 8 + int.from_bytes(good[:8], "little")
    rng = np.random.default_rng(0)
    with Server(path) as server:
        for _ in range(200):
            damaged = bytearray(good)
            for place in rng.integers(0, end, rng.integers(1, 4)):
                damaged[place] = rng.choice(list(b'0123456789-.,:[]{}"x\x00\xff'))
            replace(path, damaged)
            server.reload()
            assert server.ask(BODIES[0])[0] in (200, 400)
        replace(path, good)
        server.reload()
        assert server.ask(BODIES[0]) == EXPECTED[0][0]


def replace(path: Path, data: bytes) -> None:
    """Put a file in the place of a mapped one."""
    new = path.with_name("new")
    new.write_bytes(data)
    new.replace(path)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_are_answered_before_it_ends(
    tmp_path: Path, how: signal.Signals
) -> None:
    layer = integer_layer(4, 200_000, 32)
    layer.save(tmp_path / "layer")
    body = {"inputs": np.ones((64, 32)).tolist(), "k": 2}
    expected = (200, expected_answer(layer, body))
    answers = []
    with Server(tmp_path / "layer") as server:
        connections = [server.connect() for _ in range(8)]
        for connection in connections:  # accepted, and waiting for the next request
            assert ask(connection, {**body, "inputs": body["inputs"][:1]})[0] == 200
        sent = threading.Barrier(len(connections) + 1)

        def one(connection: Any) -> None:
            data = json.dumps(body).encode()
            connection.request("POST", "/top_k", data, {"Content-Type": "application/json"})
            sent.wait()
            with connection.getresponse() as response:
                answers.append((response.status, json.loads(response.read())))
            connection.close()

        threads = [threading.Thread(target=one, args=[c]) for c in connections]
        for thread in threads:
            thread.start()
        sent.wait()
        assert server.end(how) == 0
        for thread in threads:
            thread.join()
        assert server.log() == "draining\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
    assert answers == [expected] * 8


def test_a_kept_connection_is_answered_once_more_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    LAYERS[0].save(path)
    with Server(path) as server:
        connections = [server.connect() for _ in range(3)]
        for connection in connections:
            assert ask(connection, BODIES[0]) == EXPECTED[0][0]
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.log() == "draining\n")
        connections[0].request("GET", "/healthz")
        with connections[0].getresponse() as response:
            assert response.status == 503
            assert response.getheader("Connection") == "close"
            assert json.loads(response.read())["status"] == "draining"
        assert ask(connections[1], BODIES[1]) == EXPECTED[0][1]
        assert ask(connections[2], {})[0] == 400
        assert server.process.wait(LONG) == 0
        for connection in connections:
            connection.close()


def test_killed_and_restarted_under_load_it_never_answers_wrongly(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    LAYERS[0].save(path)
    with Server(path) as server:
        port = server.port
        with Load(port, BODIES) as load:
            load.wait_for_more(60)
            for _ in range(5):
                assert server.end(signal.SIGKILL) == -signal.SIGKILL
                with Server(path, port=port) as again:
                    load.wait_for_more(60)
                    again.process, server.process = server.process, again.process
    assert load.broken > 0
    for number, status, answer in load.answers:
        assert (status, answer) == EXPECTED[0][number]


def test_a_port_has_one_server(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    LAYERS[0].save(path)
    with Server(path) as server:
        second = run_to_its_end(str(path), "--port", str(server.port))
    assert second.returncode == 1
    assert second.stderr == f"cannot listen on 127.0.0.1:{server.port}\n"


@pytest.mark.parametrize("name", BROKEN)
def test_it_does_not_start_with_a_broken_layer(tmp_path: Path, name: str) -> None:
    path = tmp_path / "layer"
    LAYERS[0].save(path)
    path.write_bytes(BROKEN[name](path.read_bytes()))
    ended = run_to_its_end(str(path))
    assert ended.returncode == 1
    assert ended.stderr.startswith(str(path))
