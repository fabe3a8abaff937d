"""Contenders in processes of their own, told what to do in lines of JSON: so that threads of one disturb no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.engines.textbook import Taken

ROOT = Path(__file__).parents[2]


class Contender(Protocol):
    """Whatever can be told to take steps."""

    replicates: int

    def take(self, steps: int) -> Taken:
        """Take at least so many steps of every replicate."""


class Server:
    """A process that runs a module and holds contenders by name.

    Args:
        module: calls `serve`.
        environment: variables that it has besides ours.
    """

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of ours
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def tell(self, **order: Any) -> None:
        """Send an order and do not wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the answer to the oldest order.

        Raises:
            RuntimeError: it could not be followed, or the process ended.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"process ended: {self._errors.read()[-300:]}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        """Let the process end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self._errors.close()


class Remote:
    """A contender whose replicates are dealt out to servers.

    Args:
        servers: one or more.
        name: of its own, by which they know it.
        workload: name of what is trained.
        seeds: of each replicate, at least one a server.
        engine: which of the server's.
    """

    def __init__(
        self, servers: Sequence[Server], name: str, workload: str, seeds: Sequence[int], engine: str
    ) -> None:
        self.replicates, self.servers, self.name = len(seeds), servers, name
        share = -(-len(seeds) // len(servers))
        for i, server in enumerate(servers):
            mine = list(seeds[i * share : (i + 1) * share])
            server.tell(do="start", name=name, workload=workload, seeds=mine, engine=engine)
        for server in servers:
            server.answer()

    def take(self, steps: int) -> Taken:
        """Take steps in all servers at once; the seconds are those until the last has finished."""
        started = time.perf_counter()
        for server in self.servers:
            server.tell(do="take", name=self.name, steps=steps)
        answers = [server.answer() for server in self.servers]
        seconds = time.perf_counter() - started
        losses = np.concatenate([answer["losses"] for answer in answers])
        return Taken(seconds, answers[0]["steps"], losses)

    def close(self) -> None:
        """Let the servers forget it."""
        for server in self.servers:
            server.tell(do="drop", name=self.name)
            server.answer()


Start = Callable[..., Contender]


def serve(start: Start) -> None:
    """Follow orders from standard input until it ends.

    Args:
        start: makes a contender, ``(workload, seeds, engine)``.
    """
    contenders: dict[str, Contender] = {}
    for line in sys.stdin:
        try:
            answer = _follow(json.loads(line), contenders, start)
        except Exception as error:  # noqa: BLE001 - told to the other side, which knows what to do
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _follow(
    order: dict[str, Any], contenders: dict[str, Contender], start: Start
) -> dict[str, Any]:
    from benchmarks.engines.workloads import NAMED

    name = order["name"]
    if order["do"] == "start":
        workload = NAMED[order["workload"]]
        contenders[name] = start(workload, order["seeds"], order["engine"])
        return {}
    if order["do"] == "drop":
        del contenders[name]
        return {}
    taken = contenders[name].take(order["steps"])
    return {"steps": taken.steps, "losses": taken.losses.tolist()}


if __name__ == "__main__":
    from benchmarks.engines.ours import Ours

    serve(Ours)
