"""A good call of every public function of manyclass.tensorflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

import manyclass.tensorflow as mct
from good_arguments import DIM, NUM_TRUE, Call, N, label_ids, problem, sampled_problem


def _computed(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(**arguments: Any) -> Any:
        return tf.nest.map_structure(lambda tensor: tensor.numpy(), function(**arguments))

    return call


def _with_gradients(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loss whose gradients are taken too."""

    def call(**arguments: Any) -> Any:
        weights = arguments["weights"]
        with tf.GradientTape() as tape:
            if isinstance(weights, np.ndarray) and weights.dtype.kind == "f":
                weights = tf.convert_to_tensor(weights)
                tape.watch(weights)
            loss = function(**arguments | {"weights": weights})
        if isinstance(weights, tf.Tensor):
            tape.gradient(loss, weights)
        return loss.numpy()

    return call


def _losses() -> Iterator[tuple[str, Call]]:
    for name in ("sampled_softmax_loss", "nce_loss"):
        arguments = sampled_problem()
        for other in ("compute_dtype", "label_weights"):
            del arguments[other]
        if name == "nce_loss":
            del arguments["seed"]
        state = arguments["sampler"].state_dict
        # What its sampler calls labels.
        words = ("true_classes",)
        call = Call(_with_gradients(getattr(mct, name)), arguments, state=state, words=words)
        yield name, call
    arguments = problem(label_smoothing=0.0)
    del arguments["partition_strategy"]
    yield "full_softmax_loss", Call(_with_gradients(mct.full_softmax_loss), arguments)


def _samplers() -> Iterator[tuple[str, Call]]:
    common = {"true_classes": label_ids(), "num_true": NUM_TRUE, "num_sampled": 5, "unique": True}
    for name in ("uniform", "log_uniform", "learned_unigram"):
        function = _computed(getattr(mct, f"{name}_candidate_sampler"))
        yield f"{name}_candidate_sampler", Call(function, common | {"range_max": N, "seed": 1})
    fixed = common | {"range_max": N, "seed": 1, "unigrams": np.arange(1.0, N + 1).tolist()}
    fixed |= {"distortion": 0.75, "num_reserved_ids": 0, "num_shards": 1, "shard": 0}
    function = _computed(mct.fixed_unigram_candidate_sampler)
    yield "fixed_unigram_candidate_sampler", Call(function, fixed)
    yield (
        "all_candidate_sampler",
        Call(_computed(mct.all_candidate_sampler), common | {"num_sampled": N}),
    )


def tensorflow_calls() -> Iterator[tuple[str, Call]]:
    """All of them, by name."""
    yield from _losses()
    yield from _samplers()
    made = {"num_classes": N, "num_sampled": 5, "sampler": "log_uniform", "seed": 1}
    made |= {"remove_accidental_hits": True, "log_q_correction": "all", "label_smoothing": 0.0}
    yield "SampledSoftmax", Call(mct.SampledSoftmax, made)
    layer = mct.SampledSoftmax(N, 5)
    layer.build((None, DIM))
    best = {"inputs": problem()["inputs"], "k": 3}
    yield "SampledSoftmax.top_k", Call(_computed(layer.top_k), best)
