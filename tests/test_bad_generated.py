"""Generated bad arguments of every public function: a clear refusal that changes nothing.

A short round by default; ``python -m pytest tests/test_bad_generated.py --generated 500`` is a long
one, which prints how many were refused.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings

import manyclass as mc
from generated_arguments import bad_arguments
from public_calls import Call, names_wanted, public_calls

DIRECTORY = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, DIRECTORY)
CALLS = public_calls(DIRECTORY)
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
        assert result.dtype.kind in "iuf"
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


def require_name(message: str, arguments: dict[str, Any]) -> None:
    """Of a path the operating system's words will do; what says what memory lacks is NumPy's."""
    others = (
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
        require_name(str(error), arguments)
    else:
        was_refused = False
        check_result(result)
    if was_refused:
        assert bits(arguments) == before
        assert bits(call.state()) == state
    assert bits(without(arguments, call.written)) == unwritten
    return was_refused


@pytest.fixture(autouse=True)
def _as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a generated path names is written here; the number of threads is put back."""
    monkeypatch.chdir(tmp_path)
    num_threads = mc.get_num_threads()
    yield
    mc.set_num_threads(num_threads)


def test_no_public_name_is_forgotten() -> None:
    assert names_wanted() <= {name.split(":")[0] for name in CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_the_good_call_is_good(name: str) -> None:
    call = CALLS[name]
    if name.startswith(("SampledSoftmax.save", "UnigramSampler.from_vocab_file")):
        with pytest.raises(FileNotFoundError):
            call.function(**call.arguments)
    else:
        call.function(**call.arguments)


@pytest.mark.parametrize("name", CALLS)
def test_bad_arguments_are_refused(
    name: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    call, wanted = CALLS[name], pytestconfig.getoption("--generated")
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
    if wanted >= 500:
        with capsys.disabled():
            print(f"{name}: {refused} refused")
    assert refused >= wanted
