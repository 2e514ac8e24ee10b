"""Vocabulary files: what is read, what is refused and by which line, and any bytes at all."""

from __future__ import annotations

import re
import resource
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits

SPACES = b" \t\v\f\r"
NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def plain_read(content: bytes) -> list[float] | int:
    """Return the weights of a file, or the number of its first bad line (0: of none)."""
    weights = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if line in (b"", b"\r"):
            continue
        field = line.rpartition(b",")[2].strip(SPACES)
        if NUMBER.fullmatch(field) is None:
            return number
        weight = float(field)
        if weight < 0 or weight > float(np.finfo(np.float32).max):
            return number
        weights.append(weight)
    return weights if any(np.float32(weight) > 0 for weight in weights) else 0


def write(content: bytes, directory: Path) -> Path:
    """Return a file with this content."""
    path = directory / "vocabulary.csv"
    path.write_bytes(content)
    return path


READABLE: dict[str, tuple[bytes, list[float]]] = {
    "words and counts": (b"the,10\nof,5\nand,2.5\n", [10, 5, 2.5]),
    "bare numbers": (b"10\n5\n2.5", [10, 5, 2.5]),
    "the last comma": (b"a,b,1,10\n,,5\n,2\n", [10, 5, 2]),
    "CRLF and no last newline": (b"a,10\r\nb,5\r\nc,2", [10, 5, 2]),
    "empty lines": (b"\n\na,10\n\n\r\nb,5\n\n", [10, 5]),
    "spaces": (b"a, 10\nb,5 \n \t2\t\n\v\f3\f\v\n", [10, 5, 2, 3]),
    "forms of numbers": (b"+1\n1.\n.5\n1e2\n2E-1\n0\n-0\n007\n", [1, 1, 0.5, 100, 0.2, 0, 0, 7]),
    "below float32": (b"1e-60\n1\n1e-999", [0, 1, 0]),
    "words that are no text": (b"\xff\xfe\x00,3\n\xc3\xa9,4\n", [3, 4]),
    "many spaces": (b"a," + b" " * 5000 + b"10" + b" " * 5000 + b"\n", [10]),
    "many digits": (b"a,0." + b"0" * 200 + b"\n2\n", [0, 2]),
    "a long word": (b"a" * (1 << 22) + b",10\nb,5\n", [10, 5]),
}


@pytest.mark.parametrize(("content", "counts"), READABLE.values(), ids=READABLE)
def test_read(content: bytes, counts: list[float], tmp_path: Path) -> None:
    path = write(content, tmp_path)
    sampler = mc.UnigramSampler.from_vocab_file(path, distortion=0.75, seed=3)
    given_counts = mc.UnigramSampler(counts, distortion=0.75, seed=3)
    assert sampler.num_classes == len(counts)
    ids = np.arange(len(counts))
    assert_same_bits(sampler.probability(ids), given_counts.probability(ids))
    assert_same_bits(sampler.draw(100), given_counts.draw(100))


def test_reserved_ids_and_shards(tmp_path: Path) -> None:
    path = write(b"1\n2\n3\n4\n5\n", tmp_path)
    for shard in range(2):
        options: Any = {"num_reserved_ids": 1, "num_shards": 2, "shard": shard, "seed": 4}
        sampler = mc.UnigramSampler.from_vocab_file(str(path), **options)
        given_counts = mc.UnigramSampler([1, 2, 3, 4, 5], **options)
        ids = np.arange(sampler.num_classes)
        assert_same_bits(sampler.probability(ids), given_counts.probability(ids))


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "a word alone": (b"a,10\nb\n", 'line 2: "b"'),
    "nothing after the comma": (b"a,10\n\nb,\n", 'line 3: "b,"'),
    "spaces alone": (b"1\n  \n2\n", 'line 2: "  "'),
    "two numbers": (b"a,1 2\n", 'line 1: "a,1 2"'),
    "half an exponent": (b"1e\n", 'line 1: "1e"'),
    "hexadecimal": (b"0x10\n", 'line 1: "0x10"'),
    "two signs": (b"+-1\n", 'line 1: "+-1"'),
    "a sign": (b"5\n-", 'line 2: "-"'),
    "a point": (b".\n", 'line 1: "."'),
    "a header": (b"word,count\na,1\n", 'line 1: "word,count"'),
    "negative": (b"a,1\nb,-0.5\n", 'line 2: "b,-0.5" gives the weight -0.5'),
    "NaN": (b"a,nan\n", "line 1"),
    "infinite": (b"a,inf\n", "line 1"),
    "beyond float32": (b"a,1\nb,1e39\n", "line 2"),
    "beyond float64": (b"a,1e999\n", "line 1"),
    "too many digits": (b"1\n" + b"1" * 5000 + b"\n", "line 2"),
    "junk": (b"1\n\x00\xff\x1b[31m\n", r'line 2: "\x00\xff\x1b[31m"'),
    "a long line": (b"1\n" + b"x" * 100000 + b"\n", 'line 2: "' + "x" * 40 + '..."'),
    "an empty file": (b"", "0 weights"),
    "empty lines alone": (b"\n\r\n\n", "0 weights"),
    "all zero": (b"0\n0\n", "no weight above zero"),
    "an overflowing power": (b"1\n1e30\n", "vocab_file[1]"),
}


@pytest.mark.parametrize(("content", "pattern"), UNREADABLE.values(), ids=UNREADABLE)
def test_refuse(content: bytes, pattern: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(pattern)) as caught:
        mc.UnigramSampler.from_vocab_file(write(content, tmp_path), distortion=2.0)
    assert "vocab_file" in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def check_like_plain_read(content: bytes) -> None:
    """Hold the reader to the plain one."""
    expected = plain_read(content)
    with tempfile.TemporaryDirectory() as directory:
        path = write(content, Path(directory))
        if isinstance(expected, int):
            line = f"line {expected}:" if expected else "weight"
            with pytest.raises(ValueError, match=line):
                mc.UnigramSampler.from_vocab_file(path)
            return
        sampler = mc.UnigramSampler.from_vocab_file(path, seed=1)
    weights = np.array(expected, np.float32).astype(np.float64)
    ids = np.arange(len(weights))
    assert sampler.num_classes == len(weights)
    np.testing.assert_allclose(sampler.probability(ids), weights / weights.sum(), rtol=1e-6)


bits_of_lines = st.sampled_from(
    [b",", b"\n", b"\r", b" ", b"\t", b"-", b"+", b".", b"e", b"0", b"1", b"25", b"x", b"\x00"]
)


@given(st.lists(bits_of_lines, max_size=30).map(b"".join))
def test_any_pieces_of_lines(content: bytes) -> None:
    check_like_plain_read(content)


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    check_like_plain_read(content)


words = st.binary(max_size=12).map(lambda word: word.replace(b"\n", b""))
numbers = st.one_of(
    st.integers(0, 10**9).map(lambda n: str(n).encode()),
    st.floats(0, 2.0**100, width=32).map(lambda x: repr(x).encode()),
)
gaps = st.text(" \t", max_size=3).map(str.encode)
ends = st.sampled_from([b"\n", b"\r\n", b"\n\n"])
good_lines = st.tuples(words, st.just(b","), gaps, numbers, gaps, ends).map(b"".join)


@given(st.lists(good_lines, min_size=1, max_size=50))
def test_any_good_lines(lines: list[bytes]) -> None:
    check_like_plain_read(b"".join(lines))


def test_lines_across_chunks_of_the_file(tmp_path: Path) -> None:
    counts = np.random.default_rng(1).integers(1, 10**9, 20000)
    content = "".join(f"word {c},{n}\n" for c, n in enumerate(counts)).encode()
    sampler = mc.UnigramSampler.from_vocab_file(write(content, tmp_path), seed=1)
    ids = np.arange(len(counts))
    given_counts = mc.UnigramSampler(counts, seed=1)
    assert_same_bits(sampler.probability(ids), given_counts.probability(ids))


def test_memory_does_not_grow_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "holes"
    size = 1 << 28
    with path.open("wb") as file:
        file.truncate(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="line 1"):
        mc.UnigramSampler.from_vocab_file(path)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < size / 8


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing é.txt"
    with pytest.raises(FileNotFoundError) as caught:
        mc.UnigramSampler.from_vocab_file(missing)
    assert caught.value.filename == str(missing)
    with pytest.raises(IsADirectoryError):
        mc.UnigramSampler.from_vocab_file(tmp_path)
    with pytest.raises(ValueError, match="null"):
        mc.UnigramSampler.from_vocab_file(str(write(b"1\n", tmp_path)) + "\0.txt")
    with pytest.raises(TypeError):
        mc.UnigramSampler.from_vocab_file(3)  # type: ignore[arg-type]


def test_paths_of_any_kind(tmp_path: Path) -> None:
    path = write(b"1\n2\n", tmp_path)
    for name in (path, str(path), str(path).encode()):
        assert mc.UnigramSampler.from_vocab_file(name).num_classes == 2
