"""Train runs side by side, in processes of one thread each, and hand each record back as soon as it is there."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from queue import SimpleQueue
from typing import TypeVar

import torch

from paribus.data.cache import keep_latest
from paribus.data.dataset import PARTS, Dataset, Split
from paribus.engines.cohorts import MAX_CHUNK, chunks, stacked
from paribus.engines.simd.trainer import COMPILED, train_compiled
from paribus.engines.vmapped.fit import train_together
from paribus.errors import ParibusError, error_context
from paribus.execution.pool import one_thread, warm_up, workers
from paribus.experiment.task import Task
from paribus.runs.run import Run, RunResult
from paribus.spec import canonical
from paribus.training.loop import train


def execute(
    runs: Sequence[Run],
    *,
    jobs: int,
    keep: Callable[[Run, RunResult], None],
    chunk_size: int = MAX_CHUNK,
    seconds: Callable[[Sequence[Run]], float] = len,
) -> None:
    """Train every run; ``keep`` is called in this process with each record as soon as it is there.

    Runs on a GPU, a single run and a single job are trained in this process. A worker that is killed costs the runs
    that it held, which are given to a new one, once. A process trains at most ``chunk_size`` runs at once, and what
    takes the most ``seconds`` of those comes first.

    Raises:
        ParibusError: a network or loss raised an error; it names the run. What was finished before is kept.
    """
    work = chunks(runs, jobs, chunk_size, seconds)
    here = jobs == 1 or len(work) == 1 or any(run.device != "cpu" for run in runs)
    for i, records in _in_process(work) if here else spread(train_chunk, work, jobs):
        for run, record in zip(work[i], records, strict=True):
            keep(run, record)


Chunk = Sequence[Run]
Work = TypeVar("Work")
Found = TypeVar("Found")


def _in_process(work: Sequence[Chunk]) -> Iterator[tuple[int, list[RunResult]]]:
    warm_up()
    with one_thread():
        for i, chunk in enumerate(work):
            yield i, train_chunk(chunk)


def spread(
    function: Callable[[Work], Found], work: Sequence[Work], jobs: int
) -> Iterator[tuple[int, Found]]:
    """Call a function on each piece of work, in workers of one thread each; yield each result with its place.

    A worker that is killed costs the pieces that it held, which are given to a new one, once.

    Raises:
        ParibusError: workers were killed twice. Whatever else the function raises, after what was finished before.
    """
    from loky.process_executor import TerminatedWorkerError

    waiting = dict(enumerate(work))
    for attempt in range(2):
        try:
            for i, result in _once(function, waiting, jobs):
                del waiting[i]
                yield i, result
        except TerminatedWorkerError as error:
            if attempt:
                raise ParibusError(
                    "a worker process",
                    got=f"killed twice, with {len(waiting)} pieces of work left ({error})",
                    expected="enough memory for one run a worker",
                    fix="Use fewer with --paribus-jobs; what was finished is kept.",
                ) from error
            continue
        return


def _once(
    function: Callable[[Work], Found], work: Mapping[int, Work], jobs: int
) -> Iterator[tuple[int, Found]]:
    pool = workers(jobs)
    # Told from a thread that ends with its pool where warnings are errors, as in many people's tests.
    warnings.filterwarnings("ignore", "A worker (was restarted|stopped)", UserWarning)
    futures: dict[Future[Found], int] = {
        pool.submit(function, piece): i for i, piece in work.items()
    }
    # `concurrent.futures.wait` would hold the locks of all of them, and for ever where Ctrl-C comes just then.
    done: SimpleQueue[Future[Found]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    left = len(futures)
    try:
        while left:
            batch = [done.get()]
            while not done.empty():
                batch.append(done.get())
            left -= len(batch)
            # Finished ones first, so that an error loses none of them.
            for future in sorted(batch, key=lambda f: f.exception() is not None):
                yield futures[future], future.result()
    except (KeyboardInterrupt, GeneratorExit):
        # Nobody is left to keep what the workers still do, and a run may take minutes.
        pool.shutdown(wait=True, kill_workers=True)
        raise
    finally:
        for future in futures:
            future.cancel()


def train_chunk(chunk: Chunk) -> list[RunResult]:
    """Train one run, or the runs of one cohort together, in this process and say where they ran.

    Raises:
        ParibusError: the network, the loss or the data raised an error.
    """
    first = chunk[0]
    with run_error_context(first, len(chunk)):
        splits = [split_of(run) for run in chunk]
        records = _together(chunk, splits) if stacked(first) else [train(first, splits[0])]
    return [replace(record, provenance=provenance(first)) for record in records]


def run_error_context(run: Run, together: int = 1) -> AbstractContextManager[None]:
    """Turn whatever a network, a loss or the data raise into an error that names the run."""
    among = f", one of {together} trained together" if together > 1 else ""
    return error_context(
        f"training of {run.recipe.model.label} on {run.task.name!r} with seed {run.seed}{among}",
        expected="a forward and backward pass without an error",
        fix="Check that the network's output fits the task's loss and the data's shape.",
    )


def _together(chunk: Chunk, splits: Sequence[Split]) -> list[RunResult]:
    """Train a cohort, those of equal part sizes at once; records in the order of the chunk."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    for i, split in enumerate(splits):
        sizes.setdefault(tuple(len(split.indices(part)) for part in PARTS), []).append(i)
    records: dict[int, RunResult] = {}
    trained = train_compiled if chunk[0].engine == COMPILED else train_together
    for group in sizes.values():
        done = trained([chunk[i] for i in group], [splits[i] for i in group])
        records |= dict(zip(group, done, strict=True))
    return [records[i] for i in range(len(chunk))]


_folds: dict[str, Split] = {}


def split_of(run: Run) -> Split:
    """Return the split that a run sees; one of the same samples is used again, with the statistics taken of it.

    A series is cut at the same times for every seed, and its statistics are dear.
    """
    split = run.task.make_split(dataset_of(run.task, run.data_seed), run.streams)
    name = f"{split.dataset.digest}/{split.digest}"
    cached = _folds.get(name)
    if cached is not None and cached.dataset is split.dataset and cached.notes == split.notes:
        return cached
    keep_latest(_folds, name, split, KEPT)
    return split


_datasets: dict[str, Dataset] = {}
KEPT = 8


def dataset_of(task: Task, seed: int) -> Dataset:
    """Return the task's data, read once a process (once a seed where they are redrawn); the last few are kept."""
    drawn = seed if task.redrawn and not task.from_file else None
    name = canonical([task.source, task.reader, task.path, task.target, drawn])
    if name not in _datasets:
        keep_latest(_datasets, name, task.read(seed), KEPT)
    return _datasets[name]


def provenance(run: Run) -> dict[str, object]:
    """Return versions, device and threads of a run, for its record."""
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
