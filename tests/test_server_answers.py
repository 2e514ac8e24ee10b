"""What the C++ server answers is what the library answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import TOLERANCE
from reference import cut
from server_process import Load, Server, ask, expected_answer, integer_layer, needs_server

pytestmark = needs_server

NUM_CLASSES, DIM = 500, 7


def layer_of(kind: str) -> mc.SampledSoftmax:
    dtype = np.float64 if kind == "float64" else np.float32
    layer = integer_layer(1, NUM_CLASSES, DIM, dtype)
    if kind not in ("div", "mod"):
        return layer
    tables = cut(layer.weights, 3, kind), cut(layer.biases, 2, kind)
    return mc.SampledSoftmax(
        NUM_CLASSES,
        DIM,
        num_sampled=1,
        partition_strategy=kind,
        weights=tables[0],
        biases=tables[1],
    )


@pytest.fixture(scope="module", params=["float32", "float64", "div", "mod"])
def served(request: Any, tmp_path_factory: Any) -> Iterator[tuple[mc.SampledSoftmax, Server]]:
    layer = layer_of(request.param)
    path: Path = tmp_path_factory.mktemp("layer") / "layer.safetensors"
    layer.save(path)
    with Server(path) as server:
        yield layer, server


def random_body(seed: int, batch: int, k: int, num_excluded: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    body: dict[str, Any] = {"inputs": rng.integers(-3, 4, (batch, DIM)).tolist(), "k": k}
    if num_excluded:
        sizes = rng.integers(0, num_excluded + 1, batch)
        body["excluded"] = [rng.integers(0, NUM_CLASSES, size).tolist() for size in sizes]
    return body


@pytest.mark.parametrize(
    ("batch", "k", "num_excluded"), [(1, 1, 0), (1, NUM_CLASSES, 0), (5, 9, 40), (256, 3, 2)]
)
def test_same_as_the_library(
    served: tuple[mc.SampledSoftmax, Server], batch: int, k: int, num_excluded: int
) -> None:
    layer, server = served
    body = random_body(batch, batch, k, num_excluded)
    assert server.ask(body) == (200, expected_answer(layer, body))


def test_one_vector_is_answered_without_the_outer_list(
    served: tuple[mc.SampledSoftmax, Server],
) -> None:
    layer, server = served
    body = random_body(2, 1, 6, 30)
    one = {key: value[0] if isinstance(value, list) else value for key, value in body.items()}
    expected = {key: rows[0] for key, rows in expected_answer(layer, body).items()}
    assert server.ask(one) == (200, expected)


def test_log_probabilities(served: tuple[mc.SampledSoftmax, Server]) -> None:
    layer, server = served
    body = random_body(3, 4, 10, 50)
    status, answer = server.ask({**body, "log_probabilities": True})
    assert status == 200
    whole = layer_of("float64")
    logits = np.array(body["inputs"]) @ whole.weights.T + whole.biases
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = np.take_along_axis(expected, np.array(answer["indices"]), axis=1)
    tolerance = TOLERANCE[np.dtype(np.float32)] * np.abs(expected).max()
    np.testing.assert_allclose(answer.pop("log_probabilities"), expected, rtol=0, atol=tolerance)
    assert answer == expected_answer(layer, body)


def test_many_at_once_are_each_answered_by_their_own(
    served: tuple[mc.SampledSoftmax, Server],
) -> None:
    """They share passes, with other k and other excluded classes, up to all but k of them."""
    layer, server = served
    bodies = [random_body(seed, 1 + seed % 3, 1 + 5 * seed, 20 * seed) for seed in range(12)]
    bodies[0]["excluded"] = [list(range(NUM_CLASSES - bodies[0]["k"]))]
    with Load(server.port, bodies) as load:
        load.wait_for_more(600)
    expected = [(200, expected_answer(layer, body)) for body in bodies]
    assert load.broken == 0
    assert {number for number, *_ in load.answers} == set(range(12))
    for number, status, answer in load.answers:
        assert (status, answer) == expected[number]


def test_real_numbers_are_handed_over_exactly(tmp_path: Path) -> None:
    layer = mc.SampledSoftmax(1000, 64, num_sampled=1, seed=5)
    layer.save(tmp_path / "layer")
    inputs = np.random.default_rng(6).standard_normal((1, 64)).astype(np.float32)
    values, indices = mc.top_k(layer.weights, layer.biases, inputs, 10)
    with Server(tmp_path / "layer") as server:
        answer = server.ask({"inputs": inputs.tolist(), "k": 10})
    assert answer == (200, {"values": values.tolist(), "indices": indices.tolist()})


def test_health_and_a_kept_connection(served: tuple[mc.SampledSoftmax, Server]) -> None:
    layer, server = served
    dtype = str(np.asarray(layer.biases[0]).dtype)
    expected = {"status": "ok", "num_classes": NUM_CLASSES, "dim": DIM, "dtype": dtype}
    assert server.health() == {**expected, "times_loaded": 1}
    connection = server.connect()
    body = random_body(4, 2, 5)
    for _ in range(20):
        assert ask(connection, body) == (200, expected_answer(layer, body))
    connection.close()
