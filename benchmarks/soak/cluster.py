"""Dask cluster of a scheduler and two workers, each a process that may be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

WORKERS = 2
READY_SECONDS = 120
"""Seconds within which a scheduler or a worker must be ready."""


class Cluster:
    """Cluster of this machine.

    Args:
        folder: for what its processes print and put down.
        environment: of its processes.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, dict(environment)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._all: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the scheduler, and all workers."""
        self._start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = _waited("Scheduler at:", self.folder / "scheduler.txt").split()[-1]
        self.refill()

    def refill(self) -> None:
        """Start a worker for each that was killed."""
        self.workers = {name: each for name, each in self.workers.items() if each.poll() is None}
        while len(self.workers) < WORKERS:
            name = f"worker-{len(self._all)}"
            one = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder / "local"))
            self.workers[name] = self._start(name, "worker", self.address, *one)

    def await_workers(self) -> None:
        """Wait until all workers are ready."""
        for name in self.workers:
            _waited("Registered to:", self.folder / f"{name}.txt")

    def end(self) -> None:
        """End all processes."""
        for each in self._all:
            each.kill()
            each.wait()

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.txt").open("wb") as told:
            started = subprocess.Popen(  # noqa: S603 - this interpreter
                [sys.executable, "-m", "dask", *words, "--no-dashboard"],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                env=self.environment,
                cwd=self.folder,
            )
        self._all.append(started)
        return started


def _waited(words: str, told: Path) -> str:
    """Return the line with these words of what a process prints, as soon as it is there."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        for line in told.read_text(encoding="utf-8", errors="replace").splitlines():
            if words in line:
                return line
        time.sleep(0.05)
    raise TimeoutError(f"{told}: no line with {words!r}")


@contextmanager
def cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Yield a cluster, all of whose processes end with the context."""
    folder.mkdir(parents=True)
    made = Cluster(folder, environment)
    try:
        made.start()
        yield made
    finally:
        made.end()
