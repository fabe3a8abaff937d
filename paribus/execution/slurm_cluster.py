"""Workers in jobs of Slurm, which are cancelled when this process has no more work for them."""

from __future__ import annotations

import atexit
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client, Scheduler
from distributed.deploy.spec import SpecCluster
from distributed.security import Security

from paribus.errors import ParibusError, error_context
from paribus.execution.progress import say
from paribus.execution.slurm_file import SlurmJobs
from paribus.execution.slurm_keeper import JobKeeper
from paribus.execution.slurm_queue import SlurmQueue
from paribus.execution.where import OPTION, at_the_end, leave

_started: dict[str, tuple[SlurmWorkers, Client]] = {}


def client_of_jobs(where: str, wanted: SlurmJobs) -> tuple[Client, Callable[[], None]]:
    """Return a client whose workers are jobs of Slurm: those that were started for the same file, or new ones.

    Returns:
        The client, and a function that raises where no worker will come any more, and says what is waited for.

    Raises:
        ParibusError: Slurm refuses the jobs, or they end before a worker is there.
    """
    if where not in _started:
        atexit.register(leave)  # first, for what is begun before something fails
        workers = SlurmWorkers(wanted)
        _started[where] = workers, workers.connected()
        at_the_end(_started.clear)
    workers, client = _started[where]
    try:
        workers.wait_for_one()
    except ParibusError:
        # Else it would go on asking, and a notebook that names the same file again would meet the same refusal.
        workers.keeper.close()
        del _started[where]
        raise
    return client, workers.keeper.check


class SlurmWorkers:
    """Scheduler in this process, whose workers are jobs of Slurm; a job that ends is asked for again.

    All of them speak TLS, with a certificate that is made for them alone; its files lie in a folder that nobody else
    can read, and are removed at the end.

    Args:
        wanted: jobs to ask for.

    Attributes:
        keeper: of the jobs.
    """

    def __init__(self, wanted: SlurmJobs) -> None:
        options = dict(wanted.options)
        shared = (
            Path(options.pop("shared_temp_directory", None) or Path.cwd()).expanduser().absolute()
        )
        with error_context(
            f"{OPTION} slurm", expected="options that dask-jobqueue can use", fix="Change the file."
        ):
            folder = Path(tempfile.mkdtemp(prefix=".paribus-", dir=shared))
            queue = SlurmQueue(options.pop("job_name"), folder)
            at_the_end(queue.close)  # which removes the folder
            security = _certified(folder)
            self._cluster = _scheduler(options, security)
            logs = Path(options.pop("log_directory", folder)).expanduser()
            script = folder / "job.sh"
            options |= {"job_name": queue.name, "log_directory": str(logs), "security": security}
            script.write_text(_script(self._cluster.scheduler_address, options), encoding="utf-8")
        self.keeper = JobKeeper(
            queue, script, wanted.jobs, self._working, logs, logs_stay=logs != folder
        )
        at_the_end(self.keeper.close)

    def connected(self) -> Client:
        """Return a client of the scheduler."""
        return Client(self._cluster, set_as_default=False)

    def wait_for_one(self) -> None:
        """Wait for the first worker, as long as jobs are in the queue.

        Raises:
            ParibusError: Slurm refuses the jobs, or all of them ended before any worker was there.
        """
        if not self._working():
            say("Waiting for a job of Slurm to start; Ctrl-C cancels all of them.")
        while not self._working():
            self.keeper.check()
            time.sleep(0.1)

    def _working(self) -> set[str]:
        """Return the numbers of jobs that have a worker."""
        workers = list(self._cluster.scheduler.workers.values())
        return {str(worker.name).split("-")[1] for worker in workers}


def _scheduler(options: dict[str, Any], security: Security) -> Any:
    """Return a running scheduler, without workers; what is for it is taken out of the options."""
    own = {
        "protocol": "tls://",
        "security": security,
        "dashboard_address": "127.0.0.1:0",  # which has no password
    } | options.pop("scheduler_options", {})
    if "host" not in own:
        own.setdefault("interface", options.get("interface"))
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": own},
        security=security,
        silence_logs="critical",
        shutdown_on_close=False,
    )


def _script(scheduler: str, options: dict[str, Any]) -> str:
    """Return the script of a job, whose workers are named for its number."""
    with _own_signals():
        from dask_jobqueue.slurm import SLURMJob

    arguments = [*options.pop("worker_extra_args", []), "--no-dashboard"]
    made: Any = SLURMJob  # which says nothing of types
    job = made(
        scheduler,
        name="job-${SLURM_JOB_ID}",
        protocol="tls://",
        worker_extra_args=arguments,
        **options,
    )
    return str(job.job_script())


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
