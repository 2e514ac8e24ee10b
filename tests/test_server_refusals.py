"""What the C++ server refuses: 4xx with a reason in JSON; it serves on."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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

LAYER = integer_layer(1, 20, 3)
GOOD: dict[str, Any] = {"inputs": [[1, 2, 3], [0, -1, 0]], "k": 4}
MAX_BODY = 2000


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("layer") / "layer.safetensors"
    LAYER.save(path)
    options = ("--max-body", str(MAX_BODY), "--max-vectors", "3", "--max-k", "8")
    with Server(path, *options, "--idle-timeout", "1000") as server:
        yield server


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is no JSON"),
        (b'{"inputs": [1, 2, 3], "k": 1', "the body is no JSON"),
        (b'{"inputs": [NaN, 2, 3], "k": 1}', "the body is no JSON"),
        (b'{"inputs": [Infinity, 2, 3], "k": 1}', "the body is no JSON"),
        (b'{"inputs": [1e999, 2, 3], "k": 1}', "the body is no JSON"),
        (b'{"inputs": [1, 2, 3], "k": 1} x', "the body is no JSON"),
        (b'"\xff\xfe"', "the body is no JSON"),
        (b"[" * 1900, "the body is nested more than 4 deep"),
        ([[[[]]]], "the body is [[[[]]]]; it must be an object"),
        ({**GOOD, "k": [[[]]]}, "k is [[[]]]; it must be a whole number"),
        (b"[" * 900 + b"]" * 900, "the body is nested more than 4 deep"),
        ([1, 2, 3], "the body is [1,2,3]; it must be an object"),
        ({"k": 1}, "the body lacks inputs"),
        ({"inputs": [1, 2, 3]}, "the body lacks k"),
        ({**GOOD, "exclude": []}, 'the body has the unknown key "exclude"'),
        ({**GOOD, "inputs": []}, "inputs is []; it must be a list of numbers"),
        ({**GOOD, "inputs": 7}, "inputs is 7; it must be a list of numbers"),
        ({**GOOD, "inputs": [1, 2]}, "inputs[0] has 2 numbers; the layer wants 3"),
        ({**GOOD, "inputs": [[1, 2, 3], [1, 2, 3, 4]]}, "inputs[1] has 4 numbers"),
        ({**GOOD, "inputs": [[1, 2, 3], 4]}, "inputs[1] is 4; it must be a list"),
        ({**GOOD, "inputs": [1, [2], 3]}, "inputs[0][1] is [2]; it must be a number"),
        ({**GOOD, "inputs": [1, 2, None]}, "inputs[0][2] is null; it must be a number"),
        ({**GOOD, "inputs": [1, 2, True]}, "inputs[0][2] is true; it must be a number"),
        ({**GOOD, "inputs": [1, "2", 3]}, 'inputs[0][1] is "2"; it must be a number'),
        ({**GOOD, "inputs": [1, 1e39, 3]}, "inputs[0][1] is 1e+39, beyond float32"),
        ({**GOOD, "inputs": [[1, 2, 3]] * 4}, "inputs has 4 vectors; this server takes at most 3"),
        ({**GOOD, "k": 0}, "k is 0; it must be a whole number from 1 to 8"),
        ({**GOOD, "k": -1}, "k is -1; it must be a whole number from 1 to 8"),
        ({**GOOD, "k": 9}, "k is 9; it must be a whole number from 1 to 8, the most this server"),
        ({**GOOD, "k": 2**64 - 1}, "k is 18446744073709551615; it must be"),
        ({**GOOD, "k": 2.0}, "k is 2.0; it must be a whole number"),
        ({**GOOD, "k": "2"}, 'k is "2"; it must be a whole number'),
        ({**GOOD, "excluded": 3}, "excluded is 3; it must have a list for each of the 2 vectors"),
        ({**GOOD, "excluded": [[1]]}, "excluded is [[1]]; it must have a list for each of the 2"),
        ({**GOOD, "excluded": [1, 2]}, "excluded[0] is 1; it must be a list of classes"),
        ({**GOOD, "excluded": [[1], [20]]}, "excluded[1] has 20, which is no class from 0 to 19"),
        ({**GOOD, "excluded": [[-1], []]}, "excluded[0] has -1, which is no class"),
        ({**GOOD, "excluded": [[], [1.5]]}, "excluded[1] has 1.5, which is no class"),
        ({**GOOD, "excluded": [[], [*range(17)]]}, "k is 4; excluded[1] leaves 3 classes"),
        ({**GOOD, "log_probabilities": 1}, "log_probabilities is 1; it must be true or false"),
    ],
)
def test_bodies(server: Server, body: Any, reason: str) -> None:
    connection = server.connect()
    status, answer = ask(connection, body)
    assert status == 400
    assert answer.keys() == {"error"}
    assert reason in answer["error"]
    assert ask(connection, GOOD) == (200, expected_answer(LAYER, GOOD))  # the same connection
    connection.close()


def test_k_above_the_number_of_classes(tmp_path: Any) -> None:
    LAYER.save(tmp_path / "layer")
    with Server(tmp_path / "layer") as server:
        status, answer = server.ask({**GOOD, "k": 21})
    assert (status, answer["error"]) == (
        400,
        "k is 21; it must be a whole number from 1 to 20, the number of classes",
    )


@pytest.mark.parametrize("start", [b"", b'{"inputs":', b'{"inputs":[[1,2,3]],"k":'])
def test_depth_is_bounded(tmp_path: Any, start: bytes) -> None:
    """Also where the limit of the body's size is that of the default."""
    LAYER.save(tmp_path / "layer")
    with Server(tmp_path / "layer") as server:
        status, answer = server.ask(start + b"[" * 2_000_000 + b"]" * 2_000_000)
        assert (status, answer["error"]) == (400, "the body is nested more than 4 deep")
        assert server.ask(GOOD) == (200, expected_answer(LAYER, GOOD))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=3), values),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries(
        {"inputs": st.just(GOOD["inputs"]) | VALUES, "k": st.integers(1, 8) | VALUES},
        optional={
            "excluded": st.lists(st.lists(st.integers(0, 19)), min_size=2, max_size=2) | VALUES,
            "log_probabilities": st.booleans() | VALUES,
        },
    )
)
def test_any_json_is_answered_or_refused(server: Server, body: dict[str, Any]) -> None:
    status, answer = server.ask(body)
    assert (status, set(answer)) in [
        (400, {"error"}),
        (200, {"indices", "values"}),
        (200, {"indices", "values", "log_probabilities"}),
    ]
    if status == 200 and body["inputs"] == GOOD["inputs"]:
        answer.pop("log_probabilities", None)
        assert answer == expected_answer(LAYER, body)


def test_excluded_classes_may_repeat(server: Server) -> None:
    body = {**GOOD, "excluded": [[5] * 30, [*range(16)]]}
    assert server.ask(body) == (200, expected_answer(LAYER, body))


def exchange(server: Server, data: bytes) -> bytes:
    """Send bytes; return all that comes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), LONG) as connection:
        connection.sendall(data)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def head(method: str = "POST", path: str = "/top_k", **headers: Any) -> bytes:
    given = {"Content-Type": "application/json", "Content-Length": 0} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{name}: {value}\r\n" for name, value in given.items() if value is not None]
    return f"{method} {path} HTTP/1.1\r\nHost: here\r\n{''.join(lines)}\r\n".encode()


BODY = json.dumps(GOOD).encode()
SECOND = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"  # must not be taken for a request


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (head(path="/"), 404, "there are POST /top_k and GET /healthz"),
        (head(path="/top_k/", Content_Length=len(BODY)) + BODY, 404, "there are"),
        (head("GET", Content_Length=None), 405, "/top_k takes POST, not GET"),
        (head("DELETE"), 405, "/top_k takes POST, not DELETE"),
        (head("PUT", Content_Length=len(BODY)) + BODY, 405, "/top_k takes POST, not PUT"),
        (head(path="/healthz"), 405, "/healthz takes GET, not POST"),
        (head("GET", "/healthz", Content_Length=len(SECOND)) + SECOND, 400, "GET has no body"),
        (head(Content_Length=MAX_BODY + 1), 413, "the body has 2001 bytes; this server takes"),
        (head(Content_Length=10**15) + SECOND, 413, "the body has 1000000000000000 bytes"),
        (head(Content_Length=MAX_BODY + 1) + b" " * (MAX_BODY + 1), 413, "the body has 2001"),
        (head(Content_Length=2**64), 400, "Content-Length is no number of bytes"),
        (head(Content_Length=-1), 400, "Content-Length is no number of bytes"),
        (head(Content_Length="1\r\nContent-Length: 2"), 400, "Content-Length is no number"),
        (head(Content_Length=None), 411, "the request must have a Content-Length"),
        (head(Transfer_Encoding="chunked") + b"5\r\nhello\r\n0\r\n\r\n", 411, "the request must"),
        (head(Content_Type="text/plain", Content_Length=len(BODY)) + BODY, 415, "application/json"),
        (head(Content_Type=None), 415, "application/json"),
        (head(Content_Encoding="gzip", Content_Length=9) + b"\x1f\x8b" * 4 + b"!", 415, "compress"),
        (b"hello\r\n\r\n", 400, "the request is no HTTP"),
        (b"GET /healthz HTTP/9\r\n\r\n", 400, "the request is no HTTP"),
        (b"BREW /top_k HTTP/1.1\r\n\r\n", 400, "the request is no HTTP"),
        (b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\n\r\n", 414, "the request line is too long"),
        (head(Range="bytes=x"), 416, "there are no ranges"),
        (head(Content_Length=len(BODY) + 1) + BODY, 400, "the request is no HTTP, or broke off"),
    ],
)
def test_requests(server: Server, data: bytes, status: int, reason: str) -> None:
    """They are answered once, then the connection is closed: no body becomes a request."""
    received = exchange(server, data)
    answer_head, _, body = received.partition(b"\r\n\r\n")
    assert answer_head.startswith(f"HTTP/1.1 {status} ".encode()), received
    assert b"\r\nConnection: close" in answer_head
    assert (b"\r\nAllow: " in answer_head) == (status == 405)
    answer = json.loads(body)
    assert answer.keys() == {"error"}
    assert reason in answer["error"]
    assert server.ask(GOOD) == (200, expected_answer(LAYER, GOOD))


def test_silent_and_broken_connections_end(server: Server) -> None:
    assert exchange(server, b"") == b""  # closed after the idle timeout
    for part in (b"POST", head(Content_Length=len(BODY))[:-2], head(Content_Length=50) + BODY[:9]):
        with socket.create_connection(("127.0.0.1", server.port), LONG) as connection:
            connection.sendall(part)
    assert server.ask(GOOD) == (200, expected_answer(LAYER, GOOD))


def test_who_waits_too_long_is_told_so(tmp_path: Any) -> None:
    layer = integer_layer(2, 300_000, 32)
    layer.save(tmp_path / "layer")
    body = {"inputs": np.ones((256, 32)).tolist(), "k": 1}
    expected = expected_answer(layer, body)
    with Server(tmp_path / "layer", "--max-wait", "1") as server:
        # Eight at once, each of as many vectors as a pass takes: they have passes of their own.
        with Load(server.port, [body] * 8) as load:
            wait_until(lambda: {status for _, status, _ in load.answers} == {200, 503})
        assert load.broken == 0
    for _, status, answer in load.answers:
        assert answer == expected if status == 200 else "waited longer than 1 ms" in answer["error"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "no layer is named"),
        (["a", "b"], "more than one layer is named"),
        (["a", "--port"], "--port has no value"),
        (["a", "--port", "65536"], "--port is 65536; it must be a whole number from 0 to 65535"),
        (["a", "--max-k", "1x"], "--max-k is 1x; it must be a whole number"),
        (["a", "--size", "1"], "--size is no option"),
    ],
)
def test_the_command_line(arguments: list[str], reason: str) -> None:
    ended = run_to_its_end(*arguments)
    assert ended.returncode == 2
    assert ended.stderr.startswith(reason)
