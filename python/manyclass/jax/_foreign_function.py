"""A Python function as a foreign function of XLA, on arrays that lie in XLA's memory.

`jax.pure_callback` copies what it is called with, a table of a million rows too. XLA's interface
for foreign functions does not: it hands over addresses. What is declared here is the part of its C
interface (``xla/ffi/api/c_api.h`` in `jax.ffi.include_dir`) that a call needs, with ctypes, so that
building manyclass needs no JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_uint32,
    c_void_p,
    cast,
    sizeof,
)
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np

from manyclass._arrays import Array

_TARGET = "manyclass_host_function"
_API_MAJOR = 0
# The first minor version whose structures are those below.
_API_MINOR = 1
_METADATA = 1
_EXECUTE = 3
_FAILED_PRECONDITION = 9
# XLA's numbers of the dtypes that are handed over.
_DTYPES = {
    1: np.dtype(np.bool_),
    4: np.dtype(np.int32),
    5: np.dtype(np.int64),
    8: np.dtype(np.uint32),
    9: np.dtype(np.uint64),
    11: np.dtype(np.float32),
    12: np.dtype(np.float64),
}


class _Buffer(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("dtype", c_int),
        ("data", c_void_p),
        ("rank", c_int64),
        ("dims", c_void_p),
    )


class _Values(Structure):
    """Arguments or results: their number, types and addresses."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("size", c_int64),
        ("types", c_void_p),
        ("buffers", POINTER(c_void_p)),
    )


class _Attributes(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("size", c_int64),
        ("types", c_void_p),
        ("names", c_void_p),
        ("attributes", POINTER(c_void_p)),
    )


class _Scalar(Structure):
    _fields_ = (("dtype", c_int), ("value", POINTER(c_int64)))


class _Version(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("major", c_int),
        ("minor", c_int),
    )


class _Metadata(Structure):
    _fields_ = (("struct_size", c_size_t), ("version", _Version), ("traits", c_uint32))


class _MetadataExtension(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("type", c_int),
        ("next", c_void_p),
        ("metadata", POINTER(_Metadata)),
    )


class _ErrorArguments(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("message", c_char_p),
        ("code", c_int),
    )


class _Api(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("version", _Version),
        ("internal", c_void_p),
        ("create_error", CFUNCTYPE(c_void_p, POINTER(_ErrorArguments))),
    )


class _CallFrame(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("extension_start", POINTER(_MetadataExtension)),
        ("api", POINTER(_Api)),
        ("context", c_void_p),
        ("stage", c_int),
        ("arguments", _Values),
        ("results", _Values),
        ("attributes", _Attributes),
    )


class _Memory:
    """What NumPy makes an array of without a copy."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


class Result(NamedTuple):
    """What XLA is to make an array for."""

    shape: tuple[int, ...]
    dtype: Any


# Gets options, arguments (None where there is none, not to be written) and results, to be filled.
HostFunction = Callable[[Any, list[Any], list[Array]], None]
_calls: list[tuple[HostFunction, Any, tuple[bool, ...]]] = []


def call(
    function: HostFunction,
    options: Hashable,
    results: Sequence[Result],
    arguments: Sequence[jax.Array | None],
) -> list[jax.Array]:
    """Call a function of the host from code that is compiled."""
    specs = [jax.ShapeDtypeStruct(*result) for result in results]  # type: ignore[no-untyped-call]
    foreign = jax.ffi.ffi_call(_TARGET, specs, vmap_method="sequential")
    present = tuple(argument is not None for argument in arguments)
    number = np.int64(_number_of(function, options, present))
    return list(foreign(*(a for a in arguments if a is not None), call=number))


@cache
def _number_of(function: HostFunction, options: Hashable, present: tuple[bool, ...]) -> int:
    """Keep what compiled code knows by a number, for as long as the process lives."""
    _calls.append((function, options, present))
    return len(_calls) - 1


def _run(number: int, given: list[Array], results: list[Array]) -> None:
    function, options, present = _calls[number]
    rest = iter(given)
    function(options, [next(rest) if there else None for there in present], results)


def _arrays(values: _Values, *, read_only: bool) -> list[Array]:
    return [_array(values.buffers[k], read_only) for k in range(values.size)]


def _array(address: int | None, read_only: bool) -> Array:
    buffer = _Buffer.from_address(address or 0)
    shape = tuple((c_int64 * buffer.rank).from_address(buffer.dims)) if buffer.rank else ()
    dtype = _DTYPES[buffer.dtype]
    if not buffer.data or 0 in shape:
        return np.empty(shape, dtype)
    return np.asarray(
        _Memory(
            {
                "shape": shape,
                "typestr": dtype.str,
                "data": (buffer.data, read_only),
                "version": 3,
            }
        )
    )


def _tell_version(extension: _MetadataExtension) -> None:
    extension.metadata.contents.version.major = _API_MAJOR
    extension.metadata.contents.version.minor = _API_MINOR
    extension.metadata.contents.traits = 0


def _error(frame: _CallFrame, error: BaseException) -> Any:
    message = f"{type(error).__name__}: {error}".encode()
    arguments = _ErrorArguments(sizeof(_ErrorArguments), None, message, _FAILED_PRECONDITION)
    return frame.api.contents.create_error(byref(arguments))


def _handle(pointer: Any) -> Any:
    frame = pointer.contents
    if frame.extension_start and frame.extension_start.contents.type == _METADATA:
        _tell_version(frame.extension_start.contents)
        return None
    try:
        if frame.stage != _EXECUTE:
            return None
        number = cast(frame.attributes.attributes[0], POINTER(_Scalar)).contents.value[0]
        _run(
            number,
            _arrays(frame.arguments, read_only=True),
            _arrays(frame.results, read_only=False),
        )
    except BaseException as error:  # ctypes would drop it
        return _error(frame, error)
    return None


# Kept for as long as XLA has its address.
_handler = CFUNCTYPE(c_void_p, POINTER(_CallFrame))(_handle)
_capsule = jax.ffi.pycapsule(cast(_handler, c_void_p).value)  # type: ignore[no-untyped-call]
jax.ffi.register_ffi_target(_TARGET, _capsule, platform="cpu")
