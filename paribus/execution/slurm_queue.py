"""Queue of Slurm: ask for jobs, look at them, and have them cancelled however this process ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from paribus.execution.progress import say

ANSWERING = 60.0
"""Seconds within which a program of Slurm must end; where Slurm does not answer, it ends by itself earlier."""

CANCELLING = 1.5
"""Seconds that the end of a command waits for its jobs to be cancelled."""

CANCEL = """
trap '' HUP INT TERM
name=$1 folder=$2 pauses=$3 tries=0
read -r in_order
[ "$in_order" != "no jobs" ] || exec rm -rf "$folder"
for pause in $pauses; do
    sleep $pause
    tries=$((tries + 1))
    timeout 30 scancel --name="$name" && cancelled=yes || cancelled=
    rm -rf "$folder"
    if [ "$cancelled" ] && { [ "$in_order" ] || [ $tries -ge 3 ]; }; then break; fi
done
"""
"""What a process of its own does as soon as this one is gone. A job that was just being asked for then may come to the
queue after the first time."""

PAUSES = (0, 5, 15, 60, 300)
"""Seconds before each time. The third is the last one, unless Slurm does not answer."""

OVER = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "COMPLETING", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
}
"""States of a job that does no more work, by `squeue`."""


class SlurmError(Exception):
    """Failure of a program of Slurm, in its own words."""


class SlurmRefusalError(SlurmError):
    """End of such a program with a failure, which is sure to have changed nothing."""


@dataclass(frozen=True)
class QueuedJob:
    """Job in the queue.

    Attributes:
        number: of the job.
        state: such as ``PENDING``.
        reason: why it is pending, in Slurm's words.
    """

    number: str
    state: str
    reason: str


class SlurmQueue:
    """Jobs that this process asked for, which have a name that no others have.

    Args:
        name: what that begins with.
        folder: of files that jobs need, which is removed at the end.
    """

    def __init__(self, name: str, folder: Path) -> None:
        # Slurm takes a comma as the end of a name.
        self.name = f"{re.sub(r'[^A-Za-z0-9_.+-]', '-', name)}-{uuid4().hex[:8]}"
        self._lock, self._closed = threading.Lock(), False
        self._any = False  # whether Slurm may hold a job
        self._late = False  # whether it may take one that it was asked for and did not speak of
        pauses = " ".join(map(str, PAUSES))
        self._asking: subprocess.Popen[str] | None = None
        self._canceller = subprocess.Popen(  # noqa: S603 - which outlives this process, killed or not
            ["/bin/sh", "-c", CANCEL, "paribus-cancel", self.name, str(folder), pauses],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def submit(self, script: Path) -> str:
        """Ask for a job; return its number.

        Raises:
            SlurmError: Slurm refuses it, or does not answer.
        """
        before, self._any, self._late = (self._any, self._late), True, True
        try:
            said = self._answer("sbatch", "--parsable", f"--job-name={self.name}", str(script))
        except SlurmRefusalError:
            self._any, self._late = before
            raise
        self._late = before[1]
        numbers = re.findall(r"^\d+", said, re.MULTILINE)
        if not numbers:
            raise SlurmError(f"sbatch named no job, but said {said.strip()!r}")
        return str(numbers[-1])

    def jobs(self) -> list[QueuedJob]:
        """Return the jobs that are in the queue.

        Raises:
            SlurmError: Slurm does not answer.
        """
        said = self._answer("squeue", "--noheader", f"--name={self.name}", "--format=%i|%T|%r")
        rows = (line.strip().split("|", 2) for line in said.splitlines())
        return [QueuedJob(*row) for row in rows if len(row) == len(QueuedJob.__annotations__)]

    def close(self) -> None:
        """Have all jobs cancelled and their files removed, and wait for that a moment."""
        with self._lock:
            if self._closed:
                return
            self._closed, asking, late = True, self._asking, self._late
        if asking is not None:
            _kill(asking)
        pipe = self._canceller.stdin
        assert pipe is not None
        with suppress(OSError):  # of one that somebody killed
            if not late:
                pipe.write(b"in order\n" if self._any else b"no jobs\n")
            pipe.close()
        try:
            self._canceller.wait(0 if late else CANCELLING)
        except subprocess.TimeoutExpired:
            say(
                "Jobs of Slurm are being cancelled by a process that goes on; by hand: "
                f"scancel --name={self.name}"
            )

    def _answer(self, *words: str) -> str:
        """Return what a program of Slurm writes.

        Raises:
            SlurmError: it fails, or does not end in time.
        """
        with self._lock:
            if self._closed:
                raise SlurmError("no more is asked")
            try:
                asking = self._asking = subprocess.Popen(  # noqa: S603 - Slurm's own programs
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # Ctrl-C in a terminal is this process's to answer
                )
            except OSError as error:
                raise SlurmError(f"{words[0]}: {error}") from error
        try:
            with asking:
                try:
                    out, said = asking.communicate(timeout=ANSWERING)
                except subprocess.TimeoutExpired:
                    _kill(asking)
                    raise SlurmError(f"{words[0]} took more than {ANSWERING:.0f} seconds") from None
        finally:
            with self._lock:
                self._asking = None
        if asking.returncode:
            lines = [line.strip() for line in (said or out).splitlines() if line.strip()]
            last = lines[-1] if lines else f"{words[0]}: status {asking.returncode}"
            # Slurm may still do what it did not answer in time.
            raise (SlurmError if "timed out" in last else SlurmRefusalError)(last)
        return out


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a program with what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
