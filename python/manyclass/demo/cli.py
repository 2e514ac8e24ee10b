"""The command line of the demo."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from manyclass.demo.samplers import SAMPLERS
from manyclass.demo.settings import Settings
from manyclass.demo.text import TextError

Number = TypeVar("Number", int, float)

_EXTRAS = ("tqdm", "matplotlib")
_EPOCHS = 1.0
_MINUTES = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; gives the exit code: 2 for an error in what the user asked for."""
    settings = _parse(arguments)
    missing = [name for name in _EXTRAS if find_spec(name) is None]
    if missing:
        return _fail(
            f"the demo needs {' and '.join(missing)}: python -m pip install 'manyclass[demo]'"
        )
    from manyclass.demo.run import run  # here, because it needs the extras

    try:
        run(settings)
    except (TextError, OSError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return 0


def _fail(message: str) -> int:
    print(f"manyclass.demo: {message}", file=sys.stderr)
    return 2


def _parse(arguments: Sequence[str] | None) -> Settings:
    parsed = _parser().parse_args(arguments)
    parsed.text = tuple(parsed.text)
    if parsed.epochs is None and parsed.minutes is None:
        parsed.epochs, parsed.minutes = _EPOCHS, _MINUTES
    return Settings(**vars(parsed))


def _checked(
    convert: Callable[[str], Number], accept: Callable[[Number], bool], wanted: str
) -> Callable[[str], Number]:
    """Make an argparse type that says what is wanted."""

    def read(text: str) -> Number:
        try:
            value = convert(text)
        except ValueError:
            accepted = False
        else:
            accepted = accept(value)
        if not accepted:
            raise argparse.ArgumentTypeError(f"{text} is not {wanted}")
        return value

    return read


_positive_int = _checked(int, lambda value: value > 0, "a positive integer")
_positive_float = _checked(float, lambda value: 0.0 < value < math.inf, "a positive number")
_natural = _checked(int, lambda value: value >= 0, "an integer from 0 on")
_share = _checked(float, lambda value: 0.0 < value < 1.0, "a number between 0 and 1")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m manyclass.demo",
        description="Train a next-token model with a sampled softmax, and evaluate it with the "
        "full one. Ctrl-C ends the training early; the rest of the run follows all the same.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--text",
        nargs="+",
        type=Path,
        default=(),
        metavar="FILE",
        help="UTF-8 text to train on instead of the source of Python's standard library",
    )
    add("--output", type=Path, default=Path("manyclass-demo"), help="folder for the results")
    add("--dim", type=_positive_int, default=128, help="length of a row")
    add("--context", type=_positive_int, default=16, help="tokens that the model looks back")
    add("--candidates", type=_positive_int, default=512, help="classes sampled per step")
    add("--batch", type=_positive_int, default=512, help="tokens per step")
    add(
        "--epochs",
        type=_positive_float,
        help=f"passes over the training text; without --minutes too: {_EPOCHS:g}",
    )
    add(
        "--minutes",
        type=_positive_float,
        help=f"longest time to train; without --epochs too: {_MINUTES:g}",
    )
    add("--sampler", choices=sorted(SAMPLERS), default="log-uniform", help="of the candidates")
    add("--learning-rate", type=_positive_float, default=0.2, help="of Adagrad")
    add("--held-out", type=_share, default=0.02, help="share of the text that is held out")
    add("--score-tokens", type=_positive_int, default=40_000, help="held-out tokens to score")
    add("--seed", type=_natural, default=1, help="of the split, the model and all draws")
    add("--threads", type=_positive_int, help="threads of the core; as many as it finds")
    return parser
