"""Arrays in a file of the safetensors format: written without a second copy, read as a map.

The format (https://huggingface.co/docs/safetensors): the length of a JSON header, as 8 bytes
little endian; the header, which says each tensor's dtype, shape and place; the tensors, one after
another. The package of that name makes a copy of what it writes, and of what it reads for NumPy.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from manyclass._arrays import Array
from manyclass._mapped_memory import map_memory

_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I32": np.dtype("<i4"),
}
# NumPy lacks it; the package ml_dtypes has it, and is asked only where it is met.
_BFLOAT16 = "BF16"
_NAMES = {dtype.name: name for name, dtype in _DTYPES.items()} | {"bfloat16": _BFLOAT16}
_LENGTH_BYTES = 8
_ALIGNMENT = 64  # of the first tensor; wider elements come first, so that all are aligned
_BLOCK_BYTES = 2**20


def write_tensors(file: FileIO, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write arrays and strings; stretches of zeros become holes of the file, where it can."""
    names = sorted(tensors, key=lambda name: -tensors[name].itemsize)
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name in names:
        begin, end = end, end + tensors[name].nbytes
        header[name] = {
            "dtype": _NAMES[tensors[name].dtype.name],
            "shape": tensors[name].shape,
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-(_LENGTH_BYTES + len(text)) % _ALIGNMENT)
    _write(file, np.frombuffer(len(text).to_bytes(_LENGTH_BYTES, "little") + text, np.uint8))
    for name in names:
        _write_rows(file, tensors[name])
    file.truncate()  # a hole at the end


def read_tensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays, read-only and on the mapped file, and the strings.

    Raises
    ------
    ValueError
        If the file is no safetensors file, or is not whole.
    ImportError
        If it has tensors of bfloat16 and ``ml_dtypes`` is not there.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size <= _LENGTH_BYTES:
            raise ValueError(f"{path} has {size} bytes; it is no safetensors file, or truncated")
        memory = map_memory(file.fileno(), size, access=mmap.ACCESS_READ)
    start = _LENGTH_BYTES + int.from_bytes(memory[:_LENGTH_BYTES], "little")
    if start > size:
        raise ValueError(
            f"{path} has {size} bytes and says that its header ends after {start}; it is no "
            "safetensors file, or truncated"
        )
    try:
        header = json.loads(memory[_LENGTH_BYTES:start])
        metadata = dict(header.pop("__metadata__", {}))
        places = {name: _place_of(entry) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} has no header of a safetensors file: {error}") from None
    end = start + max((stop for *_, stop in places.values()), default=0)
    if end != size:
        raise ValueError(f"{path} has {size} bytes, its header wants {end}: it is not whole")
    tensors = {
        name: np.frombuffer(memory, dtype, math.prod(shape), start + begin).reshape(shape)
        for name, (dtype, shape, begin, _) in places.items()
    }
    return tensors, metadata


def _place_of(entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    name, shape = entry["dtype"], tuple(entry["shape"])
    dtype = _bfloat16() if name == _BFLOAT16 else _DTYPES[name]
    begin, end = entry["data_offsets"]
    if not all(isinstance(number, int) and number >= 0 for number in (*shape, begin, end)):
        raise ValueError(f"shape {shape} or place [{begin}, {end}] has no whole numbers")
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{dtype} of shape {list(shape)} is said to have {end - begin} bytes")
    return dtype, shape, begin, end


def _bfloat16() -> np.dtype[Any]:
    try:
        import ml_dtypes
    except ImportError:
        raise ImportError(
            "tensors of bfloat16 need the package ml_dtypes: pip install 'manyclass[bfloat16]'"
        ) from None
    dtype: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return dtype


def _write_rows(file: FileIO, array: Array) -> None:
    rows = max(1, _BLOCK_BYTES * len(array) // max(array.nbytes, 1))
    for first in range(0, len(array), rows):
        block = np.ascontiguousarray(array[first : first + rows])
        _write(file, block.reshape(-1).view(np.uint8))


def _write(file: FileIO, data: Array) -> None:
    if not data.any():
        file.seek(data.size, 1)
        return
    while data.size:
        written = file.write(data.data)  # the system may take less
        data = data[written:]
