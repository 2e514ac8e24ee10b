"""Checks of the estimator's parameters that no other part of the package makes."""

from __future__ import annotations

from typing import Any

from manyclass._compute_dtype import as_compute_dtype
from manyclass._scalars import as_flag, as_integer, as_real
from manyclass.classifier.proposals import SAMPLERS


def check_parameters(parameters: dict[str, Any]) -> None:
    """Refuse parameters that are out of range.

    Those of the optimizer and ``class_weight`` are checked where they are used.

    Raises
    ------
    TypeError
        If one is of another kind.
    ValueError
        If one is out of range.
    """
    for name in ("num_sampled", "batch_size", "max_iter", "n_iter_no_change"):
        _check_size(parameters[name], name)
    if parameters["hidden_dim"] is not None:
        _check_size(parameters["hidden_dim"], "hidden_dim")
    if parameters["tol"] is not None and not as_real(parameters["tol"], "tol") >= 0.0:
        raise ValueError(f"tol is {parameters['tol']}; it must not be negative, or be None")
    fraction = as_real(parameters["validation_fraction"], "validation_fraction")
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"validation_fraction is {fraction}; it must lie between 0 and 1")
    as_flag(parameters["early_stopping"], "early_stopping")
    as_compute_dtype(parameters["compute_dtype"])
    if parameters["sampler"] not in SAMPLERS:
        raise ValueError(
            f"sampler is {parameters['sampler']!r}; it must be one of {list(SAMPLERS)}"
        )


def _check_size(value: object, name: str) -> None:
    number = as_integer(value, name)
    if number < 1:
        raise ValueError(f"{name} is {number}; it must be at least 1")
