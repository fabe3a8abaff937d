"""Dask schedulers and workers in processes of their own, as on a cluster."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ENV = os.environ | {
    "PYTHONPATH": str(Path(__file__).parents[2])
}  # where networks of tests are found


class Cluster:
    """Scheduler on a port of this machine, which can be killed and started again, and workers.

    Args:
        folder: for what they log.
        scheme: ``tcp`` or ``tls``.
        options: of both programs, such as certificates.
    """

    def __init__(self, folder: Path, scheme: str = "tcp", options: Sequence[str] = ()) -> None:
        self.folder, self.options = folder, options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"{scheme}://127.0.0.1:{free.getsockname()[1]}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start_scheduler(self) -> None:
        self.scheduler = self._started("scheduler", "--host", self.address)

    def start_worker(self, *options: str, **variables: str) -> subprocess.Popen[bytes]:
        threads = ("--nworkers", "1", "--nthreads", "1")
        return self._started("worker", self.address, *threads, *options, **variables)

    def start_gpu_worker(self, number: int) -> subprocess.Popen[bytes]:
        """Start a worker that declares a GPU, and sees the one of this number alone."""
        return self.start_worker("--resources", "GPU=1", CUDA_VISIBLE_DEVICES=str(number))

    def _started(self, program: str, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *words, *self.options]
        with (self.folder / f"{program}.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    [*command, "--no-dashboard"],
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env=ENV | variables,
                )
            )
        return self.processes[-1]

    def kill_scheduler(self) -> None:
        self.scheduler.kill()
        self.scheduler.wait()


@contextmanager
def cluster(folder: Path, scheme: str = "tcp", options: Sequence[str] = ()) -> Iterator[Cluster]:
    """Yield a scheduler with one worker; all that is left of it ends with the context."""
    made = Cluster(folder, scheme, options)
    try:
        made.start_worker()
        yield made
    finally:
        for process in reversed(made.processes):
            process.terminate()
        for process in made.processes:
            process.wait(timeout=30)
