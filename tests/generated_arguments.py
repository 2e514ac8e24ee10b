"""Strategies: a good argument made into one that is mostly bad, whatever its type."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

# Sizes of some gigabytes are orders for memory, not errors; these are more than there is anywhere.
BEYOND_MEMORY = 2**53
SIZES = st.one_of(
    st.integers(-4, 4),
    st.integers(BEYOND_MEMORY, 2**70),
    st.integers(-(2**70), -1),
    st.sampled_from([2**53, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63)]),
)
# Some are taken for paths: no slash, so that they stay in the working directory.
TEXT = st.text(st.characters(exclude_characters="/"), max_size=6)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    SIZES,
    st.floats(),
    st.complex_numbers(),
    TEXT,
    TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.dates(),
    st.lists(st.one_of(st.none(), TEXT, st.floats()), max_size=3),
    st.dictionaries(TEXT, st.floats(), max_size=2),
    st.builds(object),
    st.sampled_from([np.nan, np.array("x"), np.array(None), np.float16(1), np.int8(-1), int, ...]),
    st.sampled_from([np.datetime64("NaT", "s"), np.array([[[1.5]]]), np.zeros((0, 3)), slice(3)]),
)
DTYPES = ["?", "i1", "u1", "i4", "u8", "i8", "f2", "f4", "f8", "g", "c8", "O", "U4", "S3", ">f4"]
DTYPES += [">i8", "M8[s]", "m8[s]", "V4"]
BAD_REALS = [np.nan, np.inf, -np.inf, -1.0, -0.0, 5e-324, -1e-300, 1e-40, 3e38, 1e308]
BAD_IDS = [-1, 2**32, 2**53, 2**62, 2**63 - 1, -(2**63)]


def _cast(array: np.ndarray, dtype: str) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return array.astype(dtype)
        except (TypeError, ValueError, OverflowError):
            return array.tolist()


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _every_second(array: np.ndarray) -> np.ndarray:
    return np.repeat(array, 2, axis=-1)[..., ::2]


def _unaligned(array: np.ndarray) -> np.ndarray:
    memory = bytearray(1) + bytearray(array.tobytes())
    return np.frombuffer(memory, array.dtype, offset=1).reshape(array.shape)


SHAPES: list[Callable[[np.ndarray], Any]] = [
    lambda a: a[None],
    lambda a: a[..., None],
    lambda a: a.ravel(),
    lambda a: a[:0],
    lambda a: a[..., :0],
    lambda a: a[:-1].copy(),
    lambda a: a[..., :-1].copy(),
    lambda a: np.concatenate([a, a]),
    lambda a: np.concatenate([a, a], axis=-1),
    lambda a: a.ravel()[0],
    lambda a: a.tolist(),
    lambda a: [a],
    lambda a: [*a.tolist(), [None]],
]
LAYOUTS: list[Callable[[np.ndarray], Any]] = [
    lambda a: a.T,
    lambda a: a[::-1],
    lambda a: a[..., ::-1],
    np.asfortranarray,
    lambda a: np.broadcast_to(a.ravel()[:1].reshape((1,) * a.ndim), a.shape),
    _every_second,
    _read_only,
    _unaligned,
    lambda a: np.ma.masked_array(a, mask=True),
    memoryview,
]


def _with_bad_values(draw: st.DrawFn, array: np.ndarray) -> Any:
    result = array.copy()
    flat = result.reshape(-1)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, flat.size - 1))
        if array.dtype.kind == "f":
            value = draw(st.one_of(st.sampled_from(BAD_REALS), st.floats()))
            with np.errstate(all="ignore"):
                flat[place] = value
        else:
            info = np.iinfo(array.dtype)
            value = draw(st.one_of(st.sampled_from(BAD_IDS), st.integers(info.min, -1)))
            flat[place] = min(max(value, info.min), info.max)
    return result


def _bad_array(draw: st.DrawFn, array: np.ndarray) -> Any:
    if array.size == 0 or array.ndim == 0 or array.dtype.kind not in "iuf":
        return draw(JUNK)
    kind = draw(st.sampled_from(["values", "values", "dtype", "shape", "layout"]))
    if kind == "values":
        return _with_bad_values(draw, array)
    if kind == "dtype":
        return _cast(array, draw(st.sampled_from(DTYPES)))
    return draw(st.sampled_from(SHAPES if kind == "shape" else LAYOUTS))(array)


def _bad_items(draw: st.DrawFn, items: list[Any]) -> list[Any]:
    change = draw(st.sampled_from(["item", "item", "item", "fewer", "more"]))
    if change == "more" or not items:
        return [*items, draw(JUNK)]
    place = draw(st.integers(0, len(items) - 1))
    if change == "fewer":
        return items[:place] + items[place + 1 :]
    return [*items[:place], draw(bad(items[place])), *items[place + 1 :]]


@st.composite
def bad(draw: st.DrawFn, good: Any) -> Any:
    """Something else of the kind of `good`, or of no such kind."""
    if draw(st.integers(0, 5)) == 0:
        return draw(JUNK)
    if isinstance(good, np.ndarray):
        return _bad_array(draw, good)
    if isinstance(good, bool) or good is None:
        return draw(JUNK)
    if isinstance(good, int):
        return draw(SIZES)
    if isinstance(good, float):
        return draw(st.one_of(st.sampled_from(BAD_REALS), st.floats()))
    if isinstance(good, str):
        return draw(TEXT)
    if isinstance(good, dict):
        keys = list(good)
        pairs = _bad_items(draw, [good[key] for key in keys])
        return dict(zip(keys if len(pairs) == len(keys) else [*keys, "more"], pairs, strict=False))
    if isinstance(good, tuple) and hasattr(good, "_fields"):
        place = draw(st.sampled_from(good._fields))
        return good._replace(**{place: draw(bad(getattr(good, place)))})
    if isinstance(good, list | tuple):
        return type(good)(_bad_items(draw, list(good)))
    return draw(JUNK)


@st.composite
def bad_arguments(draw: st.DrawFn, good: dict[str, Any]) -> dict[str, Any]:
    """The arguments with one or two of them made bad."""
    names = draw(st.lists(st.sampled_from(sorted(good)), min_size=1, max_size=2, unique=True))
    return good | {name: draw(bad(good[name])) for name in names}
