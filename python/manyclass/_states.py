"""What ``load_state_dict`` is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def as_state(state: object) -> Mapping[str, Any]:
    """Return ``state``, which must be a dict such as ``state_dict`` returns.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"state is a {type(state).__name__}; it must be a dict, as of state_dict")
    return state


def check_entries(state: Mapping[str, Any], wanted: Mapping[str, Any], owner: str) -> None:
    """Refuse a state that is not of the like of ``owner``, which has the entries ``wanted``.

    Raises
    ------
    ValueError
        If an entry is missing or another.
    """
    for key, value in wanted.items():
        given = state.get(key)
        if (isinstance(given, np.ndarray) and given.ndim > 0) or given != value:
            raise ValueError(f'state has "{key}" {given!r}, {owner} has {value!r}')
