"""Train runs side by side, in processes of one thread each, and hand each record back as soon as it is there."""

from __future__ import annotations

import platform
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace

import torch

from paribus.data.cache import keep_latest
from paribus.data.dataset import PARTS, Dataset, Split
from paribus.engines.cohorts import MAX_CHUNK, chunks, cohort_key, stacked
from paribus.engines.simd.trainer import COMPILED, train_compiled
from paribus.engines.vmapped.fit import train_together
from paribus.errors import ParibusError, error_context
from paribus.execution.executors import (
    Executor,
    Failure,
    Found,
    TimeLimitError,
    Work,
    WorkerDiedError,
    no_limit,
)
from paribus.execution.local_workers import LocalExecutor
from paribus.execution.pool import one_thread, warm_up
from paribus.experiment.task import Task
from paribus.runs.run import Run, RunResult, data_digest
from paribus.spec import canonical
from paribus.training.loop import train

SAME_CHUNK = 16
"""Most runs that are trained at once where bits must not differ: in a stack of another size a sum may be rounded so."""
EXPECTED = "a forward and backward pass without an error"
CHECK_THE_NETWORK = "Check that the network's output fits the task's loss and the data's shape."


def execute(
    runs: Sequence[Run],
    *,
    jobs: int,
    keep: Callable[[Run, RunResult], None],
    chunk_size: Callable[[Run], int] = lambda _run: MAX_CHUNK,
    seconds: Callable[[Sequence[Run]], float] = len,
    limit: Callable[[Sequence[Run]], float] = no_limit,
    cluster: Callable[[int], Executor] | None = None,
) -> dict[str, ParibusError]:
    """Train every run that can be; ``keep`` is called in this process with each record as soon as it is there.

    With a ``cluster``, which makes executors of so many pieces of work at once, all are trained there. Else those on a
    GPU, and those of a single job, are trained in this process. A process trains at most ``chunk_size`` runs
    at once, and what takes the most ``seconds`` of those comes first. In a worker, a chunk is ended after as many
    seconds as its ``limit``.

    A chunk that fails costs no other. Where it holds several variants, each is tried again by itself; where its worker
    died, it is tried again with nothing beside it, since somebody else may have killed it, or taken its memory.

    Returns:
        Why a run has no record, by its key: what the network, the loss or the data raised, or how its worker ended.
    """
    work = _chunks(runs, jobs, chunk_size, seconds)
    here = cluster is None and (jobs == 1 or any(run.device != "cpu" for run in runs))
    kind: Callable[[int], Executor] = _ThisProcess if here else cluster or LocalExecutor
    function = train_chunk if cluster is None else train_on_same_data
    failures = Failures()
    for together, pieces in ((jobs, work), (jobs, failures.raised), (1, failures.suspects)):
        offered = filter(failures.worth_trying, pieces)
        with closing(kind(together).spread(function, offered, limit=limit)) as done:
            for chunk, found in done:
                if isinstance(found, Failure):
                    failures.note(chunk, found)
                    continue
                for run, record in zip(chunk, found, strict=True):
                    if record.key == run.key:
                        keep(run, record)
                    else:
                        failures.errors[run.key] = _of_other_code(run)
    return failures.errors


Chunk = Sequence[Run]


def _chunks(
    runs: Sequence[Run],
    jobs: int,
    chunk_size: Callable[[Run], int],
    seconds: Callable[[Sequence[Run]], float],
) -> list[list[Run]]:
    """Return what is trained at once; how many processes there are decides it only where bits may differ."""
    if any(run.deterministic for run in runs):
        return chunks(runs, 1, lambda run: min(SAME_CHUNK, chunk_size(run)), seconds)
    return chunks(runs, jobs, chunk_size, seconds)


class Failures:
    """Chunks that failed, and those of them that are tried again.

    Attributes:
        errors: why a run has no record, by its key.
        raised: chunks that are tried again, because another variant trained beside them raised an error or hung.
        suspects: chunks that are tried again with nothing beside them, because their worker died.
    """

    def __init__(self) -> None:
        self.errors: dict[str, ParibusError] = {}
        self.raised: list[Chunk] = []
        self.suspects: list[Chunk] = []
        self._hung: dict[str, ParibusError] = {}
        self._again: set[str] = set()

    def note(self, chunk: Chunk, failure: Failure) -> None:
        """Note that a chunk failed: for good, or to be tried again."""
        variants = _by_variant(chunk)
        died = isinstance(failure.error, WorkerDiedError)
        if len(variants) > 1 or (died and chunk[0].key not in self._again):
            (self.suspects if died else self.raised).extend(variants)
            self._again |= {run.key for run in chunk} if died else set()
            return
        error = _error(chunk, failure.error)
        self.errors |= {run.key: error for run in chunk}
        if isinstance(failure.error, TimeLimitError):
            self._hung[_variant(chunk[0])] = error

    def worth_trying(self, chunk: Chunk) -> bool:
        """Return whether a chunk should be tried: not if another one of its variant hung; that is noted then."""
        if not self.errors:
            return True
        for variant in _by_variant(chunk):
            if error := self._hung.get(_variant(variant[0])):
                self.errors |= {run.key: error for run in variant}
        return not all(run.key in self.errors for run in chunk)


def _variant(run: Run) -> str:
    """Return a name that runs of one variant share, and trials of one network."""
    return run.kind_key if run.trial is None else cohort_key(run)


def _by_variant(chunk: Chunk) -> list[Chunk]:
    variants: dict[str, list[Run]] = {}
    for run in chunk:
        variants.setdefault(_variant(run), []).append(run)
    return list(variants.values())


def _error(chunk: Chunk, error: BaseException) -> ParibusError:
    """Return an error that names a run of a chunk and what became of it."""
    if isinstance(error, ParibusError):
        return error
    what = _training_of(chunk[0], len(chunk))
    if isinstance(error, TimeLimitError):
        return ParibusError(
            what,
            got=str(error),
            expected="less time than --paribus-limit",
            fix="Allow more there, or mend what hangs; other runs of this variant were not tried.",
        )
    if isinstance(error, WorkerDiedError):
        return ParibusError(
            what,
            got=f"a process that {error}, twice, the second time with nothing beside it",
            expected="a network that neither ends nor crashes its process, and memory enough for it",
            fix="Try one with paribus check, or take a smaller batch or network.",
        )
    return ParibusError(
        what, got=f"{type(error).__name__}: {error}", expected=EXPECTED, fix=CHECK_THE_NETWORK
    )


def _of_other_code(run: Run) -> ParibusError:
    """Return the refusal of a result that another machine's sources or packages gave."""
    return ParibusError(
        _training_of(run, 1),
        got="a result of other source files or packages than those here",
        expected="the same on every machine",
        fix="Install the same versions there of all that the network imports.",
    )


class _ThisProcess:
    """Executor that does one piece of work after another in this process; no piece is ended before it is done."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def spread(
        self,
        function: Callable[[Work], Found],
        work: Iterable[Work],
        *,
        limit: Callable[[Work], float] = no_limit,  # noqa: ARG002 - nobody is there to end it
    ) -> Generator[tuple[Work, Found | Failure], None, None]:
        """Call a function on each piece of work, as `Executor` says."""
        warm_up()
        with one_thread():
            for piece in work:
                try:
                    found: Found | Failure = function(piece)
                except ParibusError as error:
                    found = Failure(error)
                yield piece, found


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


def train_on_same_data(chunk: Chunk) -> list[RunResult]:
    """Train a chunk as `train_chunk` does, on another machine, which must read the same data as the one that asked.

    Raises:
        ParibusError: it reads others; or as of `train_chunk`.
    """
    with run_error_context(chunk[0], len(chunk)):
        for run in chunk:
            if data_digest(run.task, dataset_of(run.task, run.data_seed)) != run.data_digest:
                raise ParibusError(
                    f"data of task {run.task.name!r} on a worker",
                    got=f"other data than here from {run.task.path or run.task.source.label}",
                    expected="the same on every machine",
                    fix="Put the file on a disk that all of them share, or copy it to the same path there.",
                )
    return train_chunk(chunk)


def run_error_context(run: Run, together: int = 1) -> AbstractContextManager[None]:
    """Turn whatever a network, a loss or the data raise into an error that names the run."""
    return error_context(_training_of(run, together), expected=EXPECTED, fix=CHECK_THE_NETWORK)


def _training_of(run: Run, together: int) -> str:
    among = f", one of {together} trained together" if together > 1 else ""
    return f"training of {run.recipe.model.label} on {run.task.name!r} with seed {run.seed}{among}"


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
        **({"deterministic algorithms": True} if run.deterministic else {}),
    }
