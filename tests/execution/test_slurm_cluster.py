"""Jobs of Slurm as a notebook meets them: what was refused is begun anew, and what was begun is ended with it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from paribus.errors import ParibusError
from paribus.execution import slurm_cluster
from paribus.execution.slurm_file import SlurmJobs
from tests.helpers.refusals import refused

WANTED = SlurmJobs(jobs=1, cores=1, options={})


class _Workers:
    """Stand-in for workers in jobs, the first of which are refused."""

    made: list[_Workers]

    def __init__(self, _wanted: SlurmJobs) -> None:
        self.closed = False
        self.keeper = SimpleNamespace(close=self._close, check=lambda: None)
        self.made.append(self)

    def _close(self) -> None:
        self.closed = True

    def connected(self) -> Any:
        return f"client {len(self.made)}"

    def wait_for_one(self) -> None:
        if len(self.made) == 1:
            raise ParibusError("jobs", got="none", expected="one", fix="Ask again.")


def test_a_file_that_was_refused_is_asked_for_anew_and_the_first_keeper_asks_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_Workers, "made", [], raising=False)
    monkeypatch.setattr(slurm_cluster, "SlurmWorkers", _Workers)
    monkeypatch.setattr(slurm_cluster, "_started", {})
    monkeypatch.setattr(slurm_cluster, "at_the_end", lambda _: None)
    monkeypatch.setattr(slurm_cluster.atexit, "register", lambda _: None)
    assert refused(slurm_cluster.client_of_jobs, "slurm:a", WANTED) == (
        "jobs: got none, expected one. Ask again."
    )
    assert slurm_cluster.client_of_jobs("slurm:a", WANTED)[0] == "client 2"
    assert slurm_cluster.client_of_jobs("slurm:a", WANTED)[0] == "client 2"
    assert [each.closed for each in _Workers.made] == [True, False]


def test_what_was_begun_is_ended_where_the_rest_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    registered = list[Callable[[], None]]()

    def fails(_: SlurmJobs) -> None:
        raise ParibusError("jobs", got="none", expected="one", fix="Ask again.")

    monkeypatch.setattr(slurm_cluster, "SlurmWorkers", fails)
    monkeypatch.setattr(slurm_cluster, "_started", {})
    monkeypatch.setattr(slurm_cluster.atexit, "register", registered.append)
    refused(slurm_cluster.client_of_jobs, "slurm:a", WANTED)
    assert registered == [slurm_cluster.leave]
