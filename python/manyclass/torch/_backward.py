"""What the backward passes of all losses have in common."""

from __future__ import annotations

import torch
from torch import Tensor


def rows_as_gradient(indices: Tensor, rows: Tensor, table: Tensor, sparse: bool) -> Tensor:
    """Return the gradient of a table: sparse COO, each row once, or dense with zeros."""
    if not sparse:
        return torch.zeros_like(table).index_copy(0, indices, rows)
    # The core gives indices in range, ascending, each once.
    return torch.sparse_coo_tensor(
        indices.unsqueeze(0), rows, table.shape, is_coalesced=True, check_invariants=False
    )


def refuse_second_derivatives() -> None:
    """Refuse ``create_graph``: gradients made here have no graph, and would count as constants."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            "the losses of manyclass.torch have no second derivatives: leave create_graph out"
        )
