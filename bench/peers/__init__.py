"""The same training step by manyclass and by those it is compared with, a module for each.

A step draws candidates, log-uniformly, and computes the sampled softmax's loss of each example and
the gradients of their sum with respect to weights, biases and inputs, float32. Gradients of the
tables come as each peer gives them: rows for the labels and for the candidates, or indexed slices.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable

from peers.problem import Problem, Step

Peers = dict[str, tuple[str, str, str]]
# Where each is, and what must be installed for it.
PEERS: Peers = {
    "manyclass": ("manyclass_step", "ManyclassStep", "manyclass"),
    "TensorFlow": ("tensorflow_step", "TensorFlowStep", "tensorflow"),
    "PyTorch eager": ("torch_step", "EagerStep", "torch"),
    "PyTorch compiled": ("torch_step", "CompiledStep", "torch"),
    "PyTorch closed form": ("torch_step", "ClosedFormStep", "torch"),
    "NumPy": ("numpy_step", "NumpyStep", "numpy"),
}
# The same with products in bfloat16, where a peer has them.
BFLOAT16_PEERS: Peers = {
    "manyclass": ("manyclass_step", "ManyclassBfloat16Step", "manyclass"),
    "manyclass float32": PEERS["manyclass"],
    "PyTorch eager": ("torch_step", "EagerBfloat16Step", "torch"),
    "PyTorch compiled": ("torch_step", "CompiledBfloat16Step", "torch"),
}


def installed(name: str, peers: Peers = PEERS) -> bool:
    """Return whether the peer can be imported."""
    return importlib.util.find_spec(peers[name][2]) is not None


def packages(names: Iterable[str], peers: Peers = PEERS) -> list[str]:
    """Return what the peers are made of, each once."""
    return list(dict.fromkeys(peers[name][2] for name in names))


def make_step(name: str, problem: Problem, num_threads: int, peers: Peers = PEERS) -> Step:
    """Return the peer's step; the peer is imported now, if it has not been."""
    module, step, _ = peers[name]
    made: Step = getattr(importlib.import_module(f"peers.{module}"), step)(problem, num_threads)
    return made
