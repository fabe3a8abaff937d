"""Executor whose workers are those of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import cloudpickle
from distributed import Future
from distributed.scheduler import KilledWorker

from paribus.execution.dask_connection import ANSWERING, Connection
from paribus.execution.dask_host import GPU, SentCode, host
from paribus.execution.executors import Failure, WorkerDiedError, no_limit
from paribus.execution.same_versions import versions
from paribus.execution.slurm_file import slurm_jobs
from paribus.execution.where import Place, is_slurm

Work = TypeVar("Work")
Found = TypeVar("Found")

MOST_LOSSES = 3
"""Times that a scheduler may be lost with no piece done between: then what it was sent may be what ends it."""


LOOKING = 1.0
"""Seconds without a result between two looks at the cluster."""


def cluster_at(address: str, jobs: int | None, code: Mapping[str, bytes]) -> Place:
    """Return the place of a cluster, after its workers were checked and sent the code of suites.

    Args:
        address: of the scheduler, or ``slurm:FILE``.
        jobs: how many pieces of work are done at once; None for one a thread of its workers, or one a core of all jobs.
        code: source files by path.

    Raises:
        ParibusError: no scheduler answers, it has no workers, or they have other versions; or Slurm refuses the jobs.
    """
    if is_slurm(address):
        from paribus.execution.slurm_cluster import client_of_jobs

        wanted = slurm_jobs(address)
        connection = Connection(address, SentCode(code), *client_of_jobs(address, wanted))
        return Place(jobs or wanted.jobs * wanted.cores, partial(DaskExecutor, connection))
    connection = Connection(address, SentCode(code))
    return Place(jobs or connection.threads, partial(DaskExecutor, connection))


class _SchedulerLostError(Exception):
    """Loss of the scheduler, and of all work that was under way with it."""


class DaskExecutor:
    """Executor of a cluster that has been checked.

    Args:
        connection: with its scheduler.
        jobs: how many pieces of work are under way at once.
        gpu: that each piece needs, as `gpu_here` tells of it; none, if it is empty.
    """

    def __init__(self, connection: Connection, jobs: int, *, gpu: str = "") -> None:
        self.connection, self.jobs, self.gpu = connection, jobs, gpu

    def spread(
        self,
        function: Callable[[Work], Found],
        work: Iterable[Work],
        *,
        limit: Callable[[Work], float] = no_limit,
    ) -> Generator[tuple[Work, Found | Failure], None, None]:
        """Call a function on each piece of work, as `Executor` says; Dask may try one again whose worker is lost.

        Where the scheduler is lost, what was under way is sent again when it is back. Where the iterator is closed,
        work that has begun goes on to its end, and nobody hears of it.

        Raises:
            ParibusError: the scheduler was lost, and not back in time.
        """
        left, under_way, losses = iter(work), _UnderWay[Work](self.connection, self.gpu), 0

        def refill() -> Iterator[tuple[Work, Failure]]:
            """Send work where there is room; yield what cannot be sent, which costs no other."""
            while len(under_way) < self.jobs:
                for piece in left:
                    try:
                        task, seconds = cloudpickle.dumps((function, piece)), limit(piece)
                    except Exception as error:  # noqa: BLE001 - such as a network that cannot be pickled
                        yield piece, Failure(error)
                        continue
                    under_way.send(piece, task, seconds)
                    break
                else:
                    return

        try:
            yield from refill()
            while under_way:
                try:
                    # What is done is kept before more is sent.
                    done = under_way.next_done()
                except _SchedulerLostError:
                    losses += 1
                    self.connection.renew(wait=losses <= MOST_LOSSES)
                    under_way.send_again()
                    continue
                losses = 0
                yield done
                yield from refill()
        finally:
            under_way.cancel()


class _UnderWay(Generic[Work]):
    """Pieces of work that were sent, and are not done.

    Args:
        connection: through which they are sent.
        gpu: that each needs.
    """

    def __init__(self, connection: Connection, gpu: str) -> None:
        self._connection, self._gpu = connection, gpu
        self._look = partial(connection.look, GPU if gpu else "")
        self._sent: dict[int, _Sent[Work]] = {}
        self._done: SimpleQueue[int] = SimpleQueue()
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._sent)

    def send(self, piece: Work, task: bytes, seconds: float) -> None:
        """Send a piece, packed with its function, that may take so many seconds."""
        number, future, connection = next(self._numbers), None, self._connection
        try:
            future = self._submit(host, task, seconds, versions(), connection.sent.digest)
        except (
            Exception
        ):  # of a client that is closed, which has no class of its own in all versions
            if connection.open:
                raise
        if not connection.open:  # what was sent may have reached nobody
            future = None
        self._sent[number] = _Sent(piece, task, seconds, future)
        if future is None:
            self._done.put(number)
        else:
            future.add_done_callback(lambda _: self._done.put(number))

    def _submit(self, function: Any, *arguments: Any) -> Any:
        """Have a worker call a function: one whose GPU does nothing else meanwhile, if it needs one."""
        if not self._gpu:
            return self._connection.submit(function, *arguments)
        client = self._connection.client
        return client.submit(function, *arguments, self._gpu, pure=False, resources={GPU: 1})

    def next_done(self) -> tuple[Work, Any]:
        """Wait for the next piece that is done; return it and what came of it.

        Raises:
            _SchedulerLostError: the scheduler is lost, and all work that was under way with it.
        """
        number = self._heard()
        while number not in self._sent:  # it was heard of twice
            number = self._heard()
        sent = self._sent[number]
        outcome = _outcome(sent.future, self._look)
        if sent.future is not None:
            # Else it would be done again if the worker that holds its result were lost.
            sent.future.release()
        del self._sent[number]
        return sent.piece, outcome

    def _heard(self) -> int:
        """Return the number of the next piece of which something is heard.

        Raises:
            _SchedulerLostError: the scheduler does not answer any more.
        """
        while True:
            try:
                return self._done.get(timeout=LOOKING)
            except Empty:
                if not self._look():
                    raise _SchedulerLostError from None

    def send_again(self) -> None:
        """Send all pieces again."""
        again = list(self._sent.values())
        self._sent.clear()
        for sent in again:
            self.send(sent.piece, sent.task, sent.seconds)

    def cancel(self) -> None:
        """Have those ended that no worker has begun."""
        futures = [sent.future for sent in self._sent.values() if sent.future is not None]
        if futures and self._connection.open:
            with suppress(Exception):  # of a scheduler that is just lost, with all work
                self._connection.client.cancel(futures)


@dataclass(frozen=True)
class _Sent(Generic[Work]):
    piece: Work
    task: bytes
    seconds: float
    future: Future[Any] | None


def _outcome(future: Future[Any] | None, look: Callable[[], bool]) -> Any:
    """Return what came of a piece of work.

    Raises:
        _SchedulerLostError: nobody can tell.
    """
    if future is None:
        raise _SchedulerLostError
    failed = future.status == "error"  # on its worker, else what is raised is of the connection
    try:
        packed = _result(future, look, failed=failed)
    except KilledWorker as error:
        return Failure(WorkerDiedError(_lost(error.allowed_failures + 1)))
    except Exception as error:
        if not failed:
            raise _SchedulerLostError from error
        return Failure(error)
    try:
        return cloudpickle.loads(packed)
    except Exception as error:  # noqa: BLE001 - such as of a class that is not here
        return Failure(error)


def _result(future: Future[Any], look: Callable[[], bool], *, failed: bool) -> Any:
    """Fetch a result, for as long as the scheduler answers: it may be made again, if its worker is lost meanwhile.

    Raises:
        TimeoutError: the scheduler hangs.
    """
    while True:
        try:
            return future.result(timeout=ANSWERING)
        except TimeoutError:
            if failed or not look():  # the first is what the piece itself raised
                raise


def _lost(count: int) -> str:
    return f"was lost with {count} worker{'s' * (count > 1)} of the cluster"
