"""The C++ server of examples/server under wrk, on loopback; server and wrk share the processors.

Every answer that wrk gets is compared with those that were asked one by one before and hold the
bits of `manyclass.top_k`: weights and inputs are whole numbers, whose logits are the same bits
however many requests share a pass. First the load alone, then the server is killed (SIGKILL) and
started anew under it, several times: connections break, but no answer may be wrong. Needs wrk
(Debian's package) and the server's binary, built as docs/serving.md tells.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import manyclass as mc
from machine import OtherLoad, describe, summary, warn_if_busy

NUM_BODIES = 64
ERRORS = ("connect", "read", "write", "status", "timeout")
HERE = Path(__file__).parent


class Server:
    """The server as a process, at one port after every start."""

    def __init__(self, command: list[str]) -> None:
        self._command, self.port = command, 0
        self.start()

    def start(self) -> None:
        """Start it; return once it listens."""
        self._process = subprocess.Popen(
            [*self._command, "--port", str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().rpartition(":")[2])

    def end(self, how: signal.Signals) -> None:
        """Send a signal; return once it has ended."""
        self._process.send_signal(how)
        self._process.communicate()


def whole_numbers(seed: int, rows: int, cols: int) -> NDArray[np.float32]:
    """Return a matrix of numbers of which float32 holds the sum of any products exactly."""
    rng = np.random.default_rng(seed)
    return rng.integers(-100, 101, (rows, cols), np.int8).astype(np.float32)


def make_layer(path: Path, num_classes: int, dim: int) -> None:
    """Save a layer of random whole numbers."""
    weights = whole_numbers(0, num_classes, dim)
    mc.SampledSoftmax(num_classes, dim, num_sampled=1, weights=weights).save(path)


def checked_answers(server: Server, path: Path, inputs: NDArray[np.float32], k: int) -> list[str]:
    """Ask for each vector by itself; return the answers as sent, once they are the library's."""
    layer = mc.SampledSoftmax.load(path, mmap=True)
    connection = HTTPConnection("127.0.0.1", server.port)
    answers = []
    for row in inputs:
        body = json.dumps({"inputs": row.tolist(), "k": k})
        connection.request("POST", "/top_k", body, {"Content-Type": "application/json"})
        answers.append(connection.getresponse().read().decode())
        values, indices = layer.top_k(row[None], k)
        expected = {"values": values[0].tolist(), "indices": indices[0].tolist()}
        assert json.loads(answers[-1]) == expected, "an answer is not the library's"
    connection.close()
    return answers


class Load:
    """A run of wrk."""

    def __init__(self, server: Server, folder: Path, connections: int, seconds: int) -> None:
        command = ["wrk", "--threads", "2", "--connections", str(connections), "--timeout", "30s"]
        command += ["--duration", f"{seconds}s", "--script", str(HERE / "serve.lua")]
        files = {"BODIES": str(folder / "bodies"), "ANSWERS": str(folder / "answers")}
        self._process = subprocess.Popen(
            [*command, f"http://127.0.0.1:{server.port}"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **files},
        )

    def result(self) -> dict[str, Any]:
        """Return what wrk counted, when it is through."""
        printed, _ = self._process.communicate()
        result: dict[str, Any] = json.loads(printed.splitlines()[-1])
        result["errors"] = sum(result.pop(name) for name in ERRORS)
        result["requests_per_second"] = result["right"] / result["seconds"]
        return result


def run(args: argparse.Namespace) -> None:
    """Measure, print, write JSON if asked for."""
    others = OtherLoad()
    with tempfile.TemporaryDirectory() as name, tqdm(total=4, leave=False) as bar:
        folder = Path(name)
        path = folder / "layer.safetensors"
        make_layer(path, args.num_classes, args.dim)
        bar.update()
        inputs = whole_numbers(1, NUM_BODIES, args.dim)
        server = Server([args.server, str(path), *args.options.split()])
        answers = checked_answers(server, path, inputs, args.k)
        bodies = (json.dumps({"inputs": row.tolist(), "k": args.k}) for row in inputs)
        (folder / "bodies").write_text("".join(f"{body}\n" for body in bodies), "utf-8")
        (folder / "answers").write_text("".join(f"{answer}\n" for answer in answers), "utf-8")
        bar.update()

        steady = Load(server, folder, args.connections, args.seconds).result()
        bar.update()
        load = Load(server, folder, args.connections, args.restarts * 3 + 2)
        for _ in range(args.restarts):
            time.sleep(2)
            server.end(signal.SIGKILL)
            server.start()
        restarted = load.result()
        bar.update()
        server.end(signal.SIGTERM)
    busy = others.share()

    print(
        f"{steady['requests_per_second']:.0f} requests/s, p50 {steady['p50_ms']:.1f} ms, "
        f"p99 {steady['p99_ms']:.1f} ms, longest {steady['max_ms']:.1f} ms; {steady['right']:,} "
        f"right answers, {steady['wrong']} wrong, {steady['errors']} errors\n"
        f"killed and restarted {args.restarts} times: {restarted['right']:,} right answers, "
        f"{restarted['wrong']} wrong, {restarted['errors']} connections broken or refused"
    )
    print(
        f"\n{args.num_classes:,} × {args.dim} float32, k = {args.k}, one vector a request, "
        f"{args.connections} connections, {args.seconds} s; {summary(['manyclass'])}"
    )
    warn_if_busy(busy)
    if args.json:
        report = {
            "machine": describe(["manyclass"]),
            "share_of_others": busy,
            "num_classes": args.num_classes,
            "dim": args.dim,
            "k": args.k,
            "connections": args.connections,
            "options": args.options,
            "steady": steady,
            "restarted": restarted,
        }
        args.json.write_text(json.dumps(report, indent=1), "utf-8")
    if steady["wrong"] or steady["errors"] or restarted["wrong"]:
        raise SystemExit("an answer was wrong, or a request failed without reason")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", help="the binary of examples/server")
    parser.add_argument("--num-classes", type=int, default=10**6)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--options", default="", help="of the server, such as '--threads 1'")
    parser.add_argument("--json", type=Path)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
