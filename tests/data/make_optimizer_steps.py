"""Record what PyTorch's and TensorFlow's optimizers do; needs torch and tensorflow.

    python tests/data/make_optimizer_steps.py

Four steps on a table of 4 x 3 float64, for each peer and its options: the table after the
last. The tests compare ours with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import torch

SHAPE = (4, 3)
RATE = 0.1
SOME_ROWS = [[0, 2], [2, 3], [0, 2, 3], [1]]
ALL_ROWS = [[0, 1, 2, 3]] * 4

Table = np.ndarray[Any, np.dtype[np.float64]]


def start() -> Table:
    return np.linspace(-1.0, 1.0, 12).reshape(SHAPE)


def gradients(rows: list[list[int]]) -> list[Table]:
    """Multiples of 1/8, which JSON and readers of this file can hold."""
    rng = np.random.default_rng(1)
    return [rng.integers(-12, 13, (len(some), SHAPE[1])) / 8.0 for some in rows]


def torch_steps(make: Callable[[list[Any]], Any], rows: list[list[int]], sparse: bool) -> Any:
    table = torch.nn.Parameter(torch.tensor(start()))
    optimizer = make([table])
    for some, values in zip(rows, gradients(rows), strict=True):
        grad = torch.sparse_coo_tensor([some], values, SHAPE, check_invariants=False)
        table.grad = grad if sparse else grad.to_dense()
        optimizer.step()
    return table.detach().numpy().tolist()


def tensorflow_steps(apply: Callable[..., Any], accumulator: float, rows: list[list[int]]) -> Any:
    table, state = tf.Variable(start()), tf.Variable(np.full(SHAPE, accumulator))
    for some, values in zip(rows, gradients(rows), strict=True):
        apply(
            var=table.handle,
            accum=state.handle,
            lr=np.float64(RATE),
            grad=values,
            indices=np.array(some, np.int64),
        )
    return table.numpy().tolist()


def adagrad_v2(**arguments: Any) -> None:
    tf.raw_ops.ResourceSparseApplyAdagradV2(**arguments, epsilon=np.float64(1e-3))


def momentum(use_nesterov: bool) -> Callable[..., None]:
    def apply(**arguments: Any) -> None:
        tf.raw_ops.ResourceSparseApplyMomentum(
            **arguments, momentum=np.float64(0.9), use_nesterov=use_nesterov
        )

    return apply


def record(
    peer: str, ours: str, options: dict[str, Any], rows: list[list[int]], result: Any
) -> dict[str, Any]:
    return {
        "peer": peer,
        "ours": ours,
        "options": options,
        "rows": rows,
        "gradients": [values.tolist() for values in gradients(rows)],
        "result": result,
    }


def cases() -> list[dict[str, Any]]:
    sgd, adagrad = torch.optim.SGD, torch.optim.Adagrad
    none = {"initial_accumulator_value": 0.0, "epsilon": 1e-3}
    found = [
        record(
            f"torch.optim.SGD {options}",
            "SGD",
            options,
            ALL_ROWS,
            torch_steps(lambda p, options=options: sgd(p, lr=RATE, **options), ALL_ROWS, False),
        )
        for options in (
            {"weight_decay": 0.2},
            {"momentum": 0.9, "weight_decay": 0.2},
            {"momentum": 0.9, "nesterov": True, "weight_decay": 0.2},
        )
    ]
    found += [
        record(
            f"tensorflow ResourceSparseApplyMomentum use_nesterov={nesterov}",
            "SGD",
            {"momentum": 0.9, "nesterov": nesterov},
            SOME_ROWS,
            tensorflow_steps(momentum(nesterov), 0.0, SOME_ROWS),
        )
        for nesterov in (False, True)
    ]
    return [
        *found,
        record(
            "tensorflow ResourceSparseApplyAdagradV2",
            "Adagrad",
            {"initial_accumulator_value": 0.5, "epsilon": 1e-3},
            SOME_ROWS,
            tensorflow_steps(adagrad_v2, 0.5, SOME_ROWS),
        ),
        record(
            "torch.optim.Adagrad, sparse",
            "Adagrad",
            none,
            SOME_ROWS,
            torch_steps(lambda p: adagrad(p, lr=RATE, eps=1e-3), SOME_ROWS, True),
        ),
        record(
            "torch.optim.Adagrad, weight_decay",
            "Adagrad",
            {**none, "weight_decay": 0.2},
            ALL_ROWS,
            torch_steps(lambda p: adagrad(p, lr=RATE, eps=1e-3, weight_decay=0.2), ALL_ROWS, False),
        ),
        record(
            "torch.optim.AdamW",
            "Adam",
            {"betas": [0.8, 0.95], "epsilon": 1e-3, "weight_decay": 0.2},
            ALL_ROWS,
            torch_steps(
                lambda p: torch.optim.AdamW(
                    p, lr=RATE, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.2
                ),
                ALL_ROWS,
                False,
            ),
        ),
        record(
            "torch.optim.SparseAdam",  # its epsilon stands elsewhere: here it is next to nothing
            "Adam",
            {"betas": [0.8, 0.95], "epsilon": 1e-30},
            ALL_ROWS,
            torch_steps(
                lambda p: torch.optim.SparseAdam(p, lr=RATE, betas=(0.8, 0.95), eps=1e-30),
                ALL_ROWS,
                True,
            ),
        ),
    ]


def main() -> None:
    """Write one case per line, so that a diff of the file can be read."""
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases())
    versions = f'"torch":"{torch.__version__}","tensorflow":"{tf.__version__}"'
    head = f'{versions},"rate":{RATE},"start":{json.dumps(start().tolist())}'
    target = Path(__file__).with_name("optimizer_steps.json")
    target.write_text(f'{{{head},"cases":[\n{lines}\n]}}\n')
    print(f"{len(cases())} cases, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
