"""Reading the entries of a dictionary in the format of dictd: an index and a compressed text."""

from __future__ import annotations

import gzip
import re
import string
import zlib
from pathlib import Path

DEFAULT_DICTIONARY = Path("/usr/share/dictd/gcide")
INSTALL = "Debian's package dict-gcide has it: apt-get install dict-gcide"

_DIGITS = {
    digit: value
    for value, digit in enumerate(
        string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    )
}
# Headwords that tell about the dictionary itself.
_ABOUT = "00-database"
# Who wrote a paragraph, such as `[1913 Webster]`: after almost every one, and so no word to learn.
_SOURCE = re.compile(r"\[[^\]]*(?:Webster|WordNet|PJC)[^\]]*\]")
# How a headword is divided and stressed: `\Ab"so*lute\`.
_SYLLABLES = re.compile(r"\\[^\\\n]*\\")
# Letters that ASCII lacks: `[ae]`, `['e]`, `[=oo]`.
_LIGATURE = re.compile(r"\[(ae|oe|AE|OE)\]")
_ACCENTED = re.compile(r"\[[^\w\s\]]([A-Za-z]{1,2})\]")
_WORD = re.compile(r"[^\W\d_]+")


class DictionaryError(Exception):
    """Files that are missing or of another format; the message is one line for the user."""


def read_entries(dictionary: Path) -> list[list[str]]:
    """Read the words of all entries, in the order of the text.

    Parameters
    ----------
    dictionary : Path
        Names the files ``<dictionary>.index`` and ``<dictionary>.dict.dz``.

    Returns
    -------
    list of list of str
        Lower-case words: runs of letters. Each entry once, though several headwords may lead to it;
        marks of sources and of syllables are left out.

    Raises
    ------
    DictionaryError
        If a file cannot be read, is not of dictd's format, or has no entries.
    """
    index, compressed = (
        dictionary.with_name(dictionary.name + suffix) for suffix in (".index", ".dict.dz")
    )
    try:
        text = gzip.decompress(compressed.read_bytes())  # dictzip is gzip with a table in front
        lines = index.read_text("utf-8").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DictionaryError(f"{dictionary} cannot be read ({error}); {INSTALL}") from error
    spans = set()
    for number, line in enumerate(lines, 1):
        try:
            headword, offset, size = line.split("\t")
            span = (_number(offset), _number(size))
        except (ValueError, KeyError) as error:
            raise DictionaryError(f"{index}, line {number} is not of dictd's format") from error
        if not headword.startswith(_ABOUT):
            spans.add(span)
    # A few bytes of the text are of another encoding; they end a word.
    texts = [text[start : start + size].decode("utf-8", "replace") for start, size in sorted(spans)]
    entries = [words for entry in texts if (words := words_of(entry))]
    if not entries:
        raise DictionaryError(f"{dictionary} has no entries")
    return entries


def words_of(entry: str) -> list[str]:
    """Give the lower-case words of an entry's text, without marks of sources and of syllables."""
    text = _SYLLABLES.sub(" ", _SOURCE.sub(" ", entry))
    text = _ACCENTED.sub(r"\1", _LIGATURE.sub(r"\1", text))
    return _WORD.findall(text.lower())


def _number(digits: str) -> int:
    """Read a number of base 64, as the index writes them."""
    value = 0
    for digit in digits:
        value = 64 * value + _DIGITS[digit]
    return value
