"""Executor whose workers are those of a Dask cluster."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

import cloudpickle
from distributed import Client, Future
from distributed.scheduler import KilledWorker
from distributed.security import Security

from paribus.errors import ParibusError
from paribus.execution.dask_host import SentCode, host, other_versions
from paribus.execution.executors import Executor, Failure, WorkerDiedError, no_limit
from paribus.execution.same_versions import versions
from paribus.execution.where import OPTION, Place

Work = TypeVar("Work")
Found = TypeVar("Found")
CONNECTING = 10
"""Seconds within which a scheduler must answer."""


def cluster_at(address: str, jobs: int | None, code: Mapping[str, bytes]) -> Place:
    """Return the place of a cluster, after its workers were checked and sent the code of suites.

    Args:
        address: of the scheduler.
        jobs: how many pieces of work are done at once; None for one a thread of its workers.
        code: source files by path.

    Raises:
        ParibusError: no scheduler answers, it has no workers, or they have other versions.
    """
    client = _connected(address)
    threads = sum(client.nthreads().values())
    if not threads:
        raise ParibusError(
            OPTION,
            got=f"{address}, a scheduler without workers",
            expected="at least one",
            fix=f"Start some: dask worker {address} --nworkers auto --nthreads 1",
        )
    _refuse_other_versions(client)
    sent = SentCode(code)
    client.register_plugin(sent)
    return Place(jobs or threads, partial(_executor, client, sent.digest))


def _executor(client: Client, code: str, jobs: int) -> Executor:
    return DaskExecutor(client, code, jobs)


def _connected(address: str) -> Client:
    client = _clients.get(address)
    if client is not None and client.status == "running":
        return client
    try:
        if (
            address.startswith("tls:")
            and not Security().get_connection_args("client")["ssl_context"]
        ):
            raise ParibusError(
                OPTION,
                got=f"{address}, and no certificates to show there",
                expected="ca-file, client.cert and client.key of distributed.comm.tls in Dask's configuration",
                fix="Name them there, or by the variables DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..._CLIENT__CERT and "
                "..._CLIENT__KEY.",
            )
        client = Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise ParibusError(
            OPTION,
            got=f"{address} ({type(error).__name__}: {error})",
            expected="the address of a Dask scheduler that answers",
            fix="Start one by dask scheduler; certificates for tls are named in Dask's configuration.",
        ) from error
    for logger in ("distributed", "distributed.client"):
        # What it would log are tracebacks of connections that ended; what matters of them is raised.
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    _clients[address] = client
    return client


_clients: dict[str, Client] = {}


@atexit.register
def disconnect() -> None:
    """End all connections with schedulers."""
    while _clients:
        _clients.popitem()[1].close()


def _refuse_other_versions(client: Client) -> None:
    def told() -> str:
        """Say what a worker has; sent by value, since it may lack paribus."""
        from importlib import metadata

        try:
            from paribus.execution.same_versions import versions
        except ImportError:
            try:
                return f"paribus {metadata.version('paribus')}"
            except metadata.PackageNotFoundError:
                return "no paribus"
        return versions()

    for worker, found in client.run(told).items():
        if found != versions():
            raise other_versions(f"worker {worker}", found, versions())


class DaskExecutor:
    """Executor of a cluster that has been checked.

    Args:
        client: of its scheduler.
        code: hash of what its workers were sent.
        jobs: how many pieces of work are under way at once.
    """

    def __init__(self, client: Client, code: str, jobs: int) -> None:
        self.client, self.code, self.jobs = client, code, jobs

    def spread(
        self,
        function: Callable[[Work], Found],
        work: Iterable[Work],
        *,
        limit: Callable[[Work], float] = no_limit,
    ) -> Generator[tuple[Work, Found | Failure], None, None]:
        """Call a function on each piece of work, as `Executor` says; Dask may try one again whose worker is lost.

        Where the iterator is closed, work that has begun goes on to its end, and nobody hears of it.
        """
        left, busy = iter(work), dict[Future[Any], Work]()
        done: SimpleQueue[Future[Any]] = SimpleQueue()

        def refill() -> Iterator[tuple[Work, Failure]]:
            """Send work where there is room; yield what cannot be sent, which costs no other."""
            for piece in left:
                try:
                    arguments = (cloudpickle.dumps((function, piece)), limit(piece))
                except Exception as error:  # noqa: BLE001 - such as a network that cannot be pickled
                    yield piece, Failure(error)
                    continue
                future = self.client.submit(host, *arguments, versions(), self.code, pure=False)
                busy[future] = piece
                future.add_done_callback(done.put)
                if len(busy) == self.jobs:
                    return

        try:
            yield from refill()
            while busy:
                future = done.get()
                piece, found = busy.pop(future), self._outcome(future)
                # Else it would be done again if the worker that holds its result were lost.
                future.release()
                # What is done is kept before more is sent, which a scheduler that is lost would not let happen.
                yield piece, found
                yield from refill()
        finally:
            self.client.cancel(list(busy))

    def _outcome(self, future: Future[Any]) -> Any:
        """Return what came of a piece of work.

        Raises:
            ParibusError: the scheduler is lost, and all work that was under way with it.
        """
        try:
            return cloudpickle.loads(future.result())
        except KilledWorker as error:
            return Failure(WorkerDiedError(_lost(error.allowed_failures + 1)))
        except CancelledError as error:
            raise ParibusError(
                "the cluster",
                got="no answer from its scheduler any more",
                expected="one that runs until all work is done",
                fix="Start it again, and run the same command: what the store holds is kept, and not trained again.",
            ) from error
        except Exception as error:  # noqa: BLE001 - whatever Dask or unpacking raises
            return Failure(error)


def _lost(count: int) -> str:
    return f"was lost with {count} worker{'s' * (count > 1)} of the cluster"
