"""A good call of every public function and method, for tests that make its arguments bad."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import manyclass as mc
from good_arguments import (
    BATCH,
    DIM,
    GRAD,
    NUM_TRUE,
    Call,
    N,
    bfloat16_numbers,
    given_candidates,
    in_bfloat16,
    label_ids,
    label_targets,
    layer_arrays,
    numbers,
    problem,
    ragged_labels,
    sampled_problem,
    top_k_problem,
)


def _losses() -> Iterator[tuple[str, Call]]:
    for name in ("full_softmax_loss", "full_softmax_loss_and_ranks"):
        yield name, Call(getattr(mc, name), problem(**label_targets()))
        yield f"{name}: ragged", Call(getattr(mc, name), problem(**ragged_labels()))
        stored = problem(**label_targets(), **in_bfloat16())
        yield f"{name}: bfloat16", Call(getattr(mc, name), stored)
    for name in ("label_ranks", "evaluate"):
        yield name, Call(getattr(mc, name), problem())
        yield f"{name}: bfloat16", Call(getattr(mc, name), problem(**in_bfloat16()))
        yield f"{name}: ragged", Call(getattr(mc, name), problem(**ragged_labels()))
    out = mc.Gradients(numbers(N, DIM), numbers(N), numbers(BATCH, DIM))
    arguments = problem(**label_targets(), **GRAD)
    yield "full_softmax_loss_and_grad", Call(mc.full_softmax_loss_and_grad, arguments)
    yield (
        "full_softmax_loss_and_grad: out",
        Call(mc.full_softmax_loss_and_grad, arguments | {"out": out}, ("out",)),
    )
    yield (
        "FullSoftmaxGradient",
        Call(lambda **a: list(mc.FullSoftmaxGradient(**a)), arguments | {"rows_at_once": 5}),
    )
    estimate = problem(num_sampled=32, num_classes=N, seed=1, sampler=None)
    yield "full_softmax_loss_estimate", Call(mc.full_softmax_loss_estimate, estimate)
    for name in ("sampled_softmax_loss", "nce_loss"):
        loss, both = getattr(mc, name), getattr(mc, f"{name}_and_grad")
        kinds = {"": {}, ": given": given_candidates(), ": ragged": ragged_labels()}
        kinds[": bfloat16"] = {"weights": bfloat16_numbers(N, DIM)}
        for kind, more in kinds.items():
            arguments = sampled_problem(**more)
            if kind == ": ragged":
                arguments["label_weights"] = None
            sampler = arguments["sampler"]
            state = sampler.state_dict if sampler else (lambda: None)
            yield name + kind, Call(loss, arguments, state=state)
            yield f"{name}_and_grad{kind}", Call(both, arguments | GRAD, state=state)
    yield "top_k", Call(mc.top_k, top_k_problem())
    yield "top_k: bfloat16", Call(mc.top_k, top_k_problem(**in_bfloat16()))
    yield "top_k: shards", Call(mc.top_k, top_k_problem(weights=[numbers(6, DIM), numbers(6, DIM)]))
    quantized = mc.QuantizedTopK(**layer_arrays())
    yield "QuantizedTopK", Call(mc.QuantizedTopK, layer_arrays() | {"partition_strategy": "div"})
    asked = {"inputs": numbers(BATCH, DIM), "k": 3, "num_reranked": 5, "excluded": label_ids()}
    yield "QuantizedTopK.top_k", Call(quantized.top_k, asked | {"num_threads": 1})
    yield "QuantizedTopK.refresh", Call(quantized.refresh, {"ids": np.array([1, 3])})
    ranks = np.array([[1], [5], [2]])
    for name in ("top_k_accuracy", "recall_at_k", "ndcg_at_k"):
        yield name, Call(getattr(mc, name), {"ranks": ranks, "k": 2})
        both = mc.RaggedLabels(ranks.ravel(), np.array([0, 2, 3]))
        yield f"{name}: ragged", Call(getattr(mc, name), {"ranks": both, "k": 2})
    yield "mean_reciprocal_rank", Call(mc.mean_reciprocal_rank, {"ranks": ranks})
    yield "perplexity", Call(mc.perplexity, {"loss": np.array([0.5, 1.0])})


SAMPLERS: dict[str, Callable[[], Any]] = {
    "UniformSampler": lambda: mc.UniformSampler(N, seed=1),
    "LogUniformSampler": lambda: mc.LogUniformSampler(N, seed=1),
    "UnigramSampler": lambda: mc.UnigramSampler(np.arange(1.0, N + 1), seed=1),
    "LearnedUnigramSampler": lambda: mc.LearnedUnigramSampler(N, seed=1),
    "AliasSampler": lambda: mc.AliasSampler(np.arange(1.0, N + 1), seed=1),
    "MixtureSampler": lambda: mc.MixtureSampler(
        [(mc.UniformSampler(N), 0.25), (mc.LogUniformSampler(N), 0.75)], seed=1
    ),
}
COUNTS = {"distortion": 0.75, "num_reserved_ids": 0, "num_shards": 1, "shard": 0, "seed": 1}


def _samplers() -> Iterator[tuple[str, Call]]:
    for name, make in SAMPLERS.items():
        for method, arguments in {
            # Unique ones: of others, any number up to 2^31 - 1 may be asked for.
            "sample": {
                "true_classes": label_ids(),
                "num_sampled": 5,
                "seed": 1,
                "dtype": "float32",
            },
            "draw": {"size": 5, "seed": (1, 2)},
            "probability": {"ids": label_ids()},
            "load_state_dict": {"state": make().state_dict()},
        }.items():
            sampler = make()
            yield (
                f"{name}.{method}",
                Call(getattr(sampler, method), arguments, (), sampler.state_dict),
            )
    for name in ("UniformSampler", "LogUniformSampler", "LearnedUnigramSampler"):
        yield name, Call(getattr(mc, name), {"num_classes": N, "seed": 1})
    counts = np.arange(1.0, N + 1)
    yield "UnigramSampler", Call(mc.UnigramSampler, {"counts": counts, **COUNTS})
    path = Path(tempfile.gettempdir()) / "manyclass_no_such_vocabulary"
    from_file = {"path": str(path), **COUNTS}
    yield "UnigramSampler.from_vocab_file", Call(mc.UnigramSampler.from_vocab_file, from_file)
    yield "AliasSampler", Call(mc.AliasSampler, {"weights": counts, "seed": 1})
    alias = SAMPLERS["AliasSampler"]()
    changes = {"ids": np.array([1, 2, 3]), "weights": np.array([0.5, 0.0, 2.0])}
    yield "AliasSampler.update", Call(alias.update, changes, (), alias.state_dict)
    parts = [(mc.UniformSampler(N), 0.25), (mc.LogUniformSampler(N), 0.75)]
    yield "MixtureSampler", Call(mc.MixtureSampler, {"parts": parts, "seed": 1})
    begin = {"num_classes": N, "half_life": 10.0, "counts": counts}
    yield "StreamingFrequencies", Call(mc.StreamingFrequencies, begin)
    for kind, half_life in (("", 10.0), (": no half_life", None)):
        kept = mc.StreamingFrequencies(N, half_life=half_life)
        kept.update(label_ids())
        for method, arguments in {
            "update": {"labels": label_ids()},
            "probability": {"ids": label_ids()},
            "load_state_dict": {"state": kept.state_dict()},
        }.items():
            name = f"StreamingFrequencies.{method}{kind}"
            yield name, Call(getattr(kept, method), arguments, (), kept.state_dict)
    yield "InBatchSampler", Call(mc.InBatchSampler, {"frequencies": counts})
    frequencies = mc.StreamingFrequencies(N)
    batch = mc.InBatchSampler(frequencies)
    true = {"true_classes": label_ids(), "update": True}
    yield "InBatchSampler.sample", Call(batch.sample, true, (), frequencies.state_dict)


def _candidate_samplers() -> Iterator[tuple[str, Call]]:
    common = {"true_classes": label_ids(), "num_true": NUM_TRUE, "num_sampled": 5, "unique": True}
    common |= {"seed": 1, "dtype": "float32"}
    for name in ("uniform", "log_uniform", "learned_unigram"):
        function = getattr(mc, f"{name}_candidate_sampler")
        yield f"{name}_candidate_sampler", Call(function, common | {"range_max": N})
    yield "all_candidate_sampler", Call(mc.all_candidate_sampler, common | {"num_sampled": N})
    fixed = common | {"range_max": N, "unigrams": np.arange(1.0, N + 1)}
    fixed |= {key: value for key, value in COUNTS.items() if key != "seed"}
    yield "fixed_unigram_candidate_sampler", Call(mc.fixed_unigram_candidate_sampler, fixed)
    hits = {"true_classes": label_ids(), "sampled_candidates": np.arange(5), "num_true": NUM_TRUE}
    yield "compute_accidental_hits", Call(mc.compute_accidental_hits, hits)


def _streams() -> Iterator[tuple[str, Call]]:
    walk = {"labels": [label_ids(), label_ids()], "num_classes": N, "max_candidates": 5}
    yield "VocabularyPartitions", Call(lambda **a: list(mc.VocabularyPartitions(**a)), walk)
    partition = mc.VocabularyPartition(0, BATCH, np.arange(N))
    name = "VocabularyPartition.sampled_values"
    yield name, Call(partition.sampled_values, {"labels": label_ids()})


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adagrad": {"initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "RowwiseAdagrad": {"initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "Adam": {"betas": (0.9, 0.999), "epsilon": 1e-8},
}


def _optimizers() -> Iterator[tuple[str, Call]]:
    slices = mc.IndexedSlices(numbers(2, DIM), np.array([1, 3]), (N, DIM))
    for name, options in OPTIMIZERS.items():
        rate = {"learning_rate": 0.1, "weight_decay": 0.01, "clip_norm": 1.0, "seed": 1}
        yield name, Call(getattr(mc, name), rate | options)
        variable = numbers(N, DIM)
        optimizer = getattr(mc, name)(0.1, **options)
        optimizer.apply(variable, slices)

        def state(optimizer: Any = optimizer, variable: np.ndarray = variable) -> Any:
            return optimizer.state_dict([variable]), variable.copy()

        one = {"variable": variable, "slices": slices, "num_threads": 1}
        yield f"{name}.apply", Call(optimizer.apply, one, ("variable",), state)
        stored = one | {"variable": bfloat16_numbers(N, DIM)}
        yield f"{name}.apply: bfloat16", Call(optimizer.apply, stored, ("variable",), state)
        several = {"pairs": [(variable, slices)], "num_threads": 1}
        yield f"{name}.step", Call(optimizer.step, several, ("pairs",), state)
        kept = {"state": optimizer.state_dict([variable]), "variables": [variable], "copy": True}
        yield f"{name}.load_state_dict", Call(optimizer.load_state_dict, kept, (), state)
        yield f"{name}.state_dict", Call(optimizer.state_dict, {"variables": [variable]}, (), state)
        yield f"{name}.state", Call(optimizer.state, {"variable": variable}, (), state)
        if hasattr(optimizer, "accumulator"):
            yield f"{name}.accumulator", Call(optimizer.accumulator, {"variable": variable})
    rows = {"values": numbers(3, DIM), "indices": np.array([3, 1, 3]), "dense_shape": (N, DIM)}
    yield "IndexedSlices.from_rows", Call(mc.IndexedSlices.from_rows, rows)
    fields = {**slices._asdict()}
    yield "IndexedSlices.to_dense", Call(lambda **a: mc.IndexedSlices(**a).to_dense(), fields)


def _layers(directory: Path) -> Iterator[tuple[str, Call]]:
    options: dict[str, Any] = {"num_classes": N, "dim": DIM, "num_sampled": 5, "seed": 1}
    more = {"sampler": mc.UniformSampler(N), "optimizer": mc.SGD(0.1), "dtype": "float32"}
    more |= {"log_q_correction": "all", "partition_strategy": "div", "label_smoothing": 0.0}
    more |= {"compute_dtype": "bfloat16"}
    made = options | layer_arrays() | more
    yield "SampledSoftmax", Call(mc.SampledSoftmax, made)
    layer = mc.SampledSoftmax(**options, optimizer=mc.SGD(0.1))
    path = directory / "layer.safetensors"
    layer.save(path)

    def state() -> Any:
        return layer.weights.copy(), layer.biases.copy(), layer.sampler.state_dict()

    batch: dict[str, Any] = {"inputs": numbers(BATCH, DIM), "labels": label_ids(), "num_threads": 1}
    weighted = batch | {"label_weights": label_targets()["label_weights"]}
    sampled = weighted | {"sampled_values": given_candidates()["sampled_values"]}
    for method, arguments in {
        "loss": weighted,
        "loss_and_grad": sampled | GRAD,
        "train_step": sampled | GRAD,
        "full_loss": weighted,
        "label_ranks": batch,
        "evaluate": batch | {"k": (1, 2)},
        "top_k": {"inputs": batch["inputs"], "k": 3, "excluded": label_ids()},
        "quantized": {"num_threads": 1},
        "restore": {"path": str(path)},
        "load": {"path": str(path), "mmap": False, "sampler": None, "optimizer": None},
        "save": {"path": str(directory / "none" / "saved")},
    }.items():
        yield f"SampledSoftmax.{method}", Call(getattr(layer, method), arguments, (), state)

    stored = mc.SampledSoftmax(**options, optimizer=mc.SGD(0.1), weights=bfloat16_numbers(N, DIM))

    def stored_state() -> Any:
        return stored.weights.copy(), stored.biases.copy(), stored.sampler.state_dict()

    yield (
        "SampledSoftmax.train_step: bfloat16",
        Call(stored.train_step, sampled | GRAD, (), stored_state),
    )


def public_calls(directory: Path) -> dict[str, Call]:
    """All of them by name, what comes behind a colon being a kind of call; files in `directory`."""
    threads = Call(mc.set_num_threads, {"num_threads": 1}, (), mc.get_num_threads)
    return dict(
        [
            *_losses(),
            *_samplers(),
            *_candidate_samplers(),
            *_streams(),
            *_optimizers(),
            *_layers(directory),
            ("set_num_threads", threads),
        ]
    )


def names_wanted() -> set[str]:
    """Return every public function, class and method that takes arguments."""
    carriers = (tuple,)  # results, whose fields nothing looks at before a function takes them
    wanted = set()
    for name in mc.__all__:
        thing = getattr(mc, name)
        if not callable(thing) or name == "RowOptimizer":  # the optimizers' base
            continue
        methods = [m for m, f in inspect.getmembers(thing, callable) if not m.startswith("_")]
        if inspect.isclass(thing):
            methods = [m for m in methods if m not in {"count", "index"} or thing is not tuple]
            wanted |= {f"{name}.{m}" for m in methods if _parameters(getattr(thing, m))}
            if issubclass(thing, carriers) or thing is mc.Evaluation:
                continue
        if _parameters(thing):
            wanted.add(name)
    return {name for name in wanted if not name.endswith((".count", ".index"))}


def _parameters(function: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]
