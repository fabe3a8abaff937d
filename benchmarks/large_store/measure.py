"""Seconds of what is asked of a large store, each in a process of its own.

``python -m benchmarks.large_store.measure resume FOLDER`` does one of them with the store of a folder.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.large_store.fill import SEEDS, VARIANTS, made, settings_of
from paribus.execution.cases import selected
from paribus.execution.orchestrate import finish, train_all
from paribus.execution.session import Session
from paribus.frontends.cli import main
from paribus.runs.store import Store

ROOT = Path(__file__).parents[2]


class Cost(NamedTuple):
    """Seconds of a question, and the memory of the process that asked it, in megabytes."""

    wall: float
    cpu: float
    megabytes: float


def open_(folder: Path) -> None:
    """Open the store, ask for nothing."""
    Store(settings_of(folder).store).close()


def show(folder: Path) -> None:
    """Show what the store holds."""
    _command("store", str(settings_of(folder).store))


def check(folder: Path) -> None:
    """Read all of it, and compare every checksum."""
    _command("store", str(settings_of(folder).store), "--check")


def resume(folder: Path) -> None:
    """Find that nothing of the comparison is left to be trained."""
    _session(folder, evidence=False, pages=False)


def report(folder: Path) -> None:
    """Write the pages of the comparison, and its evidence."""
    _session(folder, evidence=True, pages=True)


def cache(_folder: Path) -> None:
    """Show the cache."""
    _command("cache")


def merge(folder: Path) -> None:
    """Add a store of some runs to it."""
    _command("merge", str(small(folder)), "--into", str(settings_of(folder).store))


def small(folder: Path) -> Path:
    """Return the path of the small store that is merged."""
    return folder / "small" / "runs.sqlite"


QUESTIONS: dict[str, Callable[[Path], None]] = {
    "open": open_,
    "show": show,
    "resume": resume,
    "report": report,
    "cache": cache,
    "merge": merge,
    "check": check,
}


def _session(folder: Path, *, evidence: bool, pages: bool) -> None:
    settings = replace(settings_of(folder), evidence=evidence)
    session, suites = Session(settings, [made()]), [made()]
    with session.study.store:
        cases = selected(suites, settings)
        session.prepare(cases)
        train_all(session, cases)
        if session.trained:
            raise AssertionError(f"{len(session.trained)} runs were trained again")
        results = session.study.results(cases)
        if (found := len(results[0].run_keys)) != VARIANTS * SEEDS:
            raise AssertionError(f"{found} runs were found")
        if pages:
            finish(session.study, cases, suites)


def _command(*words: str) -> None:
    try:
        main(words)
    except SystemExit as ended:
        if ended.code:
            raise


def measured(question: str, folder: Path) -> Cost:
    """Return what a question costs, asked in a process of its own; imports are left out."""
    done = subprocess.run(  # noqa: S603 - this interpreter, this file
        [sys.executable, "-m", "benchmarks.large_store.measure", question, str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{question}: {done.stdout}{done.stderr}")
    return Cost(*map(float, done.stdout.splitlines()[-1].split()))


def _here(question: str, folder: Path) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    QUESTIONS[question](folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return Cost(wall, cpu, int(kilobytes) / 1000)


if __name__ == "__main__":
    cost = _here(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write("{} {} {}\n".format(*cost))
