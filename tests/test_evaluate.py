"""`evaluate` and `full_softmax_loss_and_ranks`, against their parts and against plain NumPy."""

from __future__ import annotations

import builtins
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
import ragged_reference
import reference
from agreement import assert_same_bits
from random_problems import make_problem
from random_ragged import make_ragged_problem
from reference import cut

LOSS_AND_RANKS = st.tuples(st.integers(0, 999), st.integers(1, 300), st.integers(0, 40))


@given(LOSS_AND_RANKS, st.integers(1, 4), st.sampled_from([np.float32, np.float64]))
def test_loss_and_ranks_have_the_bits_of_each_alone(
    shape: tuple[int, int, int], num_true: int, dtype: Any
) -> None:
    seed, num_classes, batch = shape
    problem = make_problem(
        seed, num_classes=num_classes, batch=batch, num_true=num_true, dtype=dtype
    )
    loss, ranks = mc.full_softmax_loss_and_ranks(*problem, num_true)
    assert_same_bits(loss, mc.full_softmax_loss(*problem, num_true))
    assert_same_bits(ranks, mc.label_ranks(*problem, num_true))


@given(LOSS_AND_RANKS, st.booleans(), st.sampled_from([0.0, 0.2]))
def test_so_they_do_with_ragged_labels_weights_and_smoothing(
    shape: tuple[int, int, int], weighted: bool, label_smoothing: float
) -> None:
    seed, num_classes, batch = shape
    problem = make_ragged_problem(seed, num_classes=num_classes, batch=batch, weighted=weighted)
    arguments = problem.weights, problem.biases, problem.labels(), problem.inputs
    options = {"label_weights": problem.flat_weights(), "label_smoothing": label_smoothing}
    loss, ranks = mc.full_softmax_loss_and_ranks(*arguments, **options)
    assert_same_bits(loss, mc.full_softmax_loss(*arguments, **options))
    assert_same_bits(ranks, mc.label_ranks(*arguments))


@pytest.mark.parametrize("batch", [3, 600])
@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_loss_and_ranks_of_shards_on_any_number_of_threads(batch: int, strategy: str) -> None:
    weights, biases, labels, inputs = make_problem(1, num_classes=5000, batch=batch, num_true=2)
    arguments = cut(weights, 7, strategy), cut(biases, 2, strategy), labels, inputs, 2
    for num_threads in (1, 2, 5):
        options = {"partition_strategy": strategy, "num_threads": num_threads}
        loss, ranks = mc.full_softmax_loss_and_ranks(*arguments, **options)
        assert_same_bits(loss, mc.full_softmax_loss(*arguments, **options))
        assert_same_bits(ranks, mc.label_ranks(*arguments, **options))
        assert_same_bits(ranks, mc.label_ranks(weights, biases, labels, inputs, 2))


def plain_metrics(logits: Any, rows: list[Any], sizes: Any) -> dict[str, Any]:
    """Return the metrics of examples that have labels, one example and one k at a time."""
    found: dict[str, Any] = {"reciprocal": [], **{(m, k): [] for m in "arn" for k in sizes}}
    for i, row in enumerate(rows):
        labels = set(np.asarray(row).tolist())
        if not labels:
            continue
        order = np.argsort(-logits[i], kind="stable").tolist()
        places = sorted(1 + order.index(label) for label in labels)
        found["reciprocal"].append(1 / places[0])
        for k in sizes:
            best = order[:k]
            hits = [place for place in range(1, k + 1) if place <= len(best)]
            hits = [place for place in hits if best[place - 1] in labels]
            ideal = sum(1 / math.log2(1 + place) for place in range(1, min(k, len(labels)) + 1))
            found["a", k].append(bool(hits))
            found["r", k].append(len(hits) / len(labels))
            found["n", k].append(sum(1 / math.log2(1 + place) for place in hits) / ideal)
    return {key: float(np.mean(values)) for key, values in found.items()}


def assert_evaluation(found: mc.Evaluation, logits: Any, rows: list[Any], losses: Any) -> None:
    sizes = list(found.recall_at_k)
    assert sizes == list(found.top_k_accuracy) == list(found.ndcg_at_k)
    plain = plain_metrics(logits, rows, sizes)
    assert found.num_examples == sum(len(row) > 0 for row in rows)
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-12)
    assert found.perplexity == pytest.approx(math.exp(np.mean(losses)), rel=1e-12)
    assert found.mean_reciprocal_rank == pytest.approx(plain["reciprocal"])
    for k in sizes:
        assert found.top_k_accuracy[k] == pytest.approx(plain["a", k])
        assert found.recall_at_k[k] == pytest.approx(plain["r", k])
        assert found.ndcg_at_k[k] == pytest.approx(plain["n", k])


@given(LOSS_AND_RANKS, st.integers(1, 4))
def test_agrees_with_plain_numpy(shape: tuple[int, int, int], num_true: int) -> None:
    seed, num_classes, batch = shape
    problem = make_problem(
        seed, num_classes=num_classes, batch=batch + 1, num_true=num_true, dtype=np.float64
    )
    losses, _ = reference.full_softmax(problem)
    logits = problem.inputs @ problem.weights.T + problem.biases
    found = mc.evaluate(*problem, num_true, k=(1, 3, 10))
    assert_evaluation(found, logits, list(problem.labels), losses)


@given(LOSS_AND_RANKS)
def test_ragged_labels(shape: tuple[int, int, int]) -> None:
    seed, num_classes, batch = shape
    problem = make_ragged_problem(seed, num_classes=num_classes, batch=batch, dtype=np.float64)
    problem.rows.append(np.array([0, 0]))  # one example at least has labels, and a repeated one
    problem = problem._replace(inputs=np.concatenate([problem.inputs, problem.weights[:1]]))
    losses, _ = ragged_reference.full_softmax(problem)
    logits = problem.inputs @ problem.weights.T + problem.biases
    found = mc.evaluate(problem.weights, problem.biases, problem.labels(), problem.inputs, k=[2, 1])
    assert list(found.recall_at_k) == [2, 1]
    has_labels = [len(row) > 0 for row in problem.rows]
    assert_evaluation(found, logits, problem.rows, losses[has_labels])


@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_a_large_set_in_parts_is_the_whole(strategy: str) -> None:
    # More than two calls of the core, the last one short, over shards.
    weights, biases, labels, inputs = make_problem(2, num_classes=300, batch=4500, num_true=2)
    tables = cut(weights, 4, strategy), cut(biases, 4, strategy)
    options = {"partition_strategy": strategy, "num_threads": 2}
    ranks = mc.label_ranks(*tables, labels, inputs, 2, **options)
    losses = mc.full_softmax_loss(*tables, labels, inputs, 2, **options)
    dense = mc.evaluate(*tables, labels, inputs, 2, k=5, **options)
    splits = np.arange(0, 9001, 2)
    ragged = mc.evaluate(*tables, mc.RaggedLabels(labels.ravel(), splits), inputs, k=5, **options)
    for found in (dense, ragged):
        assert asdict(found) == {
            "loss": float(np.mean(losses, dtype=np.float64)),
            "perplexity": mc.perplexity(losses),
            "mean_reciprocal_rank": mc.mean_reciprocal_rank(ranks),
            "top_k_accuracy": {5: mc.top_k_accuracy(ranks, 5)},
            "recall_at_k": {5: mc.recall_at_k(ranks, 5)},
            "ndcg_at_k": {5: mc.ndcg_at_k(ranks, 5)},
            "num_examples": 4500,
        }


def test_inputs_may_be_a_memory_map_and_read_only(tmp_path: Path) -> None:
    weights, biases, labels, inputs = make_problem(3, num_classes=50, batch=2100)
    inputs.tofile(tmp_path / "inputs")
    mapped = np.memmap(tmp_path / "inputs", np.float32, "r", shape=inputs.shape)
    labels.flags.writeable = False
    assert mc.evaluate(weights, biases, labels, mapped) == mc.evaluate(
        weights, biases, labels.copy(), inputs
    )


@pytest.mark.parametrize("k", [3, np.int64(3), (3,), iter([3])])
def test_k_may_be_one_or_several(k: Any) -> None:
    assert list(mc.evaluate(*make_problem(4), k=k).recall_at_k) == [3]


def test_no_examples_and_none_with_labels() -> None:
    weights, biases, labels, inputs = make_problem(5)
    none = mc.RaggedLabels(np.zeros(0, np.int64), np.zeros(6, np.int64))
    for found in (
        mc.evaluate(weights, biases, labels[:0], inputs[:0]),
        mc.evaluate(weights, biases, none, inputs),
    ):
        assert found.num_examples == 0
        assert math.isnan(found.loss)
        assert math.isnan(found.perplexity)
        assert math.isnan(found.mean_reciprocal_rank)
        assert all(math.isnan(value) for value in found.ndcg_at_k.values())


def test_nan_comes_last() -> None:
    weights, biases, labels, inputs = make_problem(6, num_classes=9, batch=3)
    weights[4] = np.nan
    labels[:] = [[4], [0], [4]]
    loss, ranks = mc.full_softmax_loss_and_ranks(weights, biases, labels, inputs)
    assert np.isnan(loss).all()
    assert ranks[[0, 2]].tolist() == [[9], [9]]
    assert 1 <= ranks[1, 0] <= 8
    found = mc.evaluate(weights, biases, labels, inputs, k=8)
    assert math.isnan(found.loss)
    assert found.top_k_accuracy[8] == pytest.approx(1 / 3)


def test_shows_a_bar_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    problem = make_problem(7, batch=4200)
    assert mc.evaluate(*problem, progress=True) == mc.evaluate(*problem, progress=False)
    shown = capsys.readouterr()
    assert "evaluate" in shown.err
    assert "4200/4200" in shown.err
    mc.evaluate(*problem)  # no terminal here
    mc.evaluate(*problem, progress=False)
    assert capsys.readouterr().err == ""


def test_the_bar_needs_tqdm_only_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_tqdm(name: str, *rest: Any) -> Any:
        if name == "tqdm":
            raise ImportError("no module named tqdm")
        return real_import(name, *rest)

    real_import = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", without_tqdm)
    problem = make_problem(8)
    assert mc.evaluate(*problem).num_examples == 5
    with pytest.raises(ImportError, match="progress=True needs tqdm: python -m pip install tqdm"):
        mc.evaluate(*problem, progress=True)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"k": 0}, ValueError, "k is 0; it must be at least 1"),
        ({"k": (1, -2)}, ValueError, "k is -2; it must be at least 1"),
        ({"k": 1.5}, TypeError, "k is 1.5; it must be an integer"),
        ({"progress": "yes"}, TypeError, "progress is 'yes'; it must be True or False"),
        ({"num_threads": 0}, ValueError, "num_threads is 0"),
        ({"partition_strategy": "row"}, ValueError, 'partition_strategy is "row"'),
        ({"inputs": np.zeros((5, 7), np.float32)}, ValueError, "inputs has shape [5, 7]"),
        ({"inputs": np.zeros((5, 8))}, TypeError, "weights has dtype float32"),
        ({"inputs": np.zeros((4, 8), np.float32)}, ValueError, "labels has 5 rows, inputs has 4"),
        ({"labels": np.zeros(5, int)}, ValueError, "labels has shape [5]"),
        ({"num_true": 2}, ValueError, "labels must have shape [batch, num_true] = [5, 2]"),
        ({"biases": np.zeros(3, np.float32)}, ValueError, "biases has 3 entries"),
    ],
)
def test_what_does_not_fit_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = make_problem(9)._asdict() | change
    with pytest.raises(error, match=re.escape(message)):
        mc.evaluate(**arguments)


def test_a_bad_label_deep_in_a_large_batch_is_named_by_its_row() -> None:
    problem = make_problem(10, batch=5000, num_true=2)
    problem.labels[4711, 1] = 20
    with pytest.raises(ValueError, match=re.escape("labels[4711, 1] is 20, outside [0, 20)")):
        mc.evaluate(*problem, 2)
    ragged = mc.RaggedLabels(problem.labels.ravel(), np.arange(0, 10_001, 2))
    with pytest.raises(ValueError, match=re.escape("labels.values[9423] is 20, outside [0, 20)")):
        mc.evaluate(problem.weights, problem.biases, ragged, problem.inputs)
