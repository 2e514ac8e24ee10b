"""From documents to class ids: tokens, the held-out split and the vocabulary."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manyclass.demo.text import Document, TextError

UNKNOWN = "<unk>"
END = "<eof>"

# A run of letters, digits and underscores, or any one other visible character. So neither of the
# two names above can be a token of the text.
_TOKEN = re.compile(r"\w+|[^\w\s]")
_SPACE = re.compile(r"\s")

# Fewer files than this are cut into pieces, or one file would be half of what can be held out.
_FEWEST_DOCUMENTS = 50
_PIECES = 200
_SHORTEST_PIECE = 500  # characters: short passages repeat each other by chance
_SHORTEST_TEXT = 2000


@dataclass(frozen=True)
class Corpus:
    """A text as class ids, numbered by falling frequency in the training part.

    Attributes
    ----------
    vocabulary : list of str
        The token of each class.
    counts : int64[classes]
        How often each class occurs in `train`, falling.
    train, held_out : int32[tokens]
        Whole documents, each ended by the class `END`, with one more `END` in front of the first.
    documents : int
        How many different documents there are in both.
    unknown : int
        The class of every token that the training part has fewer than twice.
    """

    vocabulary: list[str]
    counts: npt.NDArray[np.int64]
    train: npt.NDArray[np.int32]
    held_out: npt.NDArray[np.int32]
    documents: int
    unknown: int


@dataclass(frozen=True)
class _Tokenized:
    """The distinct documents as provisional ids, which index `tokens`."""

    tokens: list[str]
    documents: list[npt.NDArray[np.int32]]
    digests: list[bytes]


def build_corpus(documents: Sequence[Document], *, held_out: float, seed: int) -> Corpus:
    """Cut documents into tokens, hold some out and number the classes.

    Parameters
    ----------
    documents : sequence of Document
        Copies of an earlier document are left out, so that none can be on both sides of the split.
    held_out : float
        The share of the tokens to hold out.
    seed : int
        Chooses, with each document's content, which are held out.

    Returns
    -------
    Corpus
        Its vocabulary and counts come from the training part alone.

    Raises
    ------
    TextError
        If the documents together are too short, or cannot be split.
    """
    if len(documents) < _FEWEST_DOCUMENTS:
        documents = [piece for document in documents for piece in _pieces(document)]
    tokenized = _tokenize(documents)
    size = sum(len(ids) for ids in tokenized.documents)
    if size < _SHORTEST_TEXT:
        raise TextError(
            f"the text is too short: {size:,} tokens without copies of the same passage, "
            f"at least {_SHORTEST_TEXT:,} are needed"
        )
    if len(tokenized.documents) < 2:
        raise TextError("the text has no white space to cut it at, so none can be held out")
    train, held = _split(tokenized, target=held_out * size, seed=seed)
    return _number_classes(tokenized.tokens, train, held)


def _pieces(document: Document) -> list[Document]:
    """Cut a document into pieces of about equal length, at line ends or at white space."""
    text = document.text
    length = max(_SHORTEST_PIECE, len(text) // _PIECES)
    pieces = []
    start = 0
    while start < len(text):
        end = _next_cut(text, start + length, length)
        pieces.append(Document(f"{document.name}[{start}:{end}]", text[start:end]))
        start = end
    return pieces


def _next_cut(text: str, start: int, length: int) -> int:
    """Find the end of the line if it is near, else the next white space or the end."""
    line_end = text.find("\n", start, start + length)
    if line_end >= 0:
        return line_end + 1
    space = _SPACE.search(text, start)
    return len(text) if space is None else space.end()


def _tokenize(documents: Sequence[Document]) -> _Tokenized:
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__  # a token not seen before takes the next free id
    seen: set[bytes] = set()
    result = _Tokenized([], [], [])
    for document in documents:
        tokens = _TOKEN.findall(document.text)
        digest = hashlib.sha256("\n".join(tokens).encode()).digest()
        if not tokens or digest in seen:
            continue
        seen.add(digest)
        ids = np.fromiter(map(index.__getitem__, tokens), np.int32, len(tokens))
        result.documents.append(ids)
        result.digests.append(digest)
    result.tokens.extend(index)
    return result


def _split(
    tokenized: _Tokenized, *, target: float, seed: int
) -> tuple[list[npt.NDArray[np.int32]], list[npt.NDArray[np.int32]]]:
    """Hold out whole documents, in an order given by seed and content, up to `target` tokens."""
    documents = tokenized.documents
    keys = [hashlib.sha256(b"%d:" % seed + digest).digest() for digest in tokenized.digests]
    order = sorted(range(len(documents)), key=keys.__getitem__)
    chosen: list[int] = []
    length = 0
    for document in order:
        if length + len(documents[document]) <= target:
            chosen.append(document)
            length += len(documents[document])
    if not chosen:
        chosen = [min(order, key=lambda document: len(documents[document]))]
    train = sorted(set(order).difference(chosen))
    return [documents[k] for k in train], [documents[k] for k in chosen]


def _number_classes(
    tokens: Sequence[str],
    train: Sequence[npt.NDArray[np.int32]],
    held_out: Sequence[npt.NDArray[np.int32]],
) -> Corpus:
    """Order what the training part has twice or more by falling frequency; the rest is unknown."""
    unknown, end = len(tokens), len(tokens) + 1
    names = [*tokens, UNKNOWN, END]
    counts = np.bincount(np.concatenate(train), minlength=end + 1)
    rare = counts < 2
    rare[[unknown, end]] = False
    counts[unknown] = counts[rare].sum()
    counts[end] = len(train)
    counts[rare] = -1
    kept = np.flatnonzero(~rare)
    # Stable: classes that are equally frequent keep the order of their first appearance.
    order = kept[np.argsort(-counts[kept], kind="stable")]
    classes = np.empty(end + 1, np.int32)
    classes[order] = np.arange(len(order), dtype=np.int32)
    classes[rare] = classes[unknown]
    return Corpus(
        vocabulary=[names[k] for k in order],
        counts=counts[order].astype(np.int64),
        train=_stream(train, classes, end),
        held_out=_stream(held_out, classes, end),
        documents=len(train) + len(held_out),
        unknown=int(classes[unknown]),
    )


def _stream(
    documents: Sequence[npt.NDArray[np.int32]], classes: npt.NDArray[np.int32], end: int
) -> npt.NDArray[np.int32]:
    """Join documents, with the class of `end` around each, and translate their ids to classes."""
    border = np.array([end], np.int32)
    parts = [border]
    for ids in documents:
        parts += [ids, border]
    return classes[np.concatenate(parts)]
