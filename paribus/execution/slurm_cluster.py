"""Workers in jobs of Slurm, which are cancelled when this process has no more work for them."""

from __future__ import annotations

import atexit
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from distributed import Client
from distributed.security import Security

from paribus.errors import ParibusError, error_context
from paribus.execution.progress import say
from paribus.execution.slurm_file import SlurmJobs
from paribus.execution.where import OPTION, at_the_end, leave

_started: dict[str, tuple[SlurmWorkers, Client]] = {}


def client_of_jobs(where: str, wanted: SlurmJobs) -> Client:
    """Return a client whose workers are jobs of Slurm: those that were started for the same file, or new ones.

    Raises:
        ParibusError: Slurm refuses the jobs, or they end before a worker is there.
    """
    if where not in _started:
        workers = SlurmWorkers(wanted)
        atexit.register(leave)  # before what Dask has registered, which would wait for the jobs
        _started[where] = workers, workers.connected()
        at_the_end(_started.clear)
    workers, client = _started[where]
    workers.wait_for_one(client)
    return client


LOOKING = 2.0
"""Seconds between two looks at the queue while no job has started."""


class SlurmWorkers:
    """Scheduler in this process, whose workers are jobs of Slurm; a job that ends is asked for again.

    All of them speak TLS, with a certificate that is made for them alone; its files lie in a folder that nobody else
    can read, and are removed at the end.

    Args:
        wanted: jobs to ask for.
    """

    def __init__(self, wanted: SlurmJobs) -> None:
        shared = Path(wanted.options.get("shared_temp_directory") or Path.cwd())
        self._folder = Path(tempfile.mkdtemp(prefix=".paribus-", dir=shared.expanduser()))
        self._cluster: Any = None
        at_the_end(self.close)
        scheduler = {"dashboard_address": "127.0.0.1:0"}  # which has no password
        scheduler |= wanted.options.get("scheduler_options", {})
        options = wanted.options | {"scheduler_options": scheduler}
        self._refusals: list[Exception] = []
        with error_context(
            f"{OPTION} slurm", expected="options that dask-jobqueue can use", fix="Change the file."
        ):
            self._cluster = _cluster_class(self._refusals)(
                security=_certified(self._folder), silence_logs="critical", **options
            )
            self._cluster.adapt(minimum_jobs=wanted.jobs, maximum_jobs=wanted.jobs)

    def connected(self) -> Client:
        """Return a client of the scheduler."""
        return Client(self._cluster, set_as_default=False)

    def wait_for_one(self, client: Client) -> None:
        """Wait for the first worker, as long as jobs are in the queue.

        Raises:
            ParibusError: Slurm refuses the jobs, or all of them ended before any worker was there.
        """
        if not client.nthreads():
            say("Waiting for a job of Slurm to start; Ctrl-C cancels all of them.")
        while not client.nthreads():
            if self._refusals:
                raise _refused(self._refusals[0])
            if self._jobs() and not self._queued() and not client.nthreads():
                raise ParibusError(
                    OPTION,
                    got="jobs of Slurm that ended before a worker was there",
                    expected="one that reaches this machine",
                    fix="Name a folder as log-directory in the file, and read there what they say.",
                )
            end = time.monotonic() + LOOKING
            while time.monotonic() < end and not (client.nthreads() or self._refusals):
                time.sleep(0.1)

    def _jobs(self) -> list[str]:
        workers = self._cluster.workers.values() if self._cluster else ()
        return [worker.job_id for worker in list(workers) if worker.job_id]

    def _queued(self) -> bool:
        jobs = ",".join(self._jobs())
        done = _slurm("squeue", "--noheader", "--format=%i", f"--jobs={jobs}")
        return bool(done.stdout.strip())

    def close(self) -> None:
        """Cancel all jobs, and remove their certificate; the scheduler ends with this process."""
        if self._cluster is not None:
            self._cluster.shutdown_on_close = False  # Dask would wait for jobs at the end of Python
            self._cluster._adaptive.stop()
        jobs = self._jobs()
        if jobs:
            with suppress(OSError, subprocess.SubprocessError):
                _slurm("scancel", *jobs)
        shutil.rmtree(self._folder, ignore_errors=True)


def _cluster_class(refusals: list[Exception]) -> Any:
    """Return a class of clusters that notes what Slurm says where it refuses a job, which Dask would keep to itself."""
    with _own_signals():
        from dask_jobqueue import slurm

    class Job(slurm.SLURMJob):
        async def start(self) -> None:
            try:
                await super().start()  # type: ignore[no-untyped-call]
            except Exception as error:
                refusals.append(error)
                raise

    class Cluster(slurm.SLURMCluster):
        job_cls = Job

    return Cluster


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep Ctrl-C as it is: dask-jobqueue, where it is imported, has it end the process with status 0."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _certified(folder: Path) -> Security:
    """Return security by a certificate of its own, for all; its files lie in a folder that is closed to others."""
    made = Security.temporary().get_tls_config_for_role("scheduler")
    files = {name: folder / name for name in ("ca_file", "cert", "key")}
    for name, file in files.items():
        file.write_text(made[name], encoding="ascii")
    roles = ("client", "scheduler", "worker")
    named = {f"tls_{role}_{name}": str(files[name]) for role in roles for name in ("cert", "key")}
    return Security(require_encryption=True, tls_ca_file=str(files["ca_file"]), **named)


def _slurm(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - Slurm's own programs
        words, capture_output=True, text=True, check=False, timeout=30
    )


def _refused(error: Exception) -> ParibusError:
    """Return a line with what sbatch said, which dask-jobqueue puts at the end of several."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines and lines[-1] != "stderr:" else " ".join(lines)
    return ParibusError(
        OPTION,
        got=f"jobs of Slurm that cannot be asked for ({last})",
        expected="a queue, an account and amounts that it takes",
        fix="Change the file.",
    )
