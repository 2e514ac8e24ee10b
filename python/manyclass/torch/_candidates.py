"""Candidates of a sampled loss: given, or drawn, by the core or in a graph by an operator."""

from __future__ import annotations

import torch
from torch import Tensor

from manyclass import _core
from manyclass._sampled_arguments import check_sampler
from manyclass._seeds import SeedLike, resolve_seed
from manyclass.samplers import LogUniformSampler, Sampler, samplers_by_number
from manyclass.torch._tensors import FLOATS, IDS, as_numpy, check_tensor

Sampled = tuple[Tensor, Tensor, Tensor]
# A sampler and a seed: where candidates come from, if they are not given.
Proposal = tuple[Sampler | None, SeedLike]


def as_core_candidates(
    given: Sampled | None, proposal: Proposal, num_sampled: int, num_classes: int
) -> _core.Candidates:
    """Return given candidates, or what the core is to draw from."""
    if given is not None:
        ids, true_counts, counts = map(as_numpy, given)
        return ids, true_counts, counts
    sampler, seed = proposal
    if sampler is None:
        return LogUniformSampler(num_classes, seed=seed)._core, num_sampled, None
    check_sampler(sampler, num_classes)
    return sampler._core, num_sampled, None if seed is None else resolve_seed(seed)


def draw_in_graph(
    labels: Tensor, proposal: Proposal, num_sampled: int, num_classes: int
) -> Sampled:
    """Draw candidates by an operator; the stream of the sampler goes on."""
    sampler, seed = proposal
    words = _words_of(seed)
    if sampler is None:
        return sample_log_uniform(labels, num_sampled, num_classes, words)  # type: ignore[no-any-return]
    check_sampler(sampler, num_classes)
    return sample(labels, num_sampled, sampler._number, words)  # type: ignore[no-any-return]


def check_sampled_values(values: object, num_sampled: int) -> Sampled:
    """Return candidates that were given, as tensors; what a sampler of manyclass gives, too."""
    if not isinstance(values, tuple | list) or len(values) != 3:
        raise TypeError(
            "sampled_values must be a tuple of three tensors (sampled_candidates, "
            f"true_expected_count, sampled_expected_count), got {type(values).__name__}"
        )
    ids, true_counts, counts = (
        value if isinstance(value, Tensor) else torch.as_tensor(value) for value in values
    )
    check_tensor(ids, "sampled_candidates", IDS)
    check_tensor(true_counts, "true_expected_count", FLOATS)
    check_tensor(counts, "sampled_expected_count", FLOATS)
    if ids.ndim == 1 and len(ids) != num_sampled:
        raise ValueError(f"num_sampled is {num_sampled}, sampled_values has {len(ids)} candidates")
    return ids, true_counts, counts


def _tensors(arrays: tuple[object, object, object]) -> Sampled:
    ids, true_counts, counts = map(torch.from_numpy, arrays)
    return ids, true_counts, counts


def _words_of(seed: SeedLike) -> list[int] | None:
    if isinstance(seed, tuple | list):
        return list(seed)
    if seed is None or isinstance(seed, int):
        return None if seed is None else [seed]
    raise TypeError(
        f"seed is a {type(seed).__name__}; in a graph it must be an int, a pair of ints or None"
    )


def _seed_of(words: list[int] | None) -> SeedLike:
    if words is None or len(words) == 2:
        return None if words is None else (words[0], words[1])
    return words[0]


@torch.library.custom_op(
    "manyclass::sample", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,)
)
def sample(
    labels: Tensor, num_sampled: int, sampler: int, seed: list[int] | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw from the sampler of a number."""
    found = samplers_by_number.get(sampler)
    if found is None:
        raise RuntimeError(
            f"sampler number {sampler} is gone, or of another process; a graph keeps no sampler "
            "alive: keep it, or its module, as long as the graph"
        )
    return _tensors(found.sample(as_numpy(labels), num_sampled, seed=_seed_of(seed)))


@torch.library.custom_op(
    "manyclass::sample_log_uniform", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,)
)
def sample_log_uniform(
    labels: Tensor, num_sampled: int, num_classes: int, seed: list[int] | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw from a fresh `LogUniformSampler`."""
    fresh = LogUniformSampler(num_classes, seed=_seed_of(seed))
    return _tensors(fresh.sample(as_numpy(labels), num_sampled))


@sample.register_fake
@sample_log_uniform.register_fake
def _(labels: Tensor, num_sampled: int, *_: object) -> Sampled:
    counts = labels.new_empty((num_sampled,), dtype=torch.float32)
    return (
        labels.new_empty((num_sampled,)),
        labels.new_empty(labels.shape, dtype=torch.float32),
        counts,
    )
