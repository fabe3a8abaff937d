"""Train runs side by side, in processes of one thread each, and hand each record back as soon as it is there."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import torch

from paribus.data import Dataset
from paribus.errors import ParibusError
from paribus.run import Record, Run
from paribus.spec import canonical
from paribus.task import Task
from paribus.training.loop import train


def available_jobs() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def execute(runs: Sequence[Run], *, jobs: int, keep: Callable[[Run, Record], None]) -> None:
    """Train every run; ``keep`` is called in this process with each record as soon as it is there.

    Runs on a GPU, a single run and a single job are trained in this process. A worker that is killed costs the runs
    that it held, which are given to a new one, once.

    Raises:
        ParibusError: a network or loss raised an error; it names the run. What was finished before is kept.
    """
    here = jobs == 1 or len(runs) == 1 or any(run.device != "cpu" for run in runs)
    for run, record in _in_process(runs) if here else _in_workers(runs, jobs):
        keep(run, record)


def _in_process(runs: Sequence[Run]) -> Iterator[tuple[Run, Record]]:
    warm_up()
    with one_thread():
        for run in runs:
            yield run, train_one(run)


def _in_workers(runs: Sequence[Run], jobs: int) -> Iterator[tuple[Run, Record]]:
    from loky.process_executor import TerminatedWorkerError

    waiting = list(runs)
    for attempt in range(2):
        try:
            for run, record in _once(waiting, jobs):
                waiting.remove(run)
                yield run, record
        except TerminatedWorkerError as error:
            if attempt:
                raise ParibusError(
                    "a worker process",
                    got=f"killed twice, with {len(waiting)} runs left ({error})",
                    expected="enough memory for one run a worker",
                    fix="Use fewer with --paribus-jobs; what was finished is kept.",
                ) from error
            continue
        return


def _once(runs: Sequence[Run], jobs: int) -> Iterator[tuple[Run, Record]]:
    from loky import get_reusable_executor

    pool = get_reusable_executor(max_workers=jobs, timeout=300, initializer=_start_worker)
    futures: dict[Future[Record], Run] = {pool.submit(train_one, run): run for run in runs}
    pending = set(futures)
    try:
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            # Finished ones first, so that an error loses none of them.
            for future in sorted(done, key=lambda f: f.exception() is not None):
                yield futures[future], future.result()
    except (KeyboardInterrupt, GeneratorExit):
        # Nobody is left to keep what the workers still do, and a run may take minutes.
        pool.shutdown(wait=True, kill_workers=True)
        raise
    finally:
        for future in pending:
            future.cancel()


def _start_worker() -> None:
    """One thread; Ctrl-C, which reaches every process of a terminal, is left to the one that started this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    warm_up()


@cache
def warm_up() -> None:
    """Take one step of a tiny network, because torch loads its compiler at the first, which takes seconds."""
    with torch.random.fork_rng(devices=[]):
        network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
    network(torch.zeros(1, 1)).sum().backward()
    optimizer.step()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread while the context lasts: faster for small networks, and the same bits every time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_one(run: Run) -> Record:
    """Train one run in this process and say where it ran.

    Raises:
        ParibusError: the network, the loss or the data raised an error.
    """
    try:
        fold = run.task.fold(dataset_of(run.task, run.seed), run.streams)
        record = train(run, fold)
    except ParibusError:
        raise
    except Exception as error:
        raise ParibusError(
            f"training of {run.recipe.model.label} on {run.task.name!r} with seed {run.seed}",
            got=f"{type(error).__name__}: {error}",
            expected="a forward and backward pass without an error",
            fix="Check that the network's output fits the task's loss and the data's shape.",
        ) from error
    return replace(record, provenance=provenance(run))


_datasets: dict[str, Dataset] = {}
KEPT = 8


def dataset_of(task: Task, seed: int) -> Dataset:
    """The task's data, read once a process (once a seed where they are redrawn); the last few are kept."""
    drawn = seed if task.redrawn and not task.from_file else None
    name = canonical([task.source, task.reader, task.path, task.target, drawn])
    if name not in _datasets:
        if len(_datasets) >= KEPT:
            del _datasets[next(iter(_datasets))]
        _datasets[name] = task.read(seed)
    return _datasets[name]


def provenance(run: Run) -> dict[str, object]:
    """Versions, device and threads of a run, for its record."""
    on_gpu = run.device == "cuda"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name()
        if on_gpu
        else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "engine": run.engine,
    }
