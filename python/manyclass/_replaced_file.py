"""A file that takes another's place once all of it is written."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path


@contextmanager
def replaced_file(path: Path) -> Iterator[FileIO]:
    """Yield a new, unbuffered file that becomes ``path`` at the end, if nothing is raised.

    Whatever happens, a crash included, ``path`` is the old file or the new one, whole. A process
    that is killed may leave the new file beside it, as ".name.<hex>.tmp".
    """
    target = path.resolve()  # a link stays one
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with new.open("xb", buffering=0) as file:
            yield file
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_directory(target.parent)


def _sync_directory(path: Path) -> None:
    """Have the directory's entries written out: else a power cut might undo the renaming."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
