"""Read what TensorFlow's samplers returned (data/make_tensorflow_candidates.py wrote it)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

Case = dict[str, Any]

_DATA = Path(__file__).parent / "data" / "tensorflow_candidates.json"


def cases_of(*samplers: str) -> list[Case]:
    """Return the stored cases of the samplers named."""
    return [case for case in json.loads(_DATA.read_text())["cases"] if case["sampler"] in samplers]


def case_name(case: Case) -> str:
    """Return a test id such as ``uniform-10-of-1000-unique``."""
    kind = "unique" if case["unique"] else "repeats"
    seeds = "-".join(map(str, case["seeds"]))
    power = f"-pow{case['distortion']}" if "distortion" in case else ""
    return f"{case['sampler']}{power}-{case['num_sampled']}-of-{case['range_max']}-{kind}-{seeds}"


def counts_of(case: Case) -> list[float]:
    """Return the unigram counts of a case: stored, or made from their index."""
    stored: list[float] | None = case.get("unigrams")
    if stored is not None:
        return stored
    index = np.arange(case["range_max"], dtype=np.int64)
    made: list[float] = ((7919 * index) % 1009 + 1).tolist()
    return made
