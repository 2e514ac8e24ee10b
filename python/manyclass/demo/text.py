"""Finding and reading the text: Python's standard library, or files that the user names."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Third-party packages, which no two machines have alike, may lie below the standard library.
_FOREIGN_FOLDERS = frozenset({"site-packages", "dist-packages", "__pycache__"})


class TextError(Exception):
    """A text that the demo cannot use; the message is one line for the user."""


@dataclass(frozen=True)
class Document:
    """One file, or one piece of a file, which is held out as a whole or not at all."""

    name: str
    text: str


def standard_library_documents() -> list[Document]:
    """Read the source files of Python's standard library.

    Returns
    -------
    list of Document
        In the order of their paths below the library's folder. Files that are not UTF-8 are left
        out: the library's own tests hold some, broken on purpose.
    """
    root = Path(sysconfig.get_path("stdlib"))
    documents = []
    for path in _python_files(root):
        try:
            text = _decode(path.read_bytes())
        except (OSError, ValueError):
            continue
        documents.append(Document(path.relative_to(root).as_posix(), text))
    if not documents:
        raise TextError(
            f"no source of this Python's standard library below {root}; name a text with --text"
        )
    return documents


def read_documents(paths: Sequence[str | os.PathLike[str]]) -> list[Document]:
    """Read the text files that the user named.

    Parameters
    ----------
    paths : sequence of path
        UTF-8 text files.

    Returns
    -------
    list of Document
        One for each path, in the order given.

    Raises
    ------
    TextError
        If a file is missing, unreadable or not UTF-8 text, or all are empty.
    """
    documents = [Document(os.fspath(path), _read_text(Path(path))) for path in paths]
    if not any(document.text.strip() for document in documents):
        raise TextError(f"the text {', '.join(document.name for document in documents)} is empty")
    return documents


def _python_files(root: Path) -> list[Path]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _FOREIGN_FOLDERS]
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return sorted(found, key=lambda path: path.relative_to(root).parts)


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TextError(f"cannot read the text {path}: {error.strerror}") from error
    try:
        return _decode(data)
    except ValueError as error:
        raise TextError(f"the text {path} is binary, not UTF-8 text: {error}") from error


def _decode(data: bytes) -> str:
    """Decode UTF-8 with or without a byte-order mark; ValueError if it is something else."""
    zero = data.find(0)
    if zero >= 0:
        raise ValueError(f"byte {zero} is NUL")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is 0x{error.object[error.start]:02x}") from error
