"""GPUs of a cluster: each has a worker of its own, which declares it and does one piece of work at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cloudpickle
from distributed import Future

from paribus.errors import ParibusError
from paribus.execution import dask_connection
from paribus.execution.dask_connection import Connection, no_answer
from paribus.execution.dask_executor import DaskExecutor
from paribus.execution.dask_host import GPU, host
from paribus.execution.executors import Failure
from paribus.execution.gpu import gpu_here, gpu_number, other_gpu
from paribus.execution.progress import say
from paribus.execution.same_versions import versions
from paribus.execution.slurm_file import slurm_jobs
from paribus.execution.where import OPTION, Place, is_slurm

ANSWERING = 300.0
"""Seconds in which the process of a worker must have imported torch, and found its GPU."""

FREE = 600.0
"""Seconds in which a worker must say what GPU it has, after it has ended what a session that was stopped left it."""

QUIET = 10.0
"""Seconds from which on the command says for which workers it waits."""


def with_gpus(place: Place, where: str, jobs: int | None, *, needed: bool) -> Place:
    """Return the place of a cluster with that of its GPUs, after these were compared with the one of this machine.

    Args:
        place: of the cluster.
        where: the address of its scheduler, or ``slurm:FILE``.
        jobs: how many pieces of work are done at once; None for one a GPU: of the workers there are, or one a job.
        needed: whether the cluster is refused where no worker declares a GPU; else this machine's is used.

    Raises:
        ParibusError: no worker declares a GPU; or one declares several or has several threads, has another GPU than
            this machine, or shares it with another worker.
    """
    assert place.cluster is not None
    executor = place.cluster(1)
    assert isinstance(executor, DaskExecutor)
    workers = _declared(executor.connection)
    if not workers:
        if needed:
            raise _without_gpus(where)
        return place
    for name, each in workers.items():
        _refuse_several(name, each, where)
    here = gpu_here()
    _refuse_others(_told(executor.connection, list(workers)), here)
    count = slurm_jobs(where).jobs if is_slurm(where) else len(workers)
    gpus = Place(jobs or count, partial(DaskExecutor, executor.connection, gpu=here))
    return replace(place, gpus=gpus)


@dataclass(frozen=True)
class _Worker:
    """What a worker has: GPUs that it declares, and threads."""

    gpus: float
    threads: int


def _declared(connection: Connection) -> dict[str, _Worker]:
    """Return the workers that declare GPUs, by address.

    Raises:
        ParibusError: the scheduler does not answer.
    """
    try:
        found = connection.declared(GPU)
    except (
        Exception
    ) as error:  # whatever Dask raises of a connection that ends, or of time that is over
        raise no_answer(connection.address, error) from error
    return {name: _Worker(*each) for name, each in found.items()}


def _how_to_start(where: str) -> str:
    if is_slurm(where):
        return (
            "Add to the file: cores: 1, worker-extra-args: [--resources, GPU=1] and job-extra-directives: "
            "[--gres=gpu:1]."
        )
    return (
        f"Start one for each GPU: CUDA_VISIBLE_DEVICES=0 dask worker {where} --nworkers 1 --nthreads 1 --resources "
        "GPU=1"
    )


def _without_gpus(where: str) -> ParibusError:
    return ParibusError(
        OPTION,
        got=f"{where}, none of whose workers declares a GPU",
        expected="at least one that declares GPU=1, with --paribus-device cuda",
        fix=_how_to_start(where),
    )


def _refuse_several(name: str, worker: _Worker, where: str) -> None:
    """Refuse a worker that would have its GPU used by several processes, or by none."""
    if (worker.gpus, worker.threads) != (1, 1):
        raise ParibusError(
            f"worker {name}",
            got=f"GPU={worker.gpus:g} and {worker.threads} thread{'s' * (worker.threads != 1)}",
            expected="GPU=1 and 1 thread, so that a GPU does one piece of work at a time",
            fix=_how_to_start(where),
        )


def _told(connection: Connection, workers: list[str]) -> dict[str, tuple[str, str] | Failure]:
    """Return what processes of workers say of their GPUs; a worker that is lost meanwhile says nothing.

    Raises:
        ParibusError: the scheduler is lost, or a worker that is there does not say it in time.
    """
    task = cloudpickle.dumps((_own_gpu, None))
    waiting: dict[str, Future[Any]] = {
        worker: connection.client.submit(
            host,
            *(task, ANSWERING, versions(), connection.sent.digest),
            pure=False,
            workers=[worker],
            resources={GPU: 1},
        )
        for worker in workers
    }
    told: dict[str, tuple[str, str] | Failure] = {}
    begun, said = time.monotonic(), False
    while waiting:
        there = _declared(connection)
        waiting = {worker: future for worker, future in waiting.items() if worker in there}
        for worker in [worker for worker, future in waiting.items() if future.done()]:
            told[worker] = _word(worker, waiting.pop(worker))
        if waiting and time.monotonic() > begun + FREE:
            raise _silent(next(iter(waiting)), f"no word of it in {FREE:.0f} seconds")
        if waiting and not said and time.monotonic() > begun + QUIET:
            said = True
            names = f"worker{'s' * (len(waiting) > 1)} {', '.join(waiting)}"
            say(f"Waiting for {names}, whose GPU is busy or whose process is starting.")
        time.sleep(0.05)
    return told


def _word(worker: str, future: Future[Any]) -> Any:
    """Return what a worker said.

    Raises:
        ParibusError: Dask lost or gave up what it was asked.
    """
    if future.status != "finished":
        raise _silent(worker, f"a question that ended as {future.status}")
    try:
        packed = future.result(timeout=dask_connection.ANSWERING)
    except (
        Exception
    ) as error:  # whatever Dask raises of a connection that ends, or of time that is over
        raise _silent(worker, f"{type(error).__name__}: {error}") from error
    return cloudpickle.loads(packed)


def _silent(worker: str, got: str) -> ParibusError:
    return ParibusError(
        f"GPU of worker {worker}",
        got=got,
        expected="a worker that says what GPU it has",
        fix="Wait until its work has ended, or start the worker again; then run the same command.",
    )


def _own_gpu(_: None) -> tuple[str, str]:
    return gpu_here(), gpu_number()


def _refuse_others(told: Mapping[str, tuple[str, str] | Failure], here: str) -> None:
    """Refuse a worker whose GPU is not like this machine's, or is another worker's, too."""
    owners: dict[str, str] = {}
    for worker, found in told.items():
        if isinstance(found, Failure):
            if isinstance(found.error, ParibusError):
                raise found.error
            raise other_gpu(
                f"worker {worker}", f"{type(found.error).__name__}: {found.error}", here
            )
        gpu, number = found
        if gpu != here:
            raise other_gpu(f"worker {worker}", gpu, here)
        if number and owners.setdefault(number, worker) != worker:
            raise ParibusError(
                f"workers {owners[number]} and {worker}",
                got=f"one GPU for both, number {number}",
                expected="one for each",
                fix="Start them with CUDA_VISIBLE_DEVICES, another number for each.",
            )
