"""Write tensorflow_candidates.json: what TensorFlow's own candidate samplers return.

Run it by hand in an environment that has TensorFlow (made with 2.21.0 on a CPU)::

    python -m pip install tensorflow-cpu==2.21.0
    python tests/data/make_tensorflow_candidates.py

The suite reads the file only; it needs no TensorFlow.
Each case is one sampler (one kernel) called several times: in eager mode TensorFlow
caches the kernel, so the second call goes on where the first one's stream ended.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

Case = dict[str, Any]

SEED_PAIRS = [(87654321, 0), (87654321, 42), (1, 2), (0, 2147483647), (2147483646, 123456789)]
NUM_CALLS = 3


def integer_weights(length: int) -> list[int]:
    """Weights that test code can make again from their length alone."""
    return [(7919 * i) % 1009 + 1 for i in range(length)]


def op_and_attributes(case: Case) -> tuple[Any, dict[str, Any]]:
    """The raw operation of a case, with what only that operation takes."""
    if case["sampler"] in ("fixed_unigram", "numbered_unigram"):
        weights = case.get("unigrams") or integer_weights(case["range_max"])
        return tf.raw_ops.FixedUnigramCandidateSampler, {
            "unigrams": [float(w) for w in weights],
            "distortion": case["distortion"],
            **case.get("numbering", {}),
        }
    return {
        "uniform": tf.raw_ops.UniformCandidateSampler,
        "log_uniform": tf.raw_ops.LogUniformCandidateSampler,
        "learned_unigram": tf.raw_ops.LearnedUnigramCandidateSampler,
    }[case["sampler"]], {}


def labels_of_call(case: Case, call: int, num_true: int = 2, batch: int = 2) -> list[list[int]]:
    """Labels that spread over the range and differ from call to call."""
    count = batch * num_true
    flat = [(call * 31 + i * i * i * 977) % case["range_max"] for i in range(count)]
    flat[0] = 0
    flat[-1] = case["range_max"] - 1
    return [flat[row * num_true : (row + 1) * num_true] for row in range(batch)]


def float32_list(values: np.ndarray) -> list[float]:
    """The shortest decimal of each float32; reading it as float32 gives the same bits."""
    return [float(str(v)) for v in values.ravel()]


def record(case: Case) -> Case:
    """Call the sampler of a case on a fresh kernel and keep all that it returned."""
    tf.random.set_seed(0)  # empties the kernel cache: the stream starts anew
    operation, attributes = op_and_attributes(case)
    calls = []
    for call in range(NUM_CALLS):
        labels = labels_of_call(case, call)
        sampled, true_count, sampled_count = operation(
            true_classes=tf.constant(labels, tf.int64),
            num_true=len(labels[0]),
            num_sampled=case["num_sampled"],
            unique=case["unique"],
            range_max=case["range_max"],
            seed=case["seeds"][0],
            seed2=case["seeds"][1],
            **attributes,
        )
        calls.append(
            {
                "true_classes": labels,
                "sampled_candidates": sampled.numpy().tolist(),
                "true_expected_count": float32_list(true_count.numpy()),
                "sampled_expected_count": float32_list(sampled_count.numpy()),
            }
        )
    return {**case, "calls": calls}


def plain_cases() -> list[Case]:
    """Samplers without weights: (range, num_sampled) from tiny to beyond a million."""
    ranges = [(6, 3), (6, 6), (10, 8), (64, 16), (1000, 20), (10007, 24), (1000000, 24)]
    cases = []
    for sampler in ("uniform", "log_uniform", "learned_unigram"):
        sizes = ranges if sampler == "learned_unigram" else [*ranges, (2**40, 12)]
        for position, (range_max, num_sampled) in enumerate(sizes):
            for unique in (False, True):
                for shift in range(2):
                    seeds = SEED_PAIRS[(2 * position + shift + unique) % len(SEED_PAIRS)]
                    cases.append(
                        {
                            "sampler": sampler,
                            "range_max": range_max,
                            "num_sampled": num_sampled,
                            "unique": unique,
                            "seeds": seeds,
                        }
                    )
    long_samples = [
        {"sampler": sampler, "range_max": 2000, "num_sampled": 500, "unique": True, "seeds": (5, 6)}
        for sampler in ("uniform", "log_uniform")
    ]
    return cases + long_samples


def fixed_unigram_cases() -> list[Case]:
    """Weights with zeros, fractions and distortion; up to a million made from their index."""
    listed = [
        ([1, 2, 3, 4, 5], 1.0, 3),
        ([1, 1, 1, 1, 1, 1, 1, 1], 1.0, 5),
        ([0, 3, 0, 0.25, 10, 0.7, 1000], 1.0, 4),
        ([0, 3, 0, 0.25, 10, 0.7, 1000], 0.75, 4),
        ([900, 400, 266, 190, 150, 120, 100, 88, 77, 70, 3, 2, 1], 0.75, 8),
        ([5, 0, 7], 0.0, 2),
    ]
    shapes: list[Case] = [
        {"range_max": len(w), "unigrams": w, "distortion": d, "num_sampled": s}
        for w, d, s in listed
    ]
    shapes += [
        {"range_max": n, "distortion": d, "num_sampled": s}
        for n, d, s in [(100, 1.0, 30), (10007, 0.75, 24), (100000, 1.0, 24), (1000000, 0.75, 24)]
    ]
    return [
        {
            "sampler": "fixed_unigram",
            **shape,
            "unique": unique,
            "seeds": SEED_PAIRS[(i + unique) % len(SEED_PAIRS)],
        }
        for i, shape in enumerate(shapes)
        for unique in (False, True)
    ]


def numbered_cases() -> list[Case]:
    """Reserved ids and shards; the range is what TensorFlow's numbering leaves of 11 weights."""
    weights = [float((5 * i) % 7 + 1) for i in range(11)]
    shapes = [(2, 1, 0, 13), (-2, 1, 0, 11), (0, 2, 0, 6), (0, 2, 1, 5), (1, 2, 0, 6), (1, 2, 1, 5)]
    shapes += [(5, 3, 0, 6), (5, 3, 1, 5), (5, 3, 2, 5), (0, 4, 3, 2)]
    return [
        {
            "sampler": "numbered_unigram",
            "range_max": range_max,
            "unigrams": weights,
            "distortion": 0.7,
            "numbering": {"num_reserved_ids": reserved, "num_shards": shards, "shard": shard},
            "num_sampled": 2,
            "unique": unique,
            "seeds": SEED_PAIRS[(shards + shard + unique) % len(SEED_PAIRS)],
        }
        for reserved, shards, shard, range_max in shapes
        for unique in (False, True)
    ]


def main() -> None:
    """Write one case per line, so that a diff of the file can be read."""
    cases = [record(case) for case in [*plain_cases(), *fixed_unigram_cases(), *numbered_cases()]]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    target = Path(__file__).with_name("tensorflow_candidates.json")
    target.write_text(f'{{"tensorflow":"{tf.__version__}","cases":[\n{lines}\n]}}\n')
    print(f"{len(cases)} cases, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
