"""Calls with generated bad arguments: each must be refused clearly, and change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings

from generated_arguments import bad_arguments
from good_arguments import Call

# MemoryError: a size was asked for that is more than there is. OSError: a path was no file's.
REFUSALS = (ValueError, TypeError, OverflowError, MemoryError)


def bits(value: Any) -> Any:
    """All arrays in arguments or in a state as bytes, to be compared."""
    if isinstance(value, np.ndarray):
        kept = [repr(x) for x in value.ravel()] if value.dtype.hasobject else value.tobytes()
        return (str(value.dtype), value.shape, kept)
    if isinstance(value, dict):
        return [(repr(key), bits(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [bits(item) for item in value]
    return repr(value) if isinstance(value, int | float | str) else None


def without(arguments: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in names}


def check_result(result: Any) -> None:
    """What comes out of a call that was not refused: arrays of numbers."""
    if isinstance(result, np.ndarray):
        assert result.dtype.kind in "biuf"
    elif isinstance(result, list | tuple):
        for part in result:
            check_result(part)


def names_in(arguments: dict[str, Any]) -> set[str]:
    """Return what a message may name: arguments, their fields and keys."""
    names = set(arguments)
    for value in arguments.values():
        names |= set(getattr(value, "_fields", value if isinstance(value, dict) else ()))
        for item in value if isinstance(value, list | tuple) else ():
            names |= names_in({"": item}) - {""}
    return {str(name) for name in names}


def require_name(message: str, call: Call, arguments: dict[str, Any]) -> None:
    """Of a path the operating system's words will do; what says what memory lacks is NumPy's."""
    others = (
        *call.words,
        "path",
        "Path",
        "Errno",
        "null byte",
        "codec",
        "array is too big",
        "maximum dimension",
        "allowed dimension",
    )
    assert any(word in message for word in (*names_in(arguments), *others)), message


def is_refused(call: Call, arguments: dict[str, Any]) -> bool:
    """Whether the call raises what it may; nothing must have changed if so."""
    before, state = bits(arguments), bits(call.state())
    unwritten = bits(without(arguments, call.written))
    refusals = (*REFUSALS, OSError) if "path" in arguments else REFUSALS
    try:
        result = call.function(**arguments)
    except MemoryError:
        was_refused = True
    except refusals as error:
        was_refused = True
        require_name(str(error), call, arguments)
    else:
        was_refused = False
        check_result(result)
    if was_refused:
        assert bits(arguments) == before
        assert bits(call.state()) == state
    assert bits(without(arguments, call.written)) == unwritten
    return was_refused


def count_refused(call: Call, wanted: int) -> int:
    """Make the call with bad arguments until so many were refused, and return how many were."""
    refused = 0

    @settings(
        max_examples=wanted,
        database=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(bad_arguments(call.arguments))
    def refuse(arguments: dict[str, Any]) -> None:
        nonlocal refused
        if not is_refused(call, arguments):
            reject()  # it was good after all, and counts for nothing
        refused += 1

    refuse()
    return refused


def require_refusals(name: str, call: Call, config: pytest.Config, capsys: Any) -> None:
    """As many as --generated says; a long round prints how many there were."""
    wanted = config.getoption("--generated")
    refused = count_refused(call, wanted)
    if wanted >= 500:
        with capsys.disabled():
            print(f"{name}: {refused} refused")
    assert refused >= wanted
