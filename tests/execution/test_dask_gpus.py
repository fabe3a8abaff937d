"""GPUs of a Dask cluster: pieces go to workers that declare one, one at a time to each. No piece here needs one."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from distributed import LocalCluster

from paribus.execution import dask_connection, dask_executor, dask_gpus
from paribus.execution.cases import selected
from paribus.execution.dask_connection import disconnect
from paribus.execution.dask_executor import DaskExecutor, cluster_at
from paribus.execution.dask_gpus import with_gpus
from paribus.execution.executor import execute
from paribus.execution.executors import Failure, TimeLimitError
from paribus.execution.gpu import NO_GPU
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.execution.slurm_file import SlurmJobs
from paribus.execution.study import Study
from paribus.execution.where import Place
from paribus.runs.environment import Environment
from paribus.runs.run import Run, RunResult
from tests.helpers.dask_processes import Cluster
from tests.helpers.dask_processes import cluster as started_cluster
from tests.helpers.refusals import refused
from tests.helpers.toys import a_run, points, suite

pytestmark = pytest.mark.slow  # processes of workers import torch
H200 = "NVIDIA H200, CUDA 13.2"
START = "Start one for each GPU: CUDA_VISIBLE_DEVICES=0 dask worker {} --nworkers 1 --nthreads 1 --resources GPU=1"
SLURM = (
    "--paribus-where: got slurm:jobs.yaml, none of whose workers declares a GPU, expected at least one that declares "
    "GPU=1, with --paribus-device cuda. Add to the file: cores: 1, worker-extra-args: [--resources, GPU=1] and "
    "job-extra-directives: [--gres=gpu:1]."
)
DATA = points().digest


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield a cluster of three workers, of which two declare a GPU: number 7 and 8, which are not there."""
    with (
        pytest.MonkeyPatch.context() as patient,
        started_cluster(tmp_path_factory.mktemp("cluster")) as started,
    ):
        patient.setattr(dask_connection, "CONNECTING", 60)
        started.start_gpu_worker(7)
        started.start_gpu_worker(8)
        dask_connection.connected(started.address).wait_for_workers(3, timeout=60)
        yield started
        disconnect()


@pytest.fixture(autouse=True)
def _no_gpu_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_gpus, "gpu_here", lambda: NO_GPU)


@pytest.fixture
def place(cluster: Cluster) -> Place:
    bare = cluster_at(cluster.address, None, {})
    return with_gpus(bare, cluster.address, None, needed=True)


def _spread(place: Place, function: Any, *work: Any) -> list[Any]:
    assert place.cluster is not None
    return [found for _, found in place.cluster(place.jobs).spread(function, work)]


def _waiting_for_others(folder: Path, count: int) -> tuple[str | None, bool]:
    """Return what GPU is seen, as soon as so many pieces are under way at once."""
    seen, untouched = os.environ.get("CUDA_VISIBLE_DEVICES"), not torch.cuda.is_initialized()
    (folder / str(os.getpid())).touch()
    while len([*folder.iterdir()]) < count:
        time.sleep(0.02)
    return seen, untouched


def _all_at_once(piece: tuple[Path, int]) -> tuple[str | None, bool]:
    return _waiting_for_others(*piece)


def test_as_many_pieces_are_under_way_as_there_are_gpus_each_with_its_own(
    place: Place, tmp_path: Path
) -> None:
    """Its process sees the GPU of its worker, and CUDA was not touched before it was forked."""
    assert (place.jobs, place.of("cuda").jobs) == (3, 2)
    done = _spread(place.of("cuda"), _all_at_once, *[(tmp_path, 2)] * 2)
    assert sorted(done) == [("7", True), ("8", True)]


def test_as_many_are_under_way_as_are_asked_for_or_one_a_job_of_slurm(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since not all jobs have begun when the first has."""
    monkeypatch.setattr(dask_gpus, "slurm_jobs", lambda _: SlurmJobs(jobs=4, cores=1, options={}))
    for where, jobs, expected in (
        ("slurm:jobs.yaml", None, 4),
        ("slurm:jobs.yaml", 3, 3),
        ("tcp://127.0.0.1:1", 5, 5),
    ):
        assert with_gpus(place, where, jobs, needed=True).of("cuda").jobs == expected


def test_pieces_on_the_cpu_go_to_any_worker(place: Place, tmp_path: Path) -> None:
    done = _spread(place, _all_at_once, *[(tmp_path, 3)] * 3)
    assert {seen for seen, _ in done} == {"7", "8", os.environ.get("CUDA_VISIBLE_DEVICES")}


def _alone(folder: Path) -> str:
    """Return what GPU is seen; raises where another piece is under way on it."""
    seen = os.environ["CUDA_VISIBLE_DEVICES"]
    mark = folder / seen
    mark.touch(exist_ok=False)
    time.sleep(0.05)
    mark.unlink()
    return seen


def test_a_gpu_does_one_piece_at_a_time_however_many_are_sent(place: Place, tmp_path: Path) -> None:
    done = _spread(replace(place.of("cuda"), jobs=8), _alone, *[tmp_path] * 8)
    assert {*done} <= {"7", "8"}
    assert len(done) == 8


def _ends_its_worker_once(mark: Path) -> str:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return os.environ["CUDA_VISIBLE_DEVICES"]
    os.kill(psutil.Process(os.getppid()).ppid(), signal.SIGKILL)
    time.sleep(60)
    raise AssertionError


def test_work_of_a_gpu_worker_that_is_lost_is_done_by_another_and_one_that_is_back_gets_work(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "under-way").mkdir()
    (seen,) = _spread(place.of("cuda"), _ends_its_worker_once, tmp_path / "mark")
    assert seen in {"7", "8"}
    done = _spread(place.of("cuda"), _all_at_once, *[(tmp_path / "under-way", 2)] * 2)
    assert {seen for seen, _ in done} == {"7", "8"}


def _records(runs: list[Run], place: Place) -> dict[str, str]:
    kept: dict[str, RunResult] = {}

    def keep(run: Run, record: RunResult) -> None:
        kept[run.key] = record

    assert execute(runs, jobs=place.jobs, keep=keep, cluster=place.cluster) == {}
    return {
        key: repr((replace(record, seconds=0, step_seconds=0), record.predictions))
        for key, record in sorted(kept.items())
    }


@pytest.mark.parametrize("engine", ["loop", "stacked"])
def test_records_are_those_of_this_machine_bit_for_bit(place: Place, engine: str) -> None:
    """Trained where those on a GPU would be."""
    runs = [replace(a_run(seed), data_digest=DATA, engine=engine) for seed in range(4)]
    assert _records(runs, place.of("cuda")) == _records(runs, Place(2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("engine", ["loop", "stacked"])
def test_records_on_a_gpu_are_those_of_this_machines(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paribus.execution.gpu import gpu_here

    monkeypatch.setattr(dask_gpus, "gpu_here", gpu_here)
    runs = [replace(a_run(seed), data_digest=DATA, engine=engine, device="cuda") for seed in (0, 1)]
    with started_cluster(tmp_path) as started:
        started.start_gpu_worker(0)
        dask_connection.connected(started.address).wait_for_workers(2, timeout=60)
        bare = cluster_at(started.address, None, {})
        gpus = with_gpus(bare, started.address, None, needed=True).of("cuda")
        assert _records(runs, gpus) == _records(runs, Place(1))
        disconnect()


def _settings(cluster: Cluster, folder: Path, device: str = "cuda") -> Settings:
    return Settings(
        where=cluster.address, device=device, seeds=2, engine="loop", arm="default", out=folder
    )


@pytest.fixture
def _as_if_there_were_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paribus.runs.run.resolve_device", str)
    monkeypatch.setattr(Environment, "skip_reason", lambda _, _device: "")


@pytest.mark.usefixtures("_as_if_there_were_one")
def test_a_session_sends_what_needs_a_gpu_to_workers_that_have_one(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which say that there is none, one run after the other."""
    asked, spread = set[str](), DaskExecutor.spread

    def spied(executor: DaskExecutor, *arguments: Any, **limit: Any) -> Any:
        asked.add(executor.gpu)
        return spread(executor, *arguments, **limit)

    monkeypatch.setattr(DaskExecutor, "spread", spied)
    settings = _settings(cluster, tmp_path)
    session = Session(settings, [suite()])
    with session.study.store:
        cases = selected([suite()], settings)
        session.prepare(cases)
        errors = session.train_each(cases)
    assert len(errors) == len(cases) > 1
    for error in errors:
        assert error.what.startswith("training of Small")
        assert "CUDA" in error.got or "NVIDIA" in error.got
    assert asked == {NO_GPU}  # as workers and this machine tell theirs, and never nothing


@pytest.mark.usefixtures("_as_if_there_were_one")
def test_what_is_trained_on_the_cpu_alone_asks_for_no_gpu(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gpus(device: str) -> Place | None:
        return Study(_settings(cluster, tmp_path, device), [suite()]).place.gpus

    assert gpus("cpu") is None
    assert getattr(gpus("auto"), "jobs", None) == 2
    monkeypatch.setattr(Environment, "skip_reason", lambda _, _device: NO_GPU)
    assert gpus("auto") is None


def test_a_worker_with_another_gpu_is_refused_by_both(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_gpus, "gpu_here", lambda: H200)
    bare = cluster_at(cluster.address, None, {})
    message = refused(with_gpus, bare, cluster.address, None, needed=True)
    assert message.startswith("worker tcp://127.0.0.1:")
    assert message.partition(": got ")[2] == (
        f"{NO_GPU}, expected {H200}, as here. Have workers with GPU=1 on machines with that GPU alone, and with the "
        "same torch."
    )


def test_a_worker_with_another_gpu_that_joins_later_trains_nothing(place: Place) -> None:
    gpus: Any = place.of("cuda").cluster
    other = Place(1, lambda jobs: gpus.func(*gpus.args, jobs, gpu=H200))
    (found,) = _spread(other, abs, 1)
    assert isinstance(found, Failure)
    assert str(found.error) == (
        f"a worker that joined: got {NO_GPU}, expected {H200}, as here. Have workers with GPU=1 on machines with that "
        "GPU alone, and with the same torch."
    )


@pytest.mark.parametrize(
    ("resources", "threads", "message"),
    [
        (
            {},
            1,
            "--paribus-where: got {address}, none of whose workers declares a GPU, expected at least one that declares "
            "GPU=1, with --paribus-device cuda. ",
        ),
        (
            {"GPU": 2},
            1,
            "worker {worker}: got GPU=2 and 1 thread, expected GPU=1 and 1 thread, so that a GPU does one piece of "
            "work at a time. ",
        ),
        (
            {"GPU": 1},
            4,
            "worker {worker}: got GPU=1 and 4 threads, expected GPU=1 and 1 thread, so that a GPU does one piece of "
            "work at a time. ",
        ),
    ],
)
def test_workers_that_do_not_declare_one_gpu_each_are_refused(
    resources: dict[str, int], threads: int, message: str
) -> None:
    with LocalCluster(
        n_workers=1,
        threads_per_worker=threads,
        processes=False,
        protocol="tcp://",
        dashboard_address=":0",
        resources=resources,
    ) as local:
        address, (worker,) = local.scheduler_address, local.scheduler.workers
        bare = cluster_at(address, None, {})
        expected = message.format(address=address, worker=worker) + START.format(address)
        assert refused(with_gpus, bare, address, None, needed=True) == expected
        if not resources:
            assert with_gpus(bare, address, None, needed=False) == bare
            assert refused(with_gpus, bare, "slurm:jobs.yaml", None, needed=True) == SLURM
        dask_connection._clients.pop(address).close()


def test_workers_that_share_a_gpu_are_refused() -> None:
    told = {
        "tcp://a:1": (H200, "GPU-1"),
        "tcp://b:1": (H200, "GPU-2"),
        "tcp://b:2": (H200, "GPU-2"),
    }
    assert refused(dask_gpus._refuse_others, told, H200) == (
        "workers tcp://b:1 and tcp://b:2: got one GPU for both, number GPU-2, expected one for each. Start them with "
        "CUDA_VISIBLE_DEVICES, another number for each."
    )


def test_a_worker_that_cannot_tell_its_gpu_is_refused() -> None:
    told = {"tcp://a:1": Failure(TimeLimitError("no end after 300 s"))}
    assert refused(dask_gpus._refuse_others, told, H200) == (
        f"worker tcp://a:1: got TimeLimitError: no end after 300 s, expected {H200}, as here. Have workers with GPU=1 "
        "on machines with that GPU alone, and with the same torch."
    )


def test_gpus_that_are_all_lost_are_waited_for_and_said_so_though_other_workers_stay(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_executor, "LOOKING", 0.1)
    monkeypatch.setattr(dask_connection, "LOOKING", 0.1)
    with started_cluster(tmp_path) as cluster:
        of_gpu = cluster.start_gpu_worker(7)
        dask_connection.connected(cluster.address).wait_for_workers(2, timeout=60)
        gpus = with_gpus(cluster_at(cluster.address, None, {}), cluster.address, 1, needed=True).of(
            "cuda"
        )
        assert gpus.cluster is not None
        done = gpus.cluster(1).spread(abs, iter((-1, -2)))
        assert next(done) == (-1, 1)
        for process in [*psutil.Process(of_gpu.pid).children(), of_gpu]:
            process.kill()
        threading.Timer(2.0, cluster.start_gpu_worker, [7]).start()
        assert next(done) == (-2, 2)
        disconnect()
    start = f"The scheduler at {cluster.address} has "
    assert capfd.readouterr().err.startswith(
        f"{start}no worker that declares GPU=1 any more; work goes on when it has.\n"
    )
