"""Generated bad arguments of every public function: a clear refusal that changes nothing.

A short round by default; ``python -m pytest tests/test_bad_generated.py --generated 500`` is a long
one, which prints how many were refused.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import manyclass as mc
from public_calls import names_wanted, public_calls
from refusals import require_refusals

DIRECTORY = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, DIRECTORY)
CALLS = public_calls(DIRECTORY)


@pytest.fixture(autouse=True)
def _as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a generated path names is written here; the number of threads is put back."""
    monkeypatch.chdir(tmp_path)
    num_threads = mc.get_num_threads()
    yield
    mc.set_num_threads(num_threads)


def test_no_public_name_is_forgotten() -> None:
    assert names_wanted() <= {name.split(":")[0] for name in CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_the_good_call_is_good(name: str) -> None:
    call = CALLS[name]
    if name.startswith(("SampledSoftmax.save", "UnigramSampler.from_vocab_file")):
        with pytest.raises(FileNotFoundError):
            call.function(**call.arguments)
    else:
        call.function(**call.arguments)


@pytest.mark.parametrize("name", CALLS)
def test_bad_arguments_are_refused(
    name: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    require_refusals(name, CALLS[name], pytestconfig, capsys)
