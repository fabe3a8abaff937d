"""Keeper of jobs of Slurm: asks for others in place of those that end, and says what is waited for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from paribus.errors import ParibusError
from paribus.execution.progress import say
from paribus.execution.slurm_queue import OVER, QueuedJob, SlurmError, SlurmQueue
from paribus.execution.where import OPTION

LOOKING = 2.0
"""Seconds between two looks at the queue."""

PAUSE = 30.0
"""Seconds until jobs are asked for again after Slurm refused one, or one ended before its worker was there."""

MOST_FAILURES = 10
"""Failures in a row, each a pause apart, after which a command that had workers gives up: five minutes."""

QUIET = 5.0
"""Seconds without a worker from which on the command says what it waits for."""

REPEATING = 600.0
"""Seconds after which it says so again."""

HOPELESS = {
    *("AccountNotAllowed", "BadConstraints", "DependencyNeverSatisfied", "InvalidAccount"),
    *("InvalidQOS", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit", "QOSNotAllowed"),
    *("AssocMaxWallDurationPerJobLimit", "QOSMaxWallDurationPerJobLimit"),
    *("AssocMaxCpuPerJobLimit", "AssocMaxMemPerJob", "QOSMaxCpuPerJobLimit", "QOSMaxMemoryPerJob"),
}
"""Reasons for which a job waits until somebody changes it, or Slurm's configuration, by ``man squeue``."""


class JobKeeper:
    """Keeps so many jobs in the queue, by a thread of its own.

    Args:
        queue: of Slurm.
        script: of each job.
        jobs: how many.
        working: returns the numbers of jobs that have a worker.
        logs: folder with what jobs write.
        logs_stay: whether that is there afterwards.
    """

    def __init__(
        self,
        queue: SlurmQueue,
        script: Path,
        jobs: int,
        working: Callable[[], set[str]],
        logs: Path,
        *,
        logs_stay: bool,
    ) -> None:
        self._queue, self._script, self._count = queue, script, jobs
        self._working, self._logs, self._logs_stay = working, logs, logs_stay
        self._asked: set[str] = set()
        self._listed: list[QueuedJob] = []
        self._worked: set[str] = set()  # jobs that had a worker
        self._failures, self._failure, self._next = 0, "", 0.0
        self._silence, self._silent = "", 0.0
        self._hopeless = 0
        self._error: ParibusError | None = None
        self._said, self._since = "", time.monotonic()
        self._end = threading.Event()
        threading.Thread(target=self._keep, daemon=True).start()

    def close(self) -> None:
        """Ask for no more jobs, and have all of them cancelled."""
        self._end.set()
        self._queue.close()

    def check(self) -> None:
        """Say what is waited for, where no worker is there for some seconds.

        Raises:
            ParibusError: none will come.
        """
        if self._working():
            self._said, self._since = "", time.monotonic()
            return
        if self._error is not None:
            raise self._error
        now, line = time.monotonic(), self._line()
        changed = line != self._said and now > self._since + QUIET
        if changed or now > self._since + REPEATING:
            say(f"Waiting for a worker from Slurm. Jobs: {line}.")
            self._said, self._since = line, now

    def _line(self) -> str:
        states = Counter(
            f"{job.state.lower()} ({job.reason})" if job.state == "PENDING" else job.state.lower()
            for job in self._listed
            if job.state not in OVER
        )
        parts = [f"{count} {state}" for state, count in sorted(states.items())]
        parts += [f"Slurm does not answer ({self._silence})"] * bool(self._silence)
        parts += [f"others were refused or failed ({self._failure})"] * bool(self._failures)
        return "; ".join(parts) or "none in its queue yet"

    def _keep(self) -> None:
        while not self._end.is_set():
            try:
                # Anew each time: what ended all hope may be over, while workers that there were went on.
                self._error = self._look()
            except SlurmError as error:
                self._silent = self._silent or time.monotonic()
                self._silence = str(error)
                if time.monotonic() > self._silent + MOST_FAILURES * PAUSE:
                    self._error = _refusal(f"no answer ({error})")
            except Exception as error:  # noqa: BLE001 - a thread has nobody to tell
                self._error = _refusal(f"{type(error).__name__}: {error}")
            self._end.wait(LOOKING)

    def _look(self) -> ParibusError | None:
        """Note what became of jobs, and ask for those that are missing.

        Returns:
            Why no worker will come, if none will.

        Raises:
            SlurmError: Slurm does not answer.
        """
        if self._asked or self._failures:
            self._listed = self._queue.jobs()
            self._silence, self._silent = "", 0.0
        working = self._working() & self._asked
        if working:
            self._worked |= working
            self._failures, self._failure = 0, ""
        in_queue = {job.number for job in self._listed if job.state not in OVER}
        self._asked |= in_queue  # those, too, of which `sbatch` heard nothing in time
        for number in sorted(self._asked - in_queue - self._worked, key=int):
            self._fail(f"job {number} ended before its worker was there{self._last_words(number)}")
        self._asked &= in_queue
        hopeless = self._hopeless_jobs()
        if time.monotonic() >= self._next:
            self._ask()
        return hopeless or self._no_job()

    def _ask(self) -> None:
        while len(self._asked) < self._count and not self._end.is_set():
            try:
                self._asked.add(self._queue.submit(self._script))
            except SlurmError as error:
                self._fail(str(error))
                return

    def _fail(self, why: str) -> None:
        if time.monotonic() >= self._next:
            self._failures += 1
        self._failure, self._next = why, time.monotonic() + PAUSE

    def _no_job(self) -> ParibusError | None:
        """Return the refusal of jobs that all failed: at once if no worker was ever there."""
        if self._asked or not self._failures:
            return None
        if self._worked and self._failures < MOST_FAILURES:
            return None
        return _refusal(f"none that runs: {self._failure}", self._where_to_read())

    def _hopeless_jobs(self) -> ParibusError | None:
        """Return the refusal of jobs that all wait for what does not come, by two looks."""
        mine = [job for job in self._listed if job.number in self._asked]
        hopeless = mine and all(job.state == "PENDING" and job.reason in HOPELESS for job in mine)
        self._hopeless = self._hopeless + 1 if hopeless else 0
        if self._hopeless > 1:
            return _refusal(f"jobs that it will not start as they are ({mine[0].reason})")
        return None

    def _last_words(self, number: str) -> str:
        """Return the last line that a job wrote, where it can be read."""
        try:
            text = (self._logs / f"{self._queue.name}-{number}.err").read_text(errors="replace")
        except OSError:
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f", and said last: {lines[-1]}" if lines else ""

    def _where_to_read(self) -> str:
        if "ended before" not in self._failure:
            return ""
        if self._logs_stay:
            return f" What jobs wrote is in {self._logs}."
        return " To read all that jobs write, name a folder as log-directory in it."


def _refusal(got: str, more: str = "") -> ParibusError:
    return ParibusError(
        OPTION,
        got=f"from Slurm {got}",
        expected="jobs that start, and reach this machine",
        fix="Change the file to a queue, an account and amounts that Slurm takes, or start the same command again "
        f"when Slurm is up; what the store holds is kept.{more}",
    )
