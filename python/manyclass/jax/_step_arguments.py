"""The arguments of the sampled losses for JAX, looked at while a function is traced."""

from __future__ import annotations

from typing import Any

import jax

from manyclass._sampled_arguments import check_sampler
from manyclass._scalars import as_flag, as_integer, as_name
from manyclass.jax._arguments import FLOATS, IDS, as_jax, check_batch, read_labels, read_seed
from manyclass.jax._sampled_step import Arrays, Step, check_options
from manyclass.samplers import Sampler
from manyclass.threads import thread_argument
from manyclass.unigram_samplers import LearnedUnigramSampler

_MOST_SAMPLED = 2**31 - 1


def read_step(
    loss: str,
    given: tuple[Any, ...],
    proposal: tuple[Any, Any, Sampler | None],
    label_weights: Any,
    **options: Any,
) -> tuple[Step, Arrays]:
    """Return a step and its arrays, or refuse what is wrong with them without knowing values."""
    # Constants of a compiled function: hashed before the core can look at them.
    for flag in ("remove_accidental_hits", "mask_repeats"):
        options[flag] = as_flag(options[flag], flag)
    options["log_q_correction"] = as_name(options["log_q_correction"], "log_q_correction")
    thread_argument(options["num_threads"])
    weights, biases, labels, inputs, num_sampled, num_classes, num_true = given
    size, classes = as_integer(num_sampled, "num_sampled"), as_integer(num_classes, "num_classes")
    table = as_jax(weights, "weights", FLOATS, 2)
    if not 1 <= classes <= table.shape[0]:
        raise ValueError(
            f"num_classes is {classes}; it must be at least 1 and at most the {table.shape[0]} "
            "rows of weights"
        )
    ids, row_splits = read_labels(labels, num_true)
    examples = as_jax(inputs, "inputs", FLOATS, 2)
    check_batch(ids, row_splits, examples)
    values, seed, sampler = proposal
    words: Any = None
    sampled: tuple[jax.Array | None, ...] = (None, None, None)
    if values is not None:
        if sampler is not None:
            raise ValueError("sampled_values and sampler are both given; only one may be")
        sampled = _given(values, size)
    else:
        if not 1 <= size <= _MOST_SAMPLED:
            raise ValueError(
                f"num_sampled is {size}; it must be at least 1 and at most {_MOST_SAMPLED}"
            )
        _check_sampler(sampler, classes)
        words = read_seed(seed)
    arrays = Arrays(
        table,
        None if biases is None else as_jax(biases, "biases", FLOATS, 1),
        examples,
        ids,
        row_splits,
        None if label_weights is None else as_jax(label_weights, "label_weights", FLOATS, 1, 2),
        words,
        *sampled,
    )
    step = Step(loss, size, classes, num_true, sampler, tuple(sorted(options.items())))
    weighted = arrays.label_weights
    check_options(
        step,
        (
            str(table.dtype),
            None if arrays.biases is None else str(arrays.biases.dtype),
            str(examples.dtype),
            None if weighted is None else str(weighted.dtype),
        ),
    )
    return step, arrays


def _check_sampler(sampler: Sampler | None, num_classes: int) -> None:
    if sampler is None:
        return
    check_sampler(sampler, num_classes)
    if isinstance(sampler, LearnedUnigramSampler):
        raise TypeError(
            "sampler is a LearnedUnigramSampler, whose candidates depend on earlier calls; under "
            "JAX they must be a function of the arguments: give its sampled_values"
        )


def _given(values: Any, num_sampled: int) -> tuple[jax.Array, ...]:
    if not isinstance(values, tuple | list) or len(values) != 3:
        raise TypeError(
            "sampled_values must be a tuple of three arrays (sampled_candidates, "
            f"true_expected_count, sampled_expected_count), got {type(values).__name__}"
        )
    ids = as_jax(values[0], "sampled_candidates", IDS, 1)
    if len(ids) != num_sampled:
        raise ValueError(f"num_sampled is {num_sampled}, sampled_values has {len(ids)} candidates")
    return (
        ids,
        as_jax(values[1], "true_expected_count", FLOATS, 0, 1, 2),
        as_jax(values[2], "sampled_expected_count", FLOATS, 1),
    )
