"""A good call of every public function of manyclass.jax."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import manyclass.jax as mcj
from good_arguments import DIM, GRAD, Call, N, numbers, problem, sampled_problem


def _losses() -> Iterator[tuple[str, Call]]:
    for name in ("sampled_softmax_loss", "nce_loss"):
        arguments = sampled_problem()
        for other in ("partition_strategy", "compute_dtype"):
            del arguments[other]
        state = arguments["sampler"].state_dict
        yield name, Call(_with_gradients(getattr(mcj, name)), arguments, state=state)
        both = _computed(getattr(mcj, f"{name}_and_grad"))
        yield f"{name}_and_grad", Call(both, arguments | GRAD, state=state)
    arguments = problem(label_smoothing=0.0)
    del arguments["partition_strategy"]
    yield "full_softmax_loss", Call(_with_gradients(mcj.full_softmax_loss), arguments)


def _computed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wait for what is computed while the caller goes on, and with it for what it raises."""

    def call(**arguments: Any) -> Any:
        try:
            return jax.tree.map(np.asarray, function(**arguments))
        except (jax.errors.JaxRuntimeError, IndexError) as error:
            raise ValueError(error) from error  # as what raised it, in a function that JAX called

    return call


def _with_gradients(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loss whose derivatives are taken too, once it is known to be one."""

    def call(**arguments: Any) -> Any:
        loss = _computed(function)(**arguments)
        weights = arguments.pop("weights")
        gradient = jax.grad(lambda table: jnp.sum(function(table, **arguments)))
        gradient(jnp.asarray(weights)).block_until_ready()
        return loss

    return call


def jax_calls() -> Iterator[tuple[str, Call]]:
    """All of them, by name."""
    yield from _losses()
    # JAX's own words for what it does not take.
    fields = {"indices": np.array([1, 3]), "values": numbers(2, DIM)}
    rows = mcj.Rows(*map(jnp.asarray, fields.values()))
    yield "Rows.to_dense", Call(_computed(rows.to_dense), {"num_rows": N}, words=("",))
    for name, function in {"take_rows": mcj.take_rows, "apply_rows": mcj.apply_rows}.items():

        def call(table: Any, function: Callable[..., Any] = function, **given: Any) -> Any:
            with warnings.catch_warnings(), np.errstate(over="ignore"):
                warnings.simplefilter("ignore")  # of dtypes
                rows = mcj.Rows(*map(jnp.asarray, given.values()))
                function(jnp.asarray(table), rows).block_until_ready()  # of whatever dtype it is

        yield name, Call(_computed(call), {"table": numbers(N, DIM)} | fields, words=("",))
