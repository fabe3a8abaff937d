"""Workers of a Dask cluster: the same records as from this machine's, none lost with a worker, refusals in a line."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cloudpickle
import dask
import psutil
import pytest
from distributed import Client, LocalCluster, Status
from distributed.comm.core import CommClosedError

from paribus import Suite
from paribus.errors import ParibusError
from paribus.execution import dask_connection, dask_executor, dask_host
from paribus.execution.dask_connection import disconnect
from paribus.execution.dask_executor import cluster_at
from paribus.execution.dask_host import SentCode
from paribus.execution.executor import execute
from paribus.execution.executors import Failure, TimeLimitError, WorkerDiedError
from paribus.execution.same_versions import versions
from paribus.execution.shipped_code import code_of
from paribus.execution.where import Place
from paribus.runs.run import Run, RunResult
from paribus.spec import call
from tests.helpers.dask_processes import cluster as started_cluster
from tests.helpers.refusals import refused
from tests.helpers.toys import RECIPE, Deadly, a_run, comparison, points

pytestmark = pytest.mark.slow  # processes of workers import torch
DATA = points().digest
RUNS = [replace(a_run(seed), data_digest=DATA) for seed in range(4)]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Yield the address of a scheduler with two worker processes, which gives work up with the first that is lost."""
    settings = {"distributed.scheduler.allowed-failures": 0, "logging.distributed": "critical"}
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=2, threads_per_worker=1, protocol="tcp://", dashboard_address=":0"
        ) as cluster,
    ):
        yield cluster.scheduler_address
        disconnect()


@pytest.fixture
def place(address: str) -> Place:
    return cluster_at(address, None, {})


@pytest.fixture
def client(address: str) -> Client:
    return dask_connection.connected(address)


def _trained(runs: list[Run], place: Place) -> dict[str, RunResult]:
    kept: dict[str, RunResult] = {}

    def keep(run: Run, record: RunResult) -> None:
        kept[run.key] = record

    assert execute(runs, jobs=place.jobs, keep=keep, cluster=place.cluster) == {}
    return kept


def _numbers(records: dict[str, RunResult]) -> dict[str, str]:
    """Return all that records hold but seconds, as text: digit by digit."""
    return {
        key: repr((replace(record, seconds=0, step_seconds=0), record.predictions))
        for key, record in sorted(records.items())
    }


@pytest.mark.parametrize("engine", ["loop", "stacked"])
def test_records_are_those_of_this_machine_bit_for_bit(place: Place, engine: str) -> None:
    runs = [replace(run, engine=engine) for run in RUNS]
    assert place.jobs == 2
    assert _numbers(_trained(runs, place)) == _numbers(_trained(runs, Place(2)))


def _given_back(piece: int) -> tuple[int, int]:
    return piece, os.getpid()


def _ends(piece: int) -> None:
    os._exit(piece)


def _hangs(_piece: int) -> None:
    time.sleep(60)


def _raises(piece: int) -> None:
    raise ValueError(piece)


def _spread(place: Place, function: Any, *work: Any, **settings: Any) -> list[tuple[Any, Any]]:
    assert place.cluster is not None
    return list(place.cluster(2).spread(function, work, **settings))


def test_processes_of_the_workers_do_piece_after_piece_and_are_not_theirs(
    place: Place, client: Client
) -> None:
    done = _spread(place, _given_back, *range(9))
    assert (
        sorted(piece for piece, _ in done) == sorted(found[0] for _, found in done) == [*range(9)]
    )
    processes = {found[1] for _, found in done}
    assert len(processes) == 2
    assert not processes & {os.getpid(), *client.run(os.getpid).values()}


def test_a_network_that_ends_hangs_or_raises_costs_its_piece_and_no_worker(
    place: Place, client: Client
) -> None:
    before = client.run(os.getpid)
    for function, limit, error in (
        (_ends, 60.0, WorkerDiedError("ended with exit status 3")),
        (_hangs, 0.1, TimeLimitError("no end after 0 s")),
        (_raises, 60.0, ValueError(3)),
    ):
        ((piece, found),) = _spread(place, function, 3, limit=lambda _, s=limit: s)
        assert piece == 3
        assert isinstance(found, Failure)
        assert repr(found.error) == repr(error)
    assert client.run(os.getpid) == before


def _kills(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)
    time.sleep(60)


def test_a_piece_that_cannot_be_sent_costs_no_other(place: Place) -> None:
    """Nor those that are asked for after it."""

    def limit(piece: int) -> float:
        if piece < 3:
            raise ValueError("no limit for this one")
        return float("inf")

    assert place.cluster is not None
    found = dict(place.cluster(1).spread(abs, [1, 2, 3, 0, 4], limit=limit))
    assert [str(found[piece].error) for piece in (0, 1, 2)] == ["no limit for this one"] * 3
    assert (found[3], found[4]) == (3, 4)


def test_a_worker_that_is_killed_costs_its_piece_and_its_nanny_starts_another(
    place: Place, client: Client
) -> None:
    victim = next(iter(client.run(os.getpid).values()))
    ((_, found),) = _spread(place, _kills, victim)
    assert isinstance(found, Failure)
    assert repr(found.error) == "WorkerDiedError('was lost with 1 worker of the cluster')"
    assert [found[0] for _, found in _spread(place, _given_back, 7)] == [7]


def _noted(file: Path) -> int:
    with file.open("a") as lines:
        lines.write("done\n")
    return os.getppid()


def test_what_was_handed_back_is_not_done_again_where_its_worker_is_lost(
    place: Place, client: Client, tmp_path: Path
) -> None:
    """Dask would do it again if it took the result to be wanted still."""
    assert place.cluster is not None
    file, before = tmp_path / "done.txt", {*client.run(os.getpid).values()}
    work = place.cluster(1).spread(_noted, [file, tmp_path / "other.txt"])
    _, parent = next(work)
    victim = psutil.Process(parent).ppid()
    assert victim in before
    os.kill(victim, signal.SIGKILL)
    while {*client.run(os.getpid, on_error="ignore").values()} <= before:
        time.sleep(0.05)
    assert len([*work]) == 1
    assert file.read_text() == "done\n"


def test_a_network_that_kills_its_process_once_is_tried_again(place: Place, tmp_path: Path) -> None:
    model = call(Deadly, marker=str(tmp_path / "marker"))
    deadly = replace(a_run(7, model=model), data_digest=DATA)
    assert len(_trained([*RUNS[:1], deadly], place)) == 2


NETWORK = """
from torch import nn

from their_package.activation import Bent


class Net(nn.Sequential):
    def __init__(self, *, inputs, outputs):
        super().__init__(nn.Linear(inputs[0], 3), Bent(), nn.Linear(3, outputs))
"""
ACTIVATION = """
from torch import nn


class Bent(nn.Module):
    def forward(self, x):
        return {} * x.tanh()
"""


def test_code_of_a_suite_is_sent_to_workers_that_lack_it(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_package").mkdir()
    (tmp_path / "their_package" / "__init__.py").write_text("")
    (tmp_path / "their_package" / "activation.py").write_text(ACTIVATION.format(2))
    (tmp_path / "their_networks.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    model = call("their_networks:Net")
    suite = Suite(
        name="theirs",
        title="T",
        comparisons=(comparison(recipe=RECIPE.model_copy(update={"model": model})),),
    )
    code = code_of([suite])
    assert [name for name in code if name.startswith("their")] == [
        "their_networks.py",
        "their_package/activation.py",
        "their_package/__init__.py",
    ]
    runs = [replace(a_run(seed, model=model), data_digest=DATA) for seed in range(2)]
    place = cluster_at(address, None, code)
    assert _numbers(_trained(runs, place)) == _numbers(_trained(runs, Place(1)))
    bare = cluster_at(address, None, {}).cluster
    failed = execute(runs[:1], jobs=2, keep=lambda *_: None, cluster=bare)
    assert "No module named 'their_networks'" in failed[runs[0].key].got


def _code_and_own_folder(dask_worker: Any) -> tuple[list[str], str]:
    return [path for path in sys.path if "paribus-code-" in path], dask_worker.local_directory


def test_code_is_put_where_dask_removes_it(address: str, client: Client) -> None:
    cluster_at(address, None, {"a.py": b"1"})
    for (code,), folder in client.run(_code_and_own_folder).values():
        assert Path(code).is_relative_to(folder)


def test_a_worker_begins_to_import_torch_when_it_is_sent_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that cannot says so with its first piece of work."""
    begun: list[bool] = []

    def prestart() -> None:
        begun.append(True)
        raise OSError("no memory")

    monkeypatch.setattr(dask_host, "prestart", prestart)
    monkeypatch.setattr(dask_host, "_sent", {})
    sent = SentCode({"a.py": b"1"})
    sent.setup(SimpleNamespace(local_directory=None))
    folder = Path(dask_host._sent["folder"])
    try:
        assert begun == [True]
        assert (folder / "a.py").read_bytes() == b"1"
    finally:
        sent.teardown(SimpleNamespace(status=Status.closing))
    assert not folder.exists()
    assert str(folder) not in sys.path


def test_a_session_whose_code_was_replaced_is_refused(address: str) -> None:
    first = cluster_at(address, None, {"a.py": b"1"})
    cluster_at(address, None, {"a.py": b"2"})
    ((_, found),) = _spread(first, _given_back, 1)
    assert str(found.error) == (
        "code of suites on a worker: got that of another session, expected that of this one. Let one session at a "
        "time use the cluster."
    )


def test_code_that_is_sent_to_a_worker_twice_leaves_its_work_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it is to one that joins while it is sent to all; the same code of another command is of another session."""
    ended = list[int]()
    monkeypatch.setattr(dask_host, "prestart", lambda: None)
    monkeypatch.setattr(dask_host, "shutdown", lambda: ended.append(1))
    monkeypatch.setattr(dask_host, "_sent", {})
    worker = SimpleNamespace(local_directory=None, status=Status.running)
    first, other = SentCode({"a.py": b"1"}), SentCode({"a.py": b"1"})
    first.setup(worker)
    before = dict(dask_host._sent)
    first.teardown(worker)  # by Dask, where a plugin of the same name comes
    dask_host._refuse_other(versions(), first.digest)  # as a piece of work that begins between
    again = cloudpickle.loads(cloudpickle.dumps(first))
    again.setup(worker)
    assert dask_host._sent == before
    assert Path(before["folder"], "a.py").exists()
    assert ended == [1]
    again.teardown(worker)
    other.setup(worker)
    assert dask_host._sent["session"] == other.session != before["session"]
    assert not Path(before["folder"]).exists()
    assert before["folder"] not in sys.path
    worker.status = Status.closing
    other.teardown(worker)
    assert dask_host._sent == {}
    assert ended == [1, 1, 1]


def test_what_a_killed_session_asked_for_is_not_begun_in_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first process of a worker takes seconds to start, in which the same command may be there again."""
    asked = list[object]()

    class Starting:
        def __init__(self, _jobs: int) -> None: ...

        def spread(self, _: object, work: list[object], **_limit: object) -> Any:
            asked.append(work)
            dask_host._sent["session"] = "next"
            return [(work[0], 0)]

    monkeypatch.setattr(dask_host, "LocalExecutor", Starting)
    monkeypatch.setattr(dask_host, "_sent", {"digest": "code", "session": "killed"})
    found = cloudpickle.loads(dask_host.host(b"task", 1.0, versions(), "code"))
    assert "got that of another session" in str(found.error)
    assert asked == [[0]]
    assert cloudpickle.loads(dask_host.host(b"task", 1.0, versions(), "code")) == 0
    assert asked[1:] == [[0], [b"task"]]


def test_workers_with_other_versions_are_refused_by_both(
    address: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = versions()
    monkeypatch.setattr(dask_connection, "versions", lambda: "paribus 9")
    worker = next(iter(client.run(os.getpid)))
    assert refused(cluster_at, address, None, {}) == (
        f"worker {worker}: got {here}, expected paribus 9, as here. Install the same on every machine of the cluster, "
        "and start its workers again."
    )
    monkeypatch.setattr(dask_connection, "_refuse_other_versions", lambda _client: None)
    monkeypatch.setattr(dask_executor, "versions", lambda: "paribus 9")
    ((_, found),) = _spread(cluster_at(address, None, {}), _given_back, 1)
    assert str(found.error).startswith(
        f"a worker that joined: got {here}, expected paribus 9, as here."
    )


def _block(module: str | None) -> None:
    if module is None:
        del sys.modules["paribus.execution.same_versions"]
    else:
        sys.modules[module] = None  # type: ignore[assignment]


def test_workers_with_an_older_paribus_are_refused(address: str, client: Client) -> None:
    client.run(_block, "paribus.execution.same_versions")
    try:
        assert f"got paribus 0.1.0, expected {versions()}, as here." in refused(
            cluster_at, address, None, {}
        )
    finally:
        client.run(_block, None)


def test_a_scheduler_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_connection, "CONNECTING", 0.3)
    assert refused(cluster_at, "tcp://127.0.0.1:9", None, {}) == (
        "--paribus-where: got tcp://127.0.0.1:9 (OSError: Timed out trying to connect to tcp://127.0.0.1:9 after "
        "0.3 s), expected the address of a Dask scheduler that answers. Start one by dask scheduler; certificates for "
        "tls are named in Dask's configuration."
    )


def test_something_that_takes_the_connection_and_is_no_scheduler_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such as the port of another program, which waits for what it understands."""
    monkeypatch.setattr(dask_connection, "CONNECTING", 0.3)
    monkeypatch.setattr(dask_connection, "GREETING", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert refused(cluster_at, address, None, {}).startswith(
            f"--paribus-where: got {address} (TimeoutError: it said nothing in 1 s that a scheduler says), expected "
            "the address of a Dask scheduler that answers. "
        )


def test_tls_without_certificates_is_refused_before_it_is_tried() -> None:
    assert refused(cluster_at, "tls://127.0.0.1:9", None, {}) == (
        "--paribus-where: got tls://127.0.0.1:9, and no certificates to show there, expected ca-file, "
        "client.cert and client.key of distributed.comm.tls in Dask's configuration. Name them there, or by the "
        "variables DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..._CLIENT__CERT and ..._CLIENT__KEY."
    )


def test_tls_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    names = ("ca-file", "client.cert", "client.key")
    files = {f"distributed.comm.tls.{name}": str(tmp_path / name) for name in names}
    with dask.config.set(files):
        assert refused(cluster_at, "tls://127.0.0.1:9", None, {}) == (
            "--paribus-where: got tls://127.0.0.1:9 (FileNotFoundError: [Errno 2] No such file or directory), expected "
            "the address of a Dask scheduler that answers. Start one by dask scheduler; certificates for tls are named "
            "in Dask's configuration."
        )


def test_a_scheduler_without_workers_is_refused() -> None:
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", dashboard_address=":0"
    ) as cluster:
        address = cluster.scheduler_address
        assert refused(cluster_at, address, None, {}) == (
            f"--paribus-where: got {address}, a scheduler without workers, expected at least one. Start some: dask "
            f"worker {address} --nworkers auto --nthreads 1"
        )
        dask_connection._clients.pop(address).close()


def _waits(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_a_scheduler_that_is_lost_ends_in_a_line_after_what_was_done(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask_connection, "WAITING", 0.3)
    monkeypatch.setattr(dask_connection, "CONNECTING", 0.3)
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        dashboard_address=":0",
    ) as cluster:
        address = cluster.scheduler_address
        place = cluster_at(address, None, {})
        assert place.cluster is not None
        done = place.cluster(1).spread(_waits, (0.0, 0.5))
        assert next(done) == (0.0, 0.0)
        cluster.close()
        assert refused(next, done) == (
            "the cluster: got no answer from its scheduler any more, expected one that runs until all work is done. "
            "Start it again, and run the same command: what the store holds is kept, and not trained again."
        )
    assert capfd.readouterr().err == (
        f"The scheduler at {address} is lost. Waiting up to 0 minutes until it is started again, with workers; what "
        "was under way is sent again then.\n"
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_scheduler_that_is_killed_and_started_again_costs_nothing_that_was_kept(
    jobs: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with started_cluster(tmp_path) as cluster:
        client = dask_connection.connected(cluster.address)
        client.wait_for_workers(1, timeout=60)
        place = cluster_at(cluster.address, jobs, {})
        kept: dict[str, RunResult] = {}
        keys: list[str] = []

        def keep(run: Run, record: RunResult) -> None:
            kept[run.key] = record
            keys.append(run.key)
            if len(keys) == 1:
                cluster.kill_scheduler()
                cluster.start_scheduler()
                cluster.start_worker()
                # With one job, the next run is sent when there is a scheduler again, which must not get it like this.
                end = time.monotonic() + 15.0 * (jobs == 1)
                while client.status != "closed" and time.monotonic() < end:
                    time.sleep(0.1)

        assert execute(RUNS, jobs=jobs, keep=keep, cluster=place.cluster) == {}
        disconnect()
    assert sorted(keys) == sorted(run.key for run in RUNS)
    assert _numbers(kept) == _numbers(_trained(RUNS, Place(1)))
    assert capfd.readouterr().err == (
        f"The scheduler at {cluster.address} is lost. Waiting up to 5 minutes until it is started again, with workers; "
        "what was under way is sent again then.\n"
        f"The scheduler at {cluster.address} is back, and work goes on.\n"
    )


def test_a_worker_that_goes_while_code_is_sent_does_not_end_the_command(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[object]()
    real = dask_connection._refuse_other_versions

    def goes(client: Client) -> None:
        asked.append(client)
        if len(asked) == 1:
            raise CommClosedError("in a worker: Connection reset by peer")
        real(client)

    monkeypatch.setattr(dask_connection, "_refuse_other_versions", goes)
    assert cluster_at(address, None, {}).jobs == 2
    assert len(asked) == 2


def test_a_scheduler_that_hangs_and_keeps_its_connection_counts_as_lost(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_executor, "LOOKING", 0.1)
    monkeypatch.setattr(dask_connection, "LOOKING", 0.1)
    monkeypatch.setattr(dask_connection, "ANSWERING", 1.0)
    with started_cluster(tmp_path) as cluster:
        dask_connection.connected(cluster.address).wait_for_workers(1, timeout=60)
        place = cluster_at(cluster.address, 1, {})
        assert place.cluster is not None
        done = place.cluster(1).spread(_waits, iter((0.0, 0.2)))
        assert next(done) == (0.0, 0.0)
        monkeypatch.setattr(dask_connection, "CONNECTING", 0.5)
        cluster.scheduler.send_signal(signal.SIGSTOP)
        threading.Timer(3.0, cluster.scheduler.send_signal, [signal.SIGCONT]).start()
        assert next(done) == (0.2, 0.2)
        disconnect()
    assert capfd.readouterr().err == (
        f"The scheduler at {cluster.address} is lost. Waiting up to 5 minutes until it is started again, with workers; "
        "what was under way is sent again then.\n"
        f"The scheduler at {cluster.address} is back, and work goes on.\n"
    )


def test_a_cluster_that_loses_its_last_worker_is_waited_for_and_said_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_executor, "LOOKING", 0.1)
    monkeypatch.setattr(dask_connection, "LOOKING", 0.1)
    with started_cluster(tmp_path) as cluster:
        dask_connection.connected(cluster.address).wait_for_workers(1, timeout=60)
        place = cluster_at(cluster.address, 1, {})
        assert place.cluster is not None
        done = place.cluster(1).spread(_waits, iter((0.0, 0.2)))
        assert next(done) == (0.0, 0.0)
        for process in [
            *psutil.Process(cluster.processes[-1].pid).children(),
            cluster.processes[-1],
        ]:
            process.kill()
        threading.Timer(1.0, cluster.start_worker).start()
        assert next(done) == (0.2, 0.2)
        disconnect()
    assert capfd.readouterr().err.startswith(
        f"The scheduler at {cluster.address} has no worker any more; work goes on when it has.\n"
    )


class _Losing:
    """Connection whose scheduler is lost with whatever it is sent, and is back at once."""

    open, sent = False, SentCode({})

    def look(self, _resource: str) -> bool:
        return True

    def __init__(self) -> None:
        self.waited: list[bool] = []

    def submit(self, *_: Any) -> Any:
        raise RuntimeError("closed")

    def renew(self, *, wait: bool) -> None:
        self.waited.append(wait)
        if not wait:
            raise ParibusError("the cluster", got="no answer", expected="one", fix="Start it.")


def test_a_scheduler_that_is_lost_again_and_again_is_not_waited_for_for_ever() -> None:
    connection = _Losing()
    executor = dask_executor.DaskExecutor(cast("Any", connection), 2)
    assert refused(list, executor.spread(abs, [1, 2, 3])).startswith("the cluster: got no answer")
    assert connection.waited == [True, True, True, False]
