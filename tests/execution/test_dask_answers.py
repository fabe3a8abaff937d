"""Answers of a Dask cluster that do not come: each is waited for so long and no longer, and that is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import cloudpickle
import pytest

from paribus.execution import dask_connection, dask_executor, dask_gpus
from paribus.execution.dask_connection import Connection
from paribus.execution.dask_executor import DaskExecutor
from paribus.execution.dask_host import SentCode
from paribus.execution.same_versions import versions
from tests.helpers.refusals import refused

ADDRESS = "tcp://127.0.0.1:1"
END = (
    ", expected a worker that says what GPU it has. Wait until its work has ended, or start the worker again; then run "
    "the same command."
)


class _Client:
    """Stand-in for a client of a scheduler that hangs when it is asked one thing."""

    status = "running"

    def __init__(self, hangs: str) -> None:
        self.hangs = hangs

    def sync(self, asked: Callable[[], Any], *, callback_timeout: float) -> Any:
        try:
            return asyncio.run(asyncio.wait_for(asked(), callback_timeout))
        except TimeoutError:
            raise TimeoutError(f"timed out after {callback_timeout} s.") from None

    async def _says(self, name: str, what: Any) -> Any:
        if name == self.hangs:
            await asyncio.Event().wait()
        return what

    async def nthreads(self) -> Any:
        return await self._says("nthreads", {"worker": 1})

    async def run(self, _: Any) -> Any:
        return await self._says("run", {"worker": versions()})

    async def register_plugin(self, _: Any) -> Any:
        return await self._says("register_plugin", {})

    async def run_on_scheduler(self, _: Any) -> Any:
        return await self._says("run_on_scheduler", {"worker": (1, 1)})


def _connection(hangs: str) -> Connection:
    return Connection(ADDRESS, SentCode({}), cast("Any", _Client(hangs)))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_connection, "ANSWERING", 0.1)
    monkeypatch.setattr(dask_connection, "WAITING", 0.1)


@pytest.mark.parametrize("hangs", ["nthreads", "run", "register_plugin"])
def test_a_scheduler_that_hangs_while_it_is_asked_is_refused(hangs: str) -> None:
    assert refused(_connection, hangs) == (
        f"--paribus-where: got {ADDRESS} (TimeoutError: timed out after 0.1 s.), expected the address of a Dask "
        "scheduler that answers. Start one by dask scheduler; certificates for tls are named in Dask's configuration."
    )


def test_a_scheduler_that_hangs_while_it_is_asked_for_gpus_is_refused() -> None:
    said = refused(dask_gpus._declared, _connection("run_on_scheduler"))
    assert said.startswith(f"--paribus-where: got {ADDRESS} (TimeoutError: timed out after 0.1 s.)")


class _Future:
    """Stand-in for a piece of work that is done, whose result is there after so many times that it is asked for."""

    status = "finished"

    def __init__(self, late: int) -> None:
        self.late = late

    def add_done_callback(self, function: Callable[[Any], None]) -> None:
        function(self)

    def result(self, timeout: float | None = None) -> bytes:
        assert timeout is not None
        self.late -= 1
        if self.late >= 0:
            raise TimeoutError
        return cloudpickle.dumps(7)

    def release(self) -> None: ...


@pytest.mark.parametrize(("there", "lost"), [(True, 0), (False, 1)])
def test_a_result_is_waited_for_while_the_scheduler_answers(there: bool, lost: int) -> None:
    """Else the scheduler is lost, and the work is sent again when it is back."""
    futures, renewed = [_Future(1), _Future(0)], list[bool]()
    connection = SimpleNamespace(
        open=True,
        sent=SentCode({}),
        submit=lambda *_: futures.pop(0),
        look=lambda _: there,
        renew=lambda *, wait: renewed.append(wait),
    )
    assert [*DaskExecutor(cast("Any", connection), 1).spread(abs, [-7])] == [(-7, 7)]
    assert renewed == [True] * lost


def test_a_time_limit_that_a_piece_itself_raised_is_its_own_failure() -> None:
    class Failed(_Future):
        status = "error"

    found = dask_executor._outcome(cast("Any", Failed(1)), lambda: True)
    assert isinstance(found.error, TimeoutError)


class _Asked:
    """Stand-in for the question what GPU a worker has."""

    def __init__(self, status: str, raises: Exception | None = None) -> None:
        self.status, self.raises = status, raises

    def done(self) -> bool:
        return self.status != "pending"

    def result(self, timeout: float | None = None) -> bytes:
        assert timeout is not None
        if self.raises:
            raise self.raises
        return cloudpickle.dumps(("H200", "7"))


def _told(monkeypatch: pytest.MonkeyPatch, **asked: _Asked) -> Any:
    there = dict.fromkeys(asked, dask_gpus._Worker(1, 1))
    monkeypatch.setattr(dask_gpus, "_declared", lambda _: there)
    client = SimpleNamespace(submit=lambda *_, workers, **__: asked[workers[0]])
    connection = SimpleNamespace(client=client, sent=SentCode({}))
    return dask_gpus._told(cast("Any", connection), [*asked])


def test_workers_that_answer_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _told(monkeypatch, a=_Asked("finished")) == {"a": ("H200", "7")}


def test_a_worker_whose_gpu_is_busy_is_waited_for_in_a_line_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask_gpus, "QUIET", 0.0)
    monkeypatch.setattr(dask_gpus, "FREE", 0.2)
    asked = {"a": _Asked("finished"), "b": _Asked("pending"), "c": _Asked("pending")}
    assert (
        refused(_told, monkeypatch, **asked)
        == f"GPU of worker b: got no word of it in 0 seconds{END}"
    )
    assert capfd.readouterr().err == (
        "Waiting for workers b, c, whose GPU is busy or whose process is starting.\n"
    )


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        (_Asked("cancelled"), "a question that ended as cancelled"),
        (_Asked("error"), "a question that ended as error"),
        (_Asked("finished", TimeoutError("60 s")), "TimeoutError: 60 s"),
    ],
)
def test_a_question_without_an_answer_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, asked: _Asked, got: str
) -> None:
    assert refused(_told, monkeypatch, a=asked) == f"GPU of worker a: got {got}{END}"
