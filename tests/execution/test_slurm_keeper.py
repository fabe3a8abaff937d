"""Keeper of jobs of Slurm: what it says while it waits, when it gives up, and that it asks again for what ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paribus.execution import slurm_keeper, slurm_queue
from paribus.execution.slurm_keeper import JobKeeper
from paribus.execution.slurm_queue import SlurmQueue
from tests.helpers.fake_slurm import FakeSlurm
from tests.helpers.refusals import refused

END = (
    ", expected jobs that start, and reach this machine. Change the file to a queue, an account and amounts that Slurm "
    "takes, or start the same command again when Slurm is up; what the store holds is kept."
)
DOWN = "slurm error: Unable to contact slurm controller (connect failure)"


class Kept:
    """Keeper of jobs of a stand-in for Slurm; those in ``working`` have a worker."""

    def __init__(self, folder: Path) -> None:
        self.slurm, self.working = FakeSlurm(folder), set[str]()
        self.folder, self._keeper = folder, list[JobKeeper]()

    def start(self, jobs: int = 1, name: str = "paribus") -> JobKeeper:
        files = self.folder / "files"
        files.mkdir()
        (files / "job.sh").write_text("sleep 600")
        self.queue = SlurmQueue(name, files)
        keeper = JobKeeper(
            *(self.queue, files / "job.sh", jobs, lambda: self.working, files), logs_stay=False
        )
        self._keeper.append(keeper)
        return keeper

    def close(self) -> None:
        for name in ("down", "hangs"):
            (self.folder / name).unlink(missing_ok=True)
        for keeper in self._keeper:
            keeper.close()
            keeper.close()  # as where a command is stopped while it ends
            self.queue._canceller.wait(10)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    made = Kept(tmp_path)
    monkeypatch.setenv("PATH", made.slurm.path)
    monkeypatch.setattr(slurm_queue, "PAUSES", (0, 0.1, 0.1))
    monkeypatch.setattr(slurm_keeper, "LOOKING", 0.02)
    monkeypatch.setattr(slurm_keeper, "PAUSE", 0.1)
    monkeypatch.setattr(slurm_keeper, "QUIET", 0.0)
    yield made
    made.close()


def _wait(until: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _error(keeper: JobKeeper) -> str:
    _wait(lambda: keeper._error)
    return refused(keeper.check)


def test_a_job_that_waits_for_what_does_not_come_ends_the_command(kept: Kept) -> None:
    (kept.folder / "reason").write_text("PartitionTimeLimit")
    assert _error(kept.start(2)) == (
        f"--paribus-where: got from Slurm jobs that it will not start as they are (PartitionTimeLimit){END}"
    )


def test_a_job_that_waits_is_waited_for_and_its_reason_said_once(
    kept: Kept, capfd: pytest.CaptureFixture[str]
) -> None:
    (kept.folder / "reason").write_text("ReqNodeNotAvail, UnavailableNodes:a")
    keeper = kept.start(2)
    _wait(lambda: len(keeper._listed) == 2)
    for _ in range(3):
        keeper.check()
    (kept.folder / "reason").write_text("Resources")
    _wait(lambda: "Resources" in keeper._line())
    keeper.check()
    assert capfd.readouterr().err == (
        "Waiting for a worker from Slurm. Jobs: 2 pending (ReqNodeNotAvail, UnavailableNodes:a).\n"
        "Waiting for a worker from Slurm. Jobs: 2 pending (Resources).\n"
    )


def test_slurm_that_is_down_is_waited_for_and_jobs_that_ended_are_asked_for_again(
    kept: Kept, capfd: pytest.CaptureFixture[str]
) -> None:
    keeper = kept.start()
    _wait(lambda: kept.slurm.submitted)
    kept.working = {str(kept.slurm.submitted[0])}
    _wait(lambda: keeper._worked)
    (kept.folder / "down").touch()
    kept.working = set()
    os.killpg(kept.slurm.submitted[0], signal.SIGKILL)
    _wait(lambda: keeper._silence)
    keeper.check()
    (kept.folder / "down").unlink()
    _wait(lambda: keeper._asked - {str(kept.slurm.submitted[0])})
    assert len(kept.slurm.submitted) == 2
    assert f"Slurm does not answer ({DOWN})" in capfd.readouterr().err


def test_slurm_that_stays_down_ends_the_command_in_its_words(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_keeper, "MOST_FAILURES", 2)
    keeper = kept.start()
    _wait(lambda: keeper._listed)
    (kept.folder / "down").touch()
    assert _error(keeper) == f"--paribus-where: got from Slurm no answer ({DOWN}){END}"


def test_an_outage_that_workers_outlived_does_not_end_the_command_later(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_keeper, "MOST_FAILURES", 2)
    keeper = kept.start()
    _wait(lambda: kept.slurm.submitted)
    kept.working = {str(kept.slurm.submitted[0])}
    _wait(lambda: keeper._worked)
    (kept.folder / "down").touch()
    _wait(lambda: keeper._error)
    keeper.check()
    (kept.folder / "down").unlink()
    _wait(lambda: not keeper._silence and keeper._error is None)
    kept.working = set()
    keeper.check()


def test_an_unexpected_failure_is_forgotten_when_the_next_look_is_well(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = kept.start()
    _wait(lambda: keeper._listed)
    with monkeypatch.context() as patient:
        patient.setattr(kept.queue, "jobs", lambda: 1 / 0)
        assert _error(keeper).startswith(
            "--paribus-where: got from Slurm ZeroDivisionError: division by zero, expected jobs"
        )
    _wait(lambda: keeper._error is None)
    keeper.check()


def test_jobs_that_can_start_after_all_are_waited_for(kept: Kept) -> None:
    """Where somebody changes the limit of a partition."""
    (kept.folder / "reason").write_text("PartitionTimeLimit")
    keeper = kept.start()
    _wait(lambda: keeper._error)
    (kept.folder / "reason").write_text("Resources")
    _wait(lambda: keeper._error is None)
    keeper.check()


def test_slurm_that_takes_fewer_jobs_is_worked_with(
    kept: Kept, capfd: pytest.CaptureFixture[str]
) -> None:
    keeper = kept.start(1)
    _wait(lambda: keeper._listed)
    keeper._count = 2
    (kept.folder / "refusal").write_text("sbatch: error: QOSMaxSubmitJobPerUserLimit")
    _wait(lambda: keeper._failures)
    time.sleep(0.2)
    keeper.check()
    assert capfd.readouterr().err.endswith(
        "1 running; others were refused or failed (sbatch: error: QOSMaxSubmitJobPerUserLimit).\n"
    )


def test_jobs_whose_nodes_are_broken_are_not_asked_for_for_ever(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_keeper, "MOST_FAILURES", 2)
    keeper = kept.start()
    _wait(lambda: kept.slurm.submitted)
    kept.working = {str(kept.slurm.submitted[0])}
    _wait(lambda: keeper._worked)
    kept.working = set()
    while keeper._error is None:
        for job in kept.slurm.running:
            os.killpg(job, signal.SIGKILL)
        time.sleep(0.02)
    assert len(kept.slurm.submitted) == 3
    assert "ended before its worker was there" in refused(keeper.check)


def test_a_program_that_hangs_is_ended(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_queue, "ANSWERING", 0.3)
    (kept.folder / "hangs").touch()
    keeper = kept.start()
    assert _error(keeper).startswith(
        "--paribus-where: got from Slurm none that runs: sbatch took more"
    )
    assert kept.slurm.hanging == []


def test_a_job_that_slurm_took_and_did_not_say_so_in_time_is_kept_and_cancelled(kept: Kept) -> None:
    keeper = kept.start()
    _wait(lambda: keeper._listed)
    (kept.folder / "late").touch()
    keeper._count = 2
    _wait(lambda: len(keeper._asked) == 2)
    (kept.folder / "late").unlink()
    kept.close()
    assert len(kept.slurm.submitted) == 2
    assert {*kept.slurm.cancelled} == {*kept.slurm.submitted}


def test_a_first_job_that_slurm_took_and_did_not_say_so_in_time_is_cancelled(kept: Kept) -> None:
    (kept.folder / "late").touch()
    keeper = kept.start()
    assert "Socket timed out on send/recv operation" in _error(keeper)
    kept.close()
    assert {*kept.slurm.cancelled} == {*kept.slurm.submitted} != set()


def test_jobs_have_a_name_of_their_own_by_which_they_are_cancelled(kept: Kept) -> None:
    keeper = kept.start(2, name="mine, theirs")
    assert keeper._queue.name.startswith("mine--theirs-")
    _wait(lambda: len(keeper._listed) == 2)
    kept.close()
    _wait(lambda: not kept.slurm.running)
    assert sorted(kept.slurm.cancelled) == sorted(kept.slurm.submitted)
    assert not (kept.folder / "files").exists()
