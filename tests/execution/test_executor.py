"""Executor: the same records from workers as from here, and none lost when one of them dies."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import Pipe
from multiprocessing.util import get_temp_dir
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch

from paribus.execution import executor, local_workers, worker
from paribus.execution.executor import dataset_of, execute, train_chunk
from paribus.execution.executors import Failure, WorkerDiedError
from paribus.execution.local_workers import FORKED, LocalExecutor, prestart, shutdown
from paribus.execution.pool import available_jobs, one_thread
from paribus.execution.preload_watch import MARK
from paribus.execution.worker import serve
from paribus.runs.run import Run, RunResult
from paribus.spec import call
from tests.helpers.elsewhere import Elsewhere
from tests.helpers.toys import REDRAWN, TASK, Deadly, Fatal, Raises, a_run, points, reads

SEEDS = range(5)
RUNS = [a_run(seed) for seed in SEEDS]
SAME = [replace(run, data_digest=points().digest) for run in RUNS]
LAST_STEP = (
    "training of Raises() on 'toy' with seed {seed}: got RuntimeError: the third step is one too many, expected a "
    "forward and backward pass without an error. Check that the network's output fits the task's loss and the data's "
    "shape."
)


@pytest.fixture(scope="module", autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    """Workers are shared by the tests of this file, and started again only after one was killed."""
    yield
    shutdown()


@pytest.fixture(autouse=True)
def _nothing_was_read_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "_datasets", {})
    reads.clear()


def _kept(runs: Sequence[Run], jobs: int) -> dict[int, RunResult]:
    kept: dict[int, RunResult] = {}

    def keep(run: Run, record: RunResult) -> None:
        assert record.key == run.key
        assert run.seed not in kept
        kept[run.seed] = record

    assert execute(runs, jobs=jobs, keep=keep) == {}
    return kept


@pytest.fixture(scope="module")
def here() -> dict[int, RunResult]:
    return _kept(RUNS, jobs=1)


def _numbers(record: RunResult) -> str:
    """Everything that training decides; digits, not-a-numbers and predictions' bytes included."""
    predictions = record.predictions
    assert predictions is not None
    arrays = (predictions.outputs, predictions.target, predictions.dummy)
    told = replace(record, predictions=None, seconds=0.0, step_seconds=0.0)
    return repr((told, [(a.dtype, a.shape, a.tobytes()) for a in arrays]))


@pytest.mark.slow
def test_a_murdered_worker_costs_nothing(tmp_path: Path) -> None:
    """The first worker that builds the network is killed; what it held is trained by another."""
    deadly = call(Deadly, marker=str(tmp_path / "marker"))
    kept = _kept([a_run(seed, deadly) for seed in SEEDS], jobs=2)
    assert sorted(kept) == [*SEEDS]
    assert all(record.completed for record in kept.values())
    assert (tmp_path / "marker").exists()


def test_workers_leave_the_same_records_as_this_process(here: dict[int, RunResult]) -> None:
    workers = _kept(RUNS, jobs=2)
    assert sorted(workers) == sorted(here) == [*SEEDS]
    for seed in SEEDS:
        assert _numbers(workers[seed]) == _numbers(here[seed])


def test_training_twice_leaves_the_same_record(here: dict[int, RunResult]) -> None:
    (again,) = _kept(RUNS[:1], jobs=2).values()
    assert _numbers(again) == _numbers(here[0])


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_run_has_one_thread_and_says_where_it_ran(jobs: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        kept = _kept(RUNS[:2], jobs)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    for record in kept.values():
        assert record.provenance == {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "device": platform.processor() or platform.machine(),
            "threads": 1,
            "engine": "loop",
        }


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_raises_is_named_and_costs_no_other(jobs: int) -> None:
    kept: list[int] = []
    runs = [a_run(0), a_run(1, call(Raises)), a_run(2)]
    failed = execute(runs, jobs=jobs, keep=lambda run, _: kept.append(run.seed))
    assert sorted(kept) == [0, 2]
    assert {key: str(error) for key, error in failed.items()} == {
        runs[1].key: LAST_STEP.format(seed=1)
    }


def test_what_raises_is_heard_of_before_more_is_given() -> None:
    asked: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in range(4):
            asked.append(piece)
            yield piece

    found = LocalExecutor(1).spread(_odd, pieces())
    (piece, failure) = next(found)
    assert (piece, repr(failure), asked) == (0, "Failure(error=ValueError('even'))", [0])
    assert [(i, each) for i, each in found if i % 2] == [(1, 1), (3, 3)]


def _odd(piece: int) -> int:
    if piece % 2 == 0:
        raise ValueError("even")
    return piece


def test_each_record_is_kept_in_this_process_and_thread() -> None:
    found: list[tuple[int, threading.Thread]] = []
    execute(
        RUNS[:2], jobs=2, keep=lambda *_: found.append((os.getpid(), threading.current_thread()))
    )
    assert found == [(os.getpid(), threading.current_thread())] * 2


def test_no_worker_is_started_for_a_single_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "LocalExecutor", None)
    assert [*_kept(RUNS[:2], jobs=1)] == [0, 1]


def test_a_single_run_that_ends_its_process_ends_a_worker() -> None:
    """As the last one that is left of a comparison."""
    run = a_run(7, call(Fatal, way="exit"))
    assert [*_kept(RUNS[:1], jobs=2)] == [0]
    failed = execute([run], jobs=2, keep=lambda *_: None)
    assert failed[run.key].got.startswith("a process that ended with exit status 3, twice")


def test_with_a_cluster_every_run_is_trained_there_a_single_one_too() -> None:
    cluster = Elsewhere()
    kept: list[Run] = []
    for runs, jobs in ((SAME[:1], 3), (SAME[:2], 1)):
        assert execute(runs, jobs=jobs, keep=lambda r, _: kept.append(r), cluster=cluster) == {}
    assert kept == [SAME[0], *SAME[:2]]
    assert cluster.given == [[run] for run in kept]
    assert cluster.asked == [3, 3, 1, 1, 1, 1]


def test_a_result_of_other_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with other versions of what a network imports gives its runs other keys."""

    def elsewhere(chunk: Sequence[Run]) -> list[RunResult]:
        return [replace(record, key="other") for record in train_chunk(chunk)]

    monkeypatch.setattr(executor, "train_chunk", elsewhere)
    kept: list[Run] = []
    failed = execute(SAME[:1], jobs=1, keep=lambda r, _: kept.append(r), cluster=Elsewhere())
    assert {key: str(error) for key, error in failed.items()} == {
        SAME[
            0
        ].key: "training of Small() on 'toy' with seed 0: got a result of other source files or packages than "
        "those here, expected the same on every machine. Install the same versions there of all that the network "
        "imports."
    }
    assert kept == []


def test_other_data_on_a_worker_are_refused() -> None:
    """A file may lie under the same path there and hold something else."""
    failed = execute(RUNS[:1], jobs=1, keep=lambda *_: None, cluster=Elsewhere())
    assert {key: str(error) for key, error in failed.items()} == {
        RUNS[
            0
        ].key: "data of task 'toy' on a worker: got other data than here from points(), expected the same on "
        "every machine. Put the file on a disk that all of them share, or copy it to the same path there."
    }


def test_nothing_to_do_is_done() -> None:
    assert _kept([], jobs=2) == {}


def _in_a_worker(function: Callable[..., Any], *args: object) -> Any:
    ((_, found),) = LocalExecutor(1).spread(partial(_called, function), [args])
    return found


def _called(function: Callable[..., Any], args: tuple[object, ...]) -> Any:
    return function(*args)


def test_workers_leave_ctrl_c_to_the_process_that_started_them() -> None:
    _kept(RUNS[:2], jobs=2)
    assert _in_a_worker(signal.getsignal, signal.SIGINT) is signal.SIG_IGN


def test_workers_keep_the_memory_of_large_tensors() -> None:
    _kept(RUNS[:2], jobs=2)
    assert _in_a_worker(os.getenv, "MALLOC_MMAP_THRESHOLD_") == str(2**30)


@pytest.mark.skipif(not FORKED, reason="workers are forked on Linux alone")
def test_workers_are_forked_from_one_parent_that_is_not_this_process() -> None:
    """A fork of this process would be unable to use CUDA, and autograd where a step was taken here."""
    first = _in_a_worker(os.getppid)
    shutdown()
    assert _in_a_worker(os.getppid) == first != os.getpid()
    assert "torch" in _in_a_worker(_loaded, first)


def _loaded(pid: int) -> str:
    """Return the files that a process has mapped."""
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


@pytest.mark.skipif(not FORKED, reason="workers are forked on Linux alone")
def test_work_goes_on_where_the_parent_of_the_workers_is_killed() -> None:
    parent, worker = _in_a_worker(os.getppid), _in_a_worker(os.getpid)
    os.kill(parent, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(worker)
    assert _in_a_worker(os.getppid) not in (parent, os.getpid())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not FORKED, reason="workers are forked on Linux alone")
@pytest.mark.parametrize("parent", [None, "another process"])
def test_only_a_folder_of_ones_own_is_removed_after_a_kill(
    parent: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker of Dask, which is a process that multiprocessing started, shares that of its nanny."""
    told: list[str] = []
    monkeypatch.setattr("multiprocessing.parent_process", lambda: parent)
    monkeypatch.setattr(
        "multiprocessing.forkserver.ensure_running", lambda: told.append(os.environ[MARK])
    )
    prestart()
    own = "" if parent else get_temp_dir()
    assert told == [f"{os.getpid()} {own}"]


@pytest.mark.parametrize("at", ["waits", "told", "works"])
def test_a_worker_says_nothing_where_its_driver_was_killed(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hear of that before the system ends it: while it waits, with a result that nobody read, at work."""
    for name in ("worker._end_with_driver", "worker.signal.signal"):
        monkeypatch.setattr(f"paribus.execution.{name}", lambda *_: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    ours, theirs = Pipe()
    if at == "told":
        ours.send_bytes(b"a result")
    if at == "works":
        theirs.send_bytes(cloudpickle.dumps((abs, -1)))
    theirs.close()
    serve(ours)


def test_ctrl_c_ends_the_work_and_the_workers() -> None:
    """Wherever it strikes; what was kept stays kept, and nobody waits for runs that nobody will keep."""
    kept: list[int] = []

    def keep(run: Run, _: RunResult) -> None:
        kept.append(run.seed)
        if len(kept) == 2:
            raise KeyboardInterrupt

    worker = _in_a_worker(os.getpid)
    with pytest.raises(KeyboardInterrupt):
        execute(RUNS, jobs=2, keep=keep)
    assert len(kept) == 2
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("exit", "ended with exit status 3"),
        ("crash", "ended by SIGSEGV"),
        ("memory", "ended by SIGKILL, as the system does where memory runs out"),
    ],
)
def test_a_network_that_ends_its_worker_costs_its_own_run_alone(way: str, cause: str) -> None:
    kept: list[int] = []
    runs = [*map(a_run, range(3)), a_run(7, call(Fatal, way=way))]
    failed = execute(runs, jobs=2, keep=lambda run, _: kept.append(run.seed))
    assert sorted(kept) == [0, 1, 2]
    assert {key: str(error) for key, error in failed.items()} == {
        runs[
            -1
        ].key: f"training of Fatal(way={way}) on 'toy' with seed 7: got a process that {cause}, twice, the "
        "second time with nothing beside it, expected a network that neither ends nor crashes its process, and memory "
        "enough for it. Try one with paribus check, or take a smaller batch or network."
    }


@pytest.mark.skipif(not FORKED, reason="the limit is that of Linux")
def test_a_network_for_which_memory_does_not_suffice_costs_its_own_run_alone() -> None:
    """Where the system refuses it; where it kills the worker instead is above."""
    kept: list[int] = []
    runs = [*map(a_run, range(3)), a_run(7, call(Fatal, way="allocate"))]
    failed = execute(runs, jobs=2, keep=lambda run, _: kept.append(run.seed))
    assert sorted(kept) == [0, 1, 2]
    ((key, error),) = failed.items()
    assert key == runs[-1].key
    assert str(error).startswith(
        "training of Fatal(way=allocate) on 'toy' with seed 7: got RuntimeError: "
    )
    assert "can't allocate memory" in error.got


def test_a_network_that_hangs_is_ended_and_its_other_seeds_are_not_tried() -> None:
    kept: list[int] = []
    runs = [*(a_run(seed, call(Fatal, way="hang")) for seed in range(5)), *map(a_run, range(3))]
    started = time.monotonic()

    def limit(chunk: Sequence[Run]) -> float:
        return 1.0 if chunk[0].recipe.model.label.startswith("Fatal") else 60.0

    failed = execute(runs, jobs=2, keep=lambda run, _: kept.append(run.seed), limit=limit)
    assert sorted(kept) == [0, 1, 2]
    assert failed.keys() == {run.key for run in runs[:5]}
    assert (
        time.monotonic() - started < 30
    )  # five limits, two side by side, and a start, or nobody was ended
    assert set(map(str, failed.values())) >= {
        "training of Fatal(way=hang) on 'toy' with seed 0: got no end after 1 s, expected less time than "
        "--paribus-limit. Allow more there, or mend what hangs; other runs of this variant were not tried."
    }
    assert {str(error).partition(":")[0][-1] for error in failed.values()} <= {"0", "1"}


def test_a_network_that_calls_sys_exit_fails_like_one_that_raises() -> None:
    runs = [a_run(0), a_run(7, call(Fatal, way="quit"))]
    failed = execute(runs, jobs=2, keep=lambda *_: None)
    assert [str(error) for error in failed.values()] == [
        "training of Fatal(way=quit) on 'toy' with seed 7: got SystemExit: enough, expected a forward and backward "
        "pass without an error. Check that the network's output fits the task's loss and the data's shape."
    ]


COHORT = [a_run(seed, optimizer=call("torch.optim:SGD", lr=lr)) for seed in (0, 1) for lr in (1, 2)]


def test_a_cohort_that_raised_is_tried_variant_by_variant() -> None:
    failures = executor.Failures()
    failures.note(COHORT, Failure(ValueError("no number")))
    assert failures.raised == [[COHORT[0], COHORT[2]], [COHORT[1], COHORT[3]]]
    assert (failures.suspects, failures.errors) == ([], {})
    failures.note(failures.raised[1], Failure(ValueError("no number")))
    assert {key: error.got for key, error in failures.errors.items()} == {
        run.key: "ValueError: no number" for run in failures.raised[1]
    }
    assert len(failures.raised) == 2


def test_a_cohort_whose_worker_died_is_tried_again_variant_by_variant() -> None:
    failures = executor.Failures()
    failures.note(COHORT, Failure(WorkerDiedError("ended by SIGSEGV")))
    assert failures.suspects == [[COHORT[0], COHORT[2]], [COHORT[1], COHORT[3]]]
    assert (failures.raised, failures.errors) == ([], {})
    failures.note(failures.suspects[0], Failure(WorkerDiedError("ended by SIGSEGV")))
    assert failures.errors.keys() == {COHORT[0].key, COHORT[2].key}
    assert len(failures.suspects) == 2


def test_data_are_read_once_a_process() -> None:
    _kept(RUNS, jobs=1)
    assert reads == [0]


def test_redrawn_data_are_read_once_a_seed() -> None:
    first, again, other = (dataset_of(REDRAWN, seed) for seed in (3, 3, 4))
    assert first is again
    assert first.digest != other.digest
    assert reads == [3, 4]


def test_a_file_is_read_once_even_where_embedded_data_are_redrawn(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,class\n" + "".join(f"{i / 7},{'ab'[i % 2]}\n" for i in range(20)))
    task = REDRAWN.model_copy(update={"path": str(path)})
    assert dataset_of(task, 0) is dataset_of(task, 1)
    assert reads == []


def test_the_last_eight_data_sets_are_kept() -> None:
    for seed in [*range(9), 8, 1, 0]:
        dataset_of(REDRAWN, seed)
    assert reads == [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]


def test_variants_that_split_or_score_otherwise_share_what_was_read() -> None:
    split = TASK.model_copy(
        update={"split": call("paribus.data.splits:random_split", imbalance=2.0)}
    )
    assert dataset_of(TASK, 0) is dataset_of(split, 0)


def test_threads_are_given_back_after_an_error() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def fail() -> None:
        with one_thread():
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_there_are_as_many_jobs_as_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 6}, raising=False)
    assert available_jobs() == 3


_hoarded: list[Any] = []


def _hoard(size: int) -> int:
    _hoarded.append(np.ones(size))
    return os.getpid()


def _length(piece: bytes | Callable[[], None]) -> int:
    return len(piece) if isinstance(piece, bytes) else 0


def test_a_worker_that_dies_before_it_has_read_its_task_is_lost_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A task of a megabyte does not fit into the pipe."""
    shutdown()
    monkeypatch.setattr(local_workers, "serve", _gone)
    ((_, found),) = LocalExecutor(1).spread(_length, [bytes(2_000_000)])
    assert isinstance(found, Failure)
    assert str(found.error) == "ended with exit status 7"


def _gone(_connection: object) -> None:
    os._exit(7)


def test_a_piece_that_cannot_be_given_costs_no_other() -> None:
    """Nor what is done already when it is tried."""

    def limit(piece: bytes) -> float:
        if piece == b"no":
            raise ValueError("no limit for this one")
        return float("inf")

    found = dict(LocalExecutor(1).spread(_length, [b"1", b"no", b"333"], limit=limit))
    assert (found[b"1"], found[b"333"]) == (1, 3)
    assert isinstance(found[b"no"], Failure)
    assert str(found[b"no"].error) == "no limit for this one"


def test_a_process_that_has_ended_is_not_ended_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be another process's by then."""
    worker = local_workers._Worker()
    worker.give(cloudpickle.dumps((os._exit, 0)), float("inf"))
    worker.process.join(timeout=20)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a number was killed"))
    worker.end()


def test_time_that_the_machine_slept_is_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait of ten seconds that took a thousand; the worker has its sixty seconds all the same."""
    now = iter([0.0, 1000.0, 1000.0, 1001.0])
    monkeypatch.setattr(local_workers.time, "monotonic", lambda: next(now))
    answers = iter([[], ["pipe"]])
    monkeypatch.setattr(local_workers.connection, "wait", lambda *_: next(answers))
    process = SimpleNamespace(sentinel="end")
    worker = SimpleNamespace(until=60.0, connection="pipe", process=process)
    assert local_workers._first_done([worker]) == [worker]
    assert worker.until == 1050.0


def test_a_worker_that_grows_is_replaced() -> None:
    (_, first), (_, second), (_, third) = LocalExecutor(1).spread(_hoard, [1, 80_000_000, 1])
    assert first == second != third


_left: list[bytes] = []


def _fragmented(count: int) -> tuple[int, int]:
    """Fill memory with pieces of which the last stays, so that the heap cannot shrink; say whose and how much it is."""
    if count:
        _left[:] = [bytes(100_000) for _ in range(count)][-1:]
    return os.getpid(), worker._memory()


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this system has no malloc_trim"
)
def test_a_worker_gives_back_memory_that_was_freed_between_what_stays() -> None:
    found = [each for _, each in LocalExecutor(1).spread(_fragmented, [1, 3000, 0])]
    (first, before), (second, full), (third, after) = found
    assert first == second == third
    assert full > before + 60e6
    assert after < before + 60e6


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this system has no malloc_trim"
)
def test_a_worker_gives_back_the_memory_of_a_large_first_piece() -> None:
    shutdown()
    (_, (first, full)), (_, (second, after)) = LocalExecutor(1).spread(_fragmented, [3000, 0])
    assert first == second
    assert after < full - 200e6
