"""Connection with the scheduler of a Dask cluster, which is made again where it is lost."""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from distributed import Client
from distributed.comm.core import CommClosedError
from distributed.security import Security

from paribus.errors import ParibusError
from paribus.execution.dask_host import SentCode, other_versions
from paribus.execution.progress import say
from paribus.execution.same_versions import versions
from paribus.execution.where import OPTION

CONNECTING = 10
"""Seconds within which a scheduler must answer."""
GREETING = 20.0
"""Seconds more within which it must say that it is one."""

WAITING = 300.0
"""Seconds within which a scheduler that is lost must be back with a worker. Whatever looks after it starts it again in
seconds, a person in minutes; for longer, the same command is started again."""


LOOKING = 10.0
"""Seconds without a result after which a scheduler is asked whether it is there."""

ANSWERING = 60.0
"""Seconds within which it must say so, which a busy one does in a few; else it hangs, and counts as lost."""

PREPARING = 3
"""Times that workers are asked for their versions, and sent code."""

CLOSING = 1.0
"""Seconds that the end of a connection may take."""


class Connection:
    """Connection with a scheduler whose workers were checked, and have the code of suites.

    Args:
        address: of the scheduler, or ``slurm:FILE``.
        sent: the code.
        client: of the scheduler; None connects with it.
        check: called while nothing is done; raises where no worker will come any more. None asks the scheduler.

    Attributes:
        client: of the scheduler that answers now.
        threads: of all workers when this was made.

    Raises:
        ParibusError: no scheduler answers, it has no workers, or they have other versions.
    """

    def __init__(
        self,
        address: str,
        sent: SentCode,
        client: Client | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        self.address, self.sent = address, sent
        self._check, self._asked, self._alone = check, time.monotonic(), set[str]()
        self.client = client or connected(address)
        try:
            self.threads = self._threads()
            if not self.threads:
                raise ParibusError(
                    OPTION,
                    got=f"{address}, a scheduler without workers",
                    expected="at least one",
                    fix=f"Start some: dask worker {address} --nworkers auto --nthreads 1",
                )
            self._prepare()
        except OSError as error:  # also CommClosedError and TimeoutError
            raise no_answer(address, error) from error

    def _threads(self) -> int:
        return sum(answer(self.client, ANSWERING, self.client.nthreads).values())

    @property
    def open(self) -> bool:
        """Whether the scheduler answers, as far as is known."""
        return bool(self.client.status == "running")

    def declared(self, resource: str) -> dict[str, tuple[float, int]]:
        """Return the workers that declare a resource, by address: how much of it, and their threads."""

        def told(dask_scheduler: Any) -> dict[str, tuple[float, int]]:
            """Say what workers declare; sent by value."""
            workers = dask_scheduler.workers.values()
            return {w.address: (w.resources.get(resource, 0), w.nthreads) for w in workers}

        found = answer(self.client, ANSWERING, self.client.run_on_scheduler, told)
        return {name: each for name, each in sorted(found.items()) if each[0]}

    def look(self, resource: str = "") -> bool:
        """Return whether the scheduler answers, and say so where it has no worker.

        Args:
            resource: that workers must declare; none, if it is empty.

        Raises:
            ParibusError: no worker will come any more.
        """
        if self._check is not None:
            self._check()
            return True
        if time.monotonic() < self._asked + LOOKING:
            return True
        try:
            workers = (
                self.declared(resource)
                if resource
                else answer(self.client, ANSWERING, self.client.nthreads)
            )
        except Exception:  # noqa: BLE001 - whatever Dask raises of a connection that ends, or of time that is over
            return False
        self._asked = time.monotonic()
        if (resource in self._alone) == bool(workers):
            self._alone ^= {resource}
            of_these = f" that declare{'s' * (not workers)} {resource}=1" if resource else ""
            say(
                f"The scheduler at {self.address} has "
                + (
                    f"workers{of_these} again."
                    if workers
                    else f"no worker{of_these} any more; work goes on when it has."
                )
            )
        return True

    def submit(self, function: Any, *arguments: Any) -> Any:
        """Have a worker call a function; returns its future."""
        return self.client.submit(function, *arguments, pure=False)

    def renew(self, *, wait: bool) -> None:
        """Connect again with a scheduler that was lost, as soon as it is back with a worker.

        Args:
            wait: whether it may be waited for.

        Raises:
            ParibusError: it was not in time, or its workers have other versions.
        """
        end = time.monotonic() + (WAITING if wait else 0.0)
        if wait:
            say(
                f"The scheduler at {self.address} is lost. Waiting up to {WAITING / 60:.0f} minutes until it is "
                "started again, with workers; what was under way is sent again then."
            )
        while time.monotonic() < end:
            try:
                _clients.pop(self.address, self.client).close(CLOSING)
                self.client = _client(self.address)
                self._asked = time.monotonic()
                while time.monotonic() < end:
                    if self._threads():
                        self._prepare()
                        say(f"The scheduler at {self.address} is back, and work goes on.")
                        return
                    time.sleep(0.2)
            except ParibusError:
                raise
            except Exception:  # noqa: BLE001 - whatever Dask raises of a connection that ends, or is not there yet
                time.sleep(0.2)
        raise ParibusError(
            "the cluster",
            got="no answer from its scheduler any more",
            expected="one that runs until all work is done",
            fix="Start it again, and run the same command: what the store holds is kept, and not trained again.",
        )

    def _prepare(self) -> None:
        """Compare versions and send code, again where a worker goes meanwhile, as at the end of a batch job."""
        for left in reversed(range(PREPARING)):
            try:
                _refuse_other_versions(self.client)
                answer(self.client, WAITING, self.client.register_plugin, self.sent)
            except TimeoutError:  # of one that hangs, and would again
                raise
            except OSError:  # also CommClosedError
                if not left or not self.open:
                    raise
                time.sleep(1.0)
            else:
                return


def connected(address: str) -> Client:
    """Return a client of a scheduler: the one that there is already, or a new one.

    Raises:
        ParibusError: no scheduler answers there, or it wants certificates.
    """
    client = _clients.get(address)
    if client is not None and client.status == "running":
        return client
    try:
        if address.startswith("tls:"):
            _refuse_without_certificates(address)
        return _client_in_time(address)
    except CommClosedError as error:
        if not address.startswith("tls:"):
            raise no_answer(address, error) from error
        # Whoever refuses a certificate may end the connection at any step, for which Dask and OpenSSL have many words.
        raise ParibusError(
            OPTION,
            got=f"{address}, where the certificates of both ends do not fit together, or no Dask scheduler uses any",
            expected="a scheduler with tls, and certificates here and there that one authority signed",
            fix="Name the same ca-file in Dask's configuration of both, with a certificate that it signed.",
        ) from error
    except (OSError, ValueError, TypeError, RuntimeError, MemoryError) as error:
        raise no_answer(address, error) from error


def _client_in_time(address: str) -> Client:
    """Return a new client; something else than a scheduler may take the connection and never say a word.

    Raises:
        TimeoutError: there is none in time.
    """
    found = SimpleQueue[Client | BaseException]()

    def connect() -> None:
        try:
            found.put(_client(address))
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits
            found.put(error)

    Thread(target=connect, name="connection with a scheduler", daemon=True).start()
    try:
        made = found.get(timeout=CONNECTING + GREETING)
    except Empty:
        seconds = CONNECTING + GREETING
        raise TimeoutError(f"it said nothing in {seconds:.0f} s that a scheduler says") from None
    if isinstance(made, BaseException):
        raise made
    return made


def answer(client: Client, seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a method of a client, most of which would wait without limit for a scheduler, or a worker, that hangs.

    Raises:
        TimeoutError: no answer came in time.
        CommClosedError: the client has ended, with its scheduler.
    """

    async def asked() -> Any:
        return await function(*arguments)

    try:
        return client.sync(asked, callback_timeout=seconds)
    except AttributeError as error:  # of a scheduler that is None from then on
        if client.status == "closed":
            raise CommClosedError("the scheduler is lost") from error
        raise


def no_answer(address: str, error: Exception) -> ParibusError:
    """Return the refusal of a scheduler that does not answer."""
    return ParibusError(
        OPTION,
        got=f"{address} ({type(error).__name__}: {error})",
        expected="the address of a Dask scheduler that answers",
        fix="Start one by dask scheduler; certificates for tls are named in Dask's configuration.",
    )


class _OneScheduler(Client):
    """Client that ends where its scheduler is lost.

    Dask's would connect by itself with one that is started again at the address, whose workers nobody has checked or
    sent code.
    """

    async def _reconnect(self) -> None:
        self._timeout = 0  # seconds for which it would try
        await super()._reconnect()


def _client(address: str) -> Client:
    client: Client = _OneScheduler(address, timeout=CONNECTING, set_as_default=False)  # type: ignore[no-untyped-call]
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
        _clients.popitem()[1].close(CLOSING)


def _refuse_without_certificates(address: str) -> None:
    if not Security().get_connection_args("client")["ssl_context"]:
        raise ParibusError(
            OPTION,
            got=f"{address}, and no certificates to show there",
            expected="ca-file, client.cert and client.key of distributed.comm.tls in Dask's configuration",
            fix="Name them there, or by the variables DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..._CLIENT__CERT and "
            "..._CLIENT__KEY.",
        )


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

    for worker, found in answer(client, WAITING, client.run, told).items():
        if found != versions():
            raise other_versions(f"worker {worker}", found, versions())
