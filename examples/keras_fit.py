"""A next-token model in Keras, trained by ``fit`` on sampled classes and evaluated over all.

The text is that of the demo: the source of Python's standard library, or files of yours. The model
is one hidden layer over the last few tokens; its output layer is `manyclass.tensorflow`'s
`SampledSoftmax`.

    python -m pip install '.[tensorflow]'
    python examples/keras_fit.py [--steps 1000] [--text FILE ...]
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from typing import Any

import keras
import numpy as np

from language_corpus import add_options, held_out_windows, read_corpus, windows
from manyclass.demo.text import TextError
from manyclass.tensorflow import SampledSoftmax


def main() -> int:
    """Train, and print the loss of text that was held out and what follows a few tokens."""
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
    keras.utils.set_random_seed(args.seed)
    model, hidden = make_model(len(corpus.vocabulary), args)
    places = np.random.default_rng(args.seed).integers(
        args.context, len(corpus.train), args.steps * args.batch
    )
    training = windows(corpus.train, places, args.context)
    held_out = held_out_windows(corpus, args.context)
    print(f"held-out loss before: {evaluate(model, held_out):.3f}", flush=True)
    began = time.perf_counter()
    model.fit(list(training), batch_size=args.batch, shuffle=False, verbose=2)
    print(f"{args.steps} steps in {time.perf_counter() - began:.1f} s")
    loss = evaluate(model, held_out)
    print(f"held-out loss after: {loss:.3f}, perplexity {math.exp(loss):.1f}")
    inputs = hidden.predict(held_out.contexts[:3], verbose=0)
    _, classes = model.get_layer("output").top_k(inputs, 3)
    for context, best in zip(held_out.contexts, np.asarray(classes), strict=False):
        names = [" ".join(corpus.vocabulary[k] for k in ids) for ids in (context, best)]
        print(f"{names[0]}: most likely {names[1]}")
    return 0


def make_model(num_classes: int, args: argparse.Namespace) -> tuple[Any, Any]:
    """Return the model of contexts and labels, and its part up to the input of the softmax."""
    contexts = keras.Input([args.context], dtype="int32")
    labels = keras.Input([], dtype="int32")
    embedded = keras.layers.Embedding(num_classes, args.dim)(contexts)
    inputs = keras.layers.Dense(args.dim, "tanh")(keras.layers.Flatten()(embedded))
    output = SampledSoftmax(num_classes, args.candidates, seed=args.seed, name="output")
    model = keras.Model([contexts, labels], output(inputs, labels))
    model.compile(keras.optimizers.Adagrad(args.learning_rate))  # no loss: the layer has it
    return model, keras.Model(contexts, inputs)


def evaluate(model: Any, part: Any) -> float:
    """Return the exact mean loss, over all classes."""
    return float(model.evaluate(list(part), batch_size=1024, verbose=0))


if __name__ == "__main__":
    raise SystemExit(main())
