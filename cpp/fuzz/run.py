"""Run fuzz targets on their corpora and print how many executions each had."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

CORPUS = Path(__file__).parent / "corpus"
LONGEST = {"vocabulary_file": 2048, "safetensors": 2048}  # bytes of an input; of others 512


def run(program: Path, corpora: list[Path], found: Path, executions: int) -> tuple[int, str]:
    """Return the exit code of a target and what it said last; what it finds goes to `found`."""
    target = program.name.removeprefix("fuzz_")
    command = [
        str(program),
        f"-runs={executions}",
        f"-max_len={LONGEST.get(target, 512)}",
        "-timeout=10",  # seconds for one input: more is a finding
        f"-artifact_prefix={found}/{target}-",
        *map(str, corpora),
    ]
    # Freed memory is kept for a while, so that its use is noticed: not 256 MiB of it.
    environment = os.environ | {"ASAN_OPTIONS": "quarantine_size_mb=16"}
    said = ""
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process,
        tqdm(total=executions, desc=target, unit=" executions", leave=False) as progress,
    ):
        assert process.stderr is not None
        for line in process.stderr:
            if count := re.match(r"#(\d+)\t", line):
                progress.update(int(count[1]) - progress.n)
            elif "dictionary" not in line and not line.startswith('"'):
                said = said + line if "ERROR" in said else line
    return process.returncode, said.strip()


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="by default all that are built")
    parser.add_argument("--build", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--executions", type=int, default=1_000_000, help="of each target")
    parser.add_argument("--keep", type=Path, help="a directory for the inputs that reach new code")
    parser.add_argument("--found", type=Path, default=Path(), help="a directory for findings")
    options = parser.parse_args()

    programs = sorted((options.build / "cpp/fuzz").glob("fuzz_*"))
    if options.targets:
        programs = [p for p in programs if p.name.removeprefix("fuzz_") in options.targets]
    if not programs:
        sys.exit(f"no such fuzz targets in {options.build}: cmake --preset fuzz, and build it")
    failed = []
    for program in programs:
        target = program.name.removeprefix("fuzz_")
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            new = options.keep / target if options.keep else Path(scratch)
            new.mkdir(parents=True, exist_ok=True)
            code, said = run(program, [new, CORPUS / target], options.found, options.executions)
        print(f"{target:16} {time.monotonic() - begin:6.0f} s  {said}", flush=True)
        if code != 0:
            failed.append(target)
    if failed:
        sys.exit(f"findings: {', '.join(failed)}")


if __name__ == "__main__":
    main()
