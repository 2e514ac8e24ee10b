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
_MINUTES = 1.75


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
_threads = _checked(int, lambda value: 0 < value <= 1024, "an integer from 1 to 1024")
_natural = _checked(int, lambda value: value >= 0, "an integer from 0 on")
_share = _checked(float, lambda value: 0.0 < value < 1.0, "a number between 0 and 1")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m manyclass.demo",
        description="Train a next-token model with a sampled softmax, and evaluate it with the "
        "full one. Ctrl-C ends the training early; the rest of the run follows all the same.",
    )
    add = parser.add_argument
    add(
        "--text",
        nargs="+",
        type=Path,
        default=(),
        metavar="FILE",
        help="UTF-8 text to train on [the source of Python's standard library]",
    )
    add(
        "--output",
        type=Path,
        default=Path("manyclass-demo"),
        metavar="FOLDER",
        help="where the results go [%(default)s]",
    )
    add("--dim", type=_positive_int, default=128, help="length of a row [%(default)s]")
    add(
        "--context",
        type=_positive_int,
        default=16,
        help="how many tokens the model looks back [%(default)s]",
    )
    add(
        "--candidates",
        type=_positive_int,
        default=512,
        help="classes sampled per step [%(default)s]",
    )
    add("--batch", type=_positive_int, default=512, help="tokens per step [%(default)s]")
    add(
        "--epochs",
        type=_positive_float,
        help="train for so many passes over the text "
        f"[{_EPOCHS:g}, unless --minutes is given alone]",
    )
    add(
        "--minutes",
        type=_positive_float,
        help=f"train no longer than this [{_MINUTES:g}, unless --epochs is given alone]",
    )
    add(
        "--sampler",
        choices=sorted(SAMPLERS),
        default="log-uniform",
        help="draws the candidates [%(default)s]",
    )
    add(
        "--learning-rate",
        type=_positive_float,
        default=0.2,
        help="Adagrad's [%(default)s]",
    )
    add(
        "--held-out",
        type=_share,
        default=0.02,
        help="share of the text that is held out [%(default)s]",
    )
    add(
        "--score-tokens",
        type=_positive_int,
        default=30_000,
        help="held-out tokens to score, evenly spread [%(default)s]",
    )
    add(
        "--seed",
        type=_natural,
        default=1,
        help="of the split, the model and all draws [%(default)s]",
    )
    add("--threads", type=_threads, help="of the core [all that this process may use]")
    return parser
