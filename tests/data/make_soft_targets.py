"""Record PyTorch's cross entropy of soft targets and of label smoothing; needs torch.

    python tests/data/make_soft_targets.py

A layer of 5 classes and 2 dimensions, 3 examples, float64. Targets are the rows of a matrix of
probabilities; in one case they do not sum to 1. The tests compare ours with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

# Labels and weights of each example, label smoothing.
ROWS = [[1], [4, 0], [2, 3, 1]]
CASES: list[dict[str, Any]] = [
    {"label_weights": [[1.0], [1.0, 0.0], [1.0, 0.0, 0.0]], "label_smoothing": 0.0},
    {"label_weights": [[1.0], [1.0, 0.0], [1.0, 0.0, 0.0]], "label_smoothing": 0.25},
    {"label_weights": [[1.0], [0.5, 0.5], [0.25, 0.25, 0.5]], "label_smoothing": 0.0},
    {"label_weights": [[1.0], [0.5, 0.5], [0.25, 0.25, 0.5]], "label_smoothing": 0.125},
    {"label_weights": [[0.5], [0.0, 0.0], [1.0, 2.0, 0.25]], "label_smoothing": 0.0},
]


def layer() -> dict[str, np.ndarray]:
    """Multiples of 1/8, which JSON and readers of this file can hold."""
    rng = np.random.default_rng(1)
    shapes = {"weights": (5, 2), "biases": (5,), "inputs": (3, 2)}
    return {name: rng.integers(-12, 13, shape) / 8.0 for name, shape in shapes.items()}


def result(case: dict[str, Any]) -> dict[str, Any]:
    """The losses of the examples, and the gradients of their sum."""
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in layer().items()}
    targets = torch.zeros(3, 5, dtype=torch.float64)
    for i, (labels, weights) in enumerate(zip(ROWS, case["label_weights"], strict=True)):
        targets[i, labels] = torch.tensor(weights, dtype=torch.float64)
    logits = tensors["inputs"] @ tensors["weights"].T + tensors["biases"]
    loss = torch.nn.functional.cross_entropy(
        logits, targets, reduction="none", label_smoothing=case["label_smoothing"]
    )
    loss.sum().backward()
    grads = {name: tensor.grad.tolist() for name, tensor in tensors.items()}
    return {"loss": loss.tolist(), "gradients": grads}


def main() -> None:
    cases = [{**case, **result(case)} for case in CASES]
    head = {
        "torch": torch.__version__,
        "rows": ROWS,
        **{name: array.tolist() for name, array in layer().items()},
    }
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    text = json.dumps(head, separators=(",", ":"))[:-1] + f',"cases":[\n{lines}\n]}}\n'
    (Path(__file__).parent / "soft_targets.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
