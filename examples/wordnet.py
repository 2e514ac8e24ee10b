"""Reading WordNet's synsets from its data files, in the format of wndb(5WN)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = Path("/usr/share/wordnet")
INSTALL = "Debian's package wordnet-base has it: apt-get install wordnet-base"

_FILES = {"n": "data.noun", "v": "data.verb", "a": "data.adj", "r": "data.adv"}
_HYPERNYM = ("@", "@i")
# Satellite adjectives are in the file of adjectives.
_FILE_LETTER = {"s": "a"}
# `(p)` and the like, which say where an adjective may stand.
_SYNTACTIC_MARKER = re.compile(r"\([a-z]+\)$")
# A quoted part, with the mark before it and what follows, such as the author, up to a semicolon.
_SENTENCE = re.compile(r'[;:,]?\s*"([^"]+)"[^;]*')


class WordNetError(Exception):
    """Files that are missing or of another format; the message is one line for the user."""


@dataclass(frozen=True)
class Synset:
    """Words that share a meaning, and the gloss that tells it.

    Attributes
    ----------
    name : str
        The letter of the part of speech and the offset in its file, such as ``n00002684``.
    words : tuple of str
        With spaces, not underscores.
    definition : str
        The gloss without its quoted parts.
    sentences : tuple of str
        The quoted parts of the gloss: examples of use.
    hypernyms : tuple of str
        The names of the synsets that this one is a kind of, or an instance of.
    lexicographer_file : int
        The number of its topic: 05 is noun.animal, see lexnames(5WN).
    """

    name: str
    words: tuple[str, ...]
    definition: str
    sentences: tuple[str, ...]
    hypernyms: tuple[str, ...]
    lexicographer_file: int


def read_synsets(folder: Path) -> list[Synset]:
    """Read all synsets: nouns, verbs, adjectives, adverbs, each in the order of its file.

    Parameters
    ----------
    folder : Path
        Holds ``data.noun``, ``data.verb``, ``data.adj`` and ``data.adv``.

    Returns
    -------
    list of Synset
        117,659 of WordNet 3.0.

    Raises
    ------
    WordNetError
        If a file cannot be read, or a line is not of the documented format.
    """
    return [synset for letter in _FILES for synset in _read_file(folder, letter)]


def _read_file(folder: Path, letter: str) -> list[Synset]:
    path = folder / _FILES[letter]
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WordNetError(f"{path} cannot be read ({error}); {INSTALL}") from error
    synsets = []
    for number, line in enumerate(lines, 1):
        if line.startswith("  "):  # the licence
            continue
        try:
            synsets.append(_parse(line, letter))
        except (ValueError, IndexError) as error:
            raise WordNetError(f"{path}, line {number} is not as wndb(5WN) says") from error
    return synsets


def _parse(line: str, letter: str) -> Synset:
    """Parse `offset lex_filenum ss_type w_cnt word lex_id … p_cnt ptr … [frames] | gloss`."""
    data, bar, gloss = line.partition(" | ")
    if not bar:
        raise ValueError(line)
    offset, topic, _, word_count, *fields = data.split()
    words_end = 2 * int(word_count, 16)
    words = fields[:words_end:2]
    pointers = fields[words_end + 1 : words_end + 1 + 4 * int(fields[words_end])]
    hypernyms = []
    for symbol, target, part, _ in zip(*[iter(pointers)] * 4, strict=True):
        if symbol in _HYPERNYM:
            hypernyms.append(_FILE_LETTER.get(part, part) + target)
    return Synset(
        name=f"{letter}{int(offset):08}",
        words=tuple(_SYNTACTIC_MARKER.sub("", word).replace("_", " ") for word in words),
        definition=_SENTENCE.sub("", gloss).strip(),
        sentences=tuple(sentence.strip() for sentence in _SENTENCE.findall(gloss)),
        hypernyms=tuple(hypernyms),
        lexicographer_file=int(topic),
    )
