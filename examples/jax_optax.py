"""A next-token model in JAX, trained with Optax on sampled classes.

The text is that of the demo: the source of Python's standard library, or files of yours. The model
is one hidden layer over the last few tokens. Optax trains it; the two tables, embeddings and
softmax, have Adagrad on the rows that a step touched, for which `manyclass.jax` has what it takes:
no array of the size of a table is made in a step. What is printed at the end is the exact loss.

    python -m pip install '.[jax]'
    python examples/jax_optax.py [--steps 1000] [--text FILE ...]
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import manyclass.jax as mj
from language_corpus import add_options, held_out_windows, read_corpus, windows
from manyclass.demo.text import TextError


class Table(NamedTuple):
    """Rows and Adagrad's sums of squares."""

    rows: jax.Array
    squares: jax.Array


def main() -> int:
    """Train, and print the loss of text that was held out."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_options(parser)
    parser.add_argument("--learning-rate", type=float, default=0.1, help="Adagrad's")
    args = parser.parse_args()
    try:
        corpus = read_corpus(args)
    except TextError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    num_classes = len(corpus.vocabulary)
    state, step = make_step(num_classes, args)
    rng = np.random.default_rng(args.seed)
    keys = jax.random.split(jax.random.key(args.seed), args.steps)
    held_out = held_out_windows(corpus, args.context)
    print(f"held-out loss before: {evaluate(state, held_out):.3f}", flush=True)
    began = time.perf_counter()
    for k in range(args.steps):
        places = rng.integers(args.context, len(corpus.train), args.batch)
        state, loss = step(state, *windows(corpus.train, places, args.context), keys[k])
        if (k + 1) % max(1, args.steps // 5) == 0:
            print(f"step {k + 1}: sampled loss {float(loss):.3f}", flush=True)
    seconds = time.perf_counter() - began
    loss = evaluate(state, held_out)
    print(f"{args.steps} steps in {seconds:.1f} s")
    print(f"held-out loss after: {loss:.3f}, perplexity {math.exp(loss):.1f}")
    return 0


def make_step(num_classes: int, args: argparse.Namespace) -> tuple[dict[str, Any], Any]:
    """Return the model's state and the compiled step."""
    dim, width = args.dim, args.dim * args.context
    keys = jax.random.split(jax.random.key(args.seed + 1), 3)
    hidden = {"matrix": jax.random.normal(keys[0], (width, dim)) / width**0.5}
    optimizer = optax.adam(1e-3)
    state = {
        "hidden": hidden,
        "adam": optimizer.init(hidden),
        "embeddings": table(jax.random.normal(keys[1], (num_classes, dim))),
        "weights": table(jax.random.uniform(keys[2], (num_classes, dim), minval=-1) / dim**0.5),
        "biases": table(jnp.zeros(num_classes)),
    }

    # The tables are given away: they are changed where they lie.
    @partial(jax.jit, donate_argnums=0)
    def step(state: dict[str, Any], contexts: Any, labels: Any, key: Any) -> Any:
        embedded = state["embeddings"].rows[contexts]
        inputs, pull_back = jax.vjp(forward, state["hidden"], embedded)
        losses, gradients = mj.sampled_softmax_loss_and_grad(
            *(state["weights"].rows, state["biases"].rows, labels[:, jnp.newaxis], inputs),
            *(args.candidates, num_classes),
            seed=key,
            grad_loss=jnp.full(args.batch, 1 / args.batch),
        )
        grad_hidden, grad_embedded = pull_back(gradients.inputs)
        updates, adam = optimizer.update(grad_hidden, state["adam"])
        rows = mj.Rows(contexts.reshape(-1), grad_embedded.reshape(-1, dim))
        new = {
            "hidden": optax.apply_updates(state["hidden"], updates),
            "adam": adam,
            "embeddings": adagrad(state["embeddings"], rows, args.learning_rate),
            "weights": adagrad(state["weights"], gradients.weights, args.learning_rate),
            "biases": adagrad(state["biases"], gradients.biases, args.learning_rate),
        }
        return new, losses.mean()

    return state, step


def forward(hidden: dict[str, jax.Array], embedded: jax.Array) -> jax.Array:
    """Return the input of the softmax: a hidden layer over the embeddings of a context."""
    return jnp.tanh(embedded.reshape(len(embedded), -1) @ hidden["matrix"])


def table(rows: jax.Array) -> Table:
    """Return a table that Adagrad has not changed yet."""
    return Table(rows, jnp.full_like(rows, 0.1))


def adagrad(table: Table, gradient: mj.Rows, learning_rate: float) -> Table:
    """Update the rows of a gradient; repeated rows add up."""
    indices, values = gradient
    squares = mj.apply_rows(table.squares, mj.Rows(indices, values**2))
    divisors = jnp.sqrt(mj.take_rows(squares, gradient)) + 1e-7
    rows = mj.apply_rows(table.rows, mj.Rows(indices, -learning_rate * values / divisors))
    return Table(rows, squares)


def evaluate(state: dict[str, Any], part: Any) -> float:
    """Return the exact mean loss, over all classes."""
    inputs = forward(state["hidden"], state["embeddings"].rows[part.contexts])
    tables = state["weights"].rows, state["biases"].rows
    losses = mj.full_softmax_loss(*tables, jnp.asarray(part.labels)[:, jnp.newaxis], inputs)
    return float(losses.mean())


if __name__ == "__main__":
    raise SystemExit(main())
