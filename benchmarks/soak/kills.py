"""Kill a command at random moments and start it again, over and over, and look at what is left each time."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil

from benchmarks.soak import evidence, processes
from benchmarks.soak.cluster import Cluster
from benchmarks.soak.moments import planned
from benchmarks.soak.suite import MODELS, RUNS
from paribus.data.cache_limits import UNFINISHED
from paribus.errors import ParibusError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COMMIT_SECONDS = 5.0
PATIENCE = 600.0
"""Seconds after which a command hangs."""
CASES = "cases"
WAYS = {
    "loop": ("-m", "paribus", "run", "{here}/suite.py", "--engine", "loop"),
    "stacked": ("-m", "paribus", "run", "{here}/suite.py", "--engine", "stacked"),
    CASES: (
        *("-m", "pytest", "{here}/cases.py", "--benchmark-only", "-q", "-p", "no:cacheprovider"),
        *("--paribus-device", "cpu", "--paribus-engine", "loop"),
    ),
    "dask": ("-m", "paribus", "run", "{here}/suite.py", "--engine", "loop"),
}
"""Commands that are killed."""


@dataclass
class Tally:
    """What a soak counted.

    Attributes:
        kills: by target and phase.
        commands: that were started, undisturbed ones left out.
        rounds: that came to their end.
        committed: runs that the stores hold after all rounds.
        begun: trainings that began in them, of which a kill ended some.
        again: runs whose training began after they had been committed.
        unfinished: folders of files of the cache that killed processes were making, which are removed after a day.
        faults: what was not as it should be.
    """

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    commands: int = 0
    rounds: int = 0
    committed: int = 0
    begun: int = 0
    again: int = 0
    unfinished: int = 0
    faults: list[str] = field(default_factory=list)


class Soak:
    """Command that is killed.

    Args:
        way: of `WAYS`.
        folder: for everything that it writes; a new one.
        seed: of the moments.
        cluster: where it trains; None is here.
    """

    def __init__(self, way: str, folder: Path, seed: int, cluster: Cluster | None = None) -> None:
        self.way, self.folder, self.cluster = way, folder, cluster
        self.draw = random.Random(seed)  # noqa: S311 - moments
        self.mark = f"{folder}"
        self.tally = Tally()
        for name in ("cache", "tmp"):
            (folder / name).mkdir(parents=True)

    def run(self, kills: int) -> Tally:
        """Run undisturbed once, then round after round until so many kills are done; what is found is counted."""
        undisturbed = self.folder / "undisturbed"
        self._undisturbed(self.folder / "first")  # fills the cache
        self.start, self.rest = self._undisturbed(undisturbed)
        self.expected = evidence.pages_of(undisturbed / "out")
        self.own_files = {*(self.folder / "tmp").iterdir()}  # a folder of torch's
        while self.tally.kills.total() < kills and len(self.tally.faults) < 5:
            self._round(kills)
        names = [path.name for path in (self.folder / "cache").iterdir()]
        self.tally.unfinished = sum(name.startswith(UNFINISHED) for name in names)
        return self.tally

    @property
    def witness(self) -> Path:
        """File of all trainings that begin."""
        return self.folder / "begun.txt"

    def environment(self, mark: str) -> dict[str, str]:
        """Return the environment of processes that note the trainings that they begin."""
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return kept | {
            "PYTHONPATH": os.pathsep.join((str(HERE / "witness"), str(ROOT))),
            "PARIBUS_SOAK_WITNESS": str(self.witness),
            "PARIBUS_CACHE": str(self.folder / "cache"),
            "TMPDIR": str(self.folder / "tmp"),
            processes.MARK: mark,
        }

    def _undisturbed(self, round_: Path) -> tuple[float, float]:
        """Return the seconds to the first training of a command, and from there to its end."""
        round_.mkdir()
        started = time.monotonic()
        with self._command(round_, 0) as command:
            self._await_training(command)
            training = time.monotonic()
            status = command.wait(timeout=PATIENCE)
        assert status == 0, (round_ / "0-err.txt").read_text()
        return training - started, time.monotonic() - training

    def _await_training(self, command: subprocess.Popen[bytes]) -> None:
        """Wait until a training begins, or the command ends."""
        _await_write(self.witness, command, PATIENCE)

    def _command(self, round_: Path, number: int) -> subprocess.Popen[bytes]:
        dashes = "--paribus-" if self.way == CASES else "--"
        out = round_ / "out"
        options = {"out": out, "store": out / "runs.sqlite", "jobs": 2}
        if self.cluster is not None:
            options |= {"where": self.cluster.address}
        words = [word.format(here=HERE) for word in WAYS[self.way]]
        words += [
            str(word) for name, value in options.items() for word in (f"{dashes}{name}", value)
        ]
        with (
            (round_ / f"{number}-out.txt").open("wb") as told,
            (round_ / f"{number}-err.txt").open("wb") as errors,
        ):
            return subprocess.Popen(  # noqa: S603 - this interpreter
                [sys.executable, *words],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=errors,
                env=self.environment(self.mark),
                cwd=ROOT,
            )

    # A round: one store, and commands until one of them comes to its end

    def _round(self, kills: int) -> None:
        round_ = self.folder / f"round-{self.tally.rounds}"
        round_.mkdir()
        before, since = dict[str, str](), time.time()
        for number in count():
            spare = kills - self.tally.kills.total()
            status = self._cycle(round_, number, spare, trained=len(before) == RUNS)
            self._look(round_, number, before)
            if status is not None or len(self.tally.faults) >= 5:
                break
        self._compare(round_, number, status, since)
        self.tally.rounds += 1

    def _cycle(self, round_: Path, number: int, spare: int, *, trained: bool) -> int | None:
        """Run the command and kill what is planned, at most so much; return its status if it ended by itself."""
        dask = self.cluster is not None
        plan = planned(self.draw, self.start, self.rest, dask=dask, trained=trained)
        if self.cluster is not None:
            self.cluster.await_workers()
        self.tally.commands += 1
        started, since = time.monotonic(), time.time()
        log = round_ / "out" / "runs.sqlite-wal"
        with self._command(round_, number) as command:
            if plan.training and spare > 0:
                self._await_training(command)
                started = time.monotonic()
            for kill in plan.kills[: max(spare, 0)]:
                self._note(f"{round_.name} {number}: {kill.target} at {kill.at:.2f} s")
                if _ended(command, started + kill.at):
                    break
                if kill.target in ("driver", "commit"):
                    if kill.target == "commit":
                        _await_write(log, command, COMMIT_SECONDS)
                    if command.poll() is not None:
                        break
                    command.kill()
                    command.wait()
                    self.tally.kills[kill.target, self._phase(round_, since)] += 1
                    return None
                self._kill_other(kill.target, command, round_, since)
            try:
                return command.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.tally.faults.append(f"{round_}: command {number} hangs")
                command.kill()
                return None

    def _kill_other(
        self, target: str, command: subprocess.Popen[bytes], round_: Path, since: float
    ) -> None:
        cluster, phase = self.cluster, self._phase(round_, since)
        hosts = [command] if cluster is None else [*cluster.workers.values()]
        if cluster is not None and target == "cluster worker":
            host = self.draw.choice(hosts)
            host.kill()
            host.wait()
            cluster.refill()
        elif (process := processes.victim(target, hosts)) is not None:
            with suppress(psutil.Error):
                process.kill()
        else:
            return  # nobody to kill yet
        self.tally.kills[target, phase] += 1

    def _note(self, line: str) -> None:
        """Add a line to the diary, by which a fault can be looked for."""
        with (self.folder / "diary.txt").open("a", encoding="utf-8") as diary:
            diary.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    def _phase(self, round_: Path, since: float) -> str:
        """Return what the command was at, by what it has begun and written since it started."""
        out = round_ / "out"
        try:
            kept = evidence.kept_in(out / "runs.sqlite")
        except ParibusError:  # it is written at this moment, or damaged, which is found later
            kept = evidence.Kept({}, 0)
        if len(kept.runs) < RUNS:
            return "training" if evidence.begun(self.witness, since) else "start-up"
        if self.way == CASES and kept.timings < len(MODELS):
            return "step times"
        written = [
            path
            for path in out.iterdir()
            if not path.name.startswith("runs.sqlite") and path.stat().st_mtime > since
        ]
        return "pages" if written else "all trained"

    # What is left

    def _look(self, round_: Path, number: int, before: dict[str, str]) -> None:
        """Look at what a command left; ``before`` holds what was committed until then, and is brought up to date."""
        faults, name = self.tally.faults, f"{round_.name}, command {number}"
        faults += [f"{name}: left {process}" for process in processes.left(self.mark)]
        try:
            runs = evidence.kept_in(round_ / "out" / "runs.sqlite").runs
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the store
            faults.append(f"{name}: {type(error).__name__}: {error}")
            return
        if changed := [key for key, created in before.items() if runs.get(key) != created]:
            faults.append(f"{name}: {len(changed)} committed runs lost or committed again")
        before |= runs
        told = [(round_ / f"{number}-{kind}.txt").read_text() for kind in ("out", "err")]
        faults += [f"{name}: a traceback" for text in told if "Traceback" in text]
        if rest := {*(self.folder / "tmp").iterdir()} - self.own_files:
            names = sorted(path.name for path in rest)
            faults.append(f"{name}: left in the folder of temporary files: {names}")

    def _compare(self, round_: Path, number: int, status: int | None, since: float) -> None:
        """Compare pages, and what was trained, with what an undisturbed command did."""
        faults, name = self.tally.faults, round_.name
        if status != 0:
            faults.append(f"{name}: command {number} ended with status {status}")
            return
        exact = self.way != "stacked"  # what is left of a stack is a smaller one, of other rounding
        pages = evidence.pages_of(round_ / "out")
        if other := evidence.differences(self.expected, pages, exact=exact):
            faults.append(f"{name}: other pages than undisturbed: {', '.join(other)}")
        rest = {path.name for path in (round_ / "out").iterdir()} - {*pages, "runs.sqlite"}
        if rest:
            faults.append(f"{name}: left beside the pages: {sorted(rest)}")
        runs = evidence.kept_in(round_ / "out" / "runs.sqlite").runs
        begins = evidence.begun(self.witness, since)
        again = evidence.trained_again(begins, runs)
        if again or len(runs) != RUNS:
            faults.append(f"{name}: {len(runs)} runs, {len(again)} trained after their commit")
        self.tally.committed += len(runs)
        self.tally.begun += len(begins)
        self.tally.again += len(again)


def _ended(command: subprocess.Popen[bytes], until: float) -> bool:
    """Wait until a moment, or until a command ends; return whether it ended."""
    try:
        command.wait(timeout=max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _await_write(path: Path, command: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for the next write to a file, for so many seconds at most, or until a command ends."""
    first, deadline = _stamp(path), time.monotonic() + seconds
    while _stamp(path) == first and command.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)


def _stamp(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size
    return None
