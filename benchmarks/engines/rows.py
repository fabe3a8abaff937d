"""Who is measured on a workload: the textbook, our engines, and the peers that are installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from benchmarks.engines.ours import Ours
from benchmarks.engines.remote import Contender, Remote, Server
from benchmarks.engines.textbook import Textbook
from benchmarks.engines.workloads import JAX_DEVICES, Workload
from paribus.execution.pool import ENVIRONMENT

TEXTBOOK = "textbook"
# Peers: the library that has to be there, and the module that drives it.
PEERS = {
    "skorch": ("skorch", "benchmarks.peers.skorch_peer", "Skorch"),
    "Lightning": ("lightning", "benchmarks.peers.lightning_peer", "Lightning"),
    "JAX": ("jax", "benchmarks.peers.jax_peer", "Jax"),
}
INSTALL = "tox -e peers installs it"


def available(peer: str) -> bool:
    """Whether a peer's library is installed."""
    return find_spec(PEERS[peer][0]) is not None


class Row(NamedTuple):
    """One line of a workload's table, before it is measured.

    Attributes:
        engine: its name on the page.
        replicates: trained at once.
        processes: side by side.
        peer: the library that it needs, or nothing.
    """

    engine: str
    replicates: int
    processes: int = 1
    peer: str = ""

    @property
    def name(self) -> str:
        """A name of its own, such as ``stacked, R=32, 2 processes``."""
        many = f", {self.processes} processes" if self.processes > 1 else ""
        return f"{self.engine}, R={self.replicates}{many}"

    @property
    def missing(self) -> str:
        """Why it cannot be measured here, or nothing."""
        there = not self.peer or available(self.peer)
        return "" if there else f"{self.peer} is not installed; {INSTALL}"


def rows(workload: Workload, cores: int) -> list[Row]:
    """The textbook, our engines in one process and one a core, and the peers."""
    found = [Row(TEXTBOOK, 1), Row("loop", 1)]
    found += [Row("loop", cores, cores)] if cores > 1 else []
    for engine in workload.engines:
        found += [Row(engine, r) for r in workload.replicates]
        found += [
            Row(engine, r, cores) for r in workload.replicates if cores > 1 and r % cores == 0
        ]
    found += [Row("skorch", 1, peer="skorch"), Row("Lightning", 1, peer="Lightning")]
    for devices in sorted({1, cores}):
        name = f"JAX, {devices} device{'s' * (devices > 1)}"
        found += [Row(name, r, peer="JAX") for r in workload.replicates if r % devices == 0]
    return found


class Workshop:
    """Makes contenders, and keeps the processes that some of them live in."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, int], Server] = {}
        self._count = 0

    def make(self, workload: Workload, row: Row, seeds: Sequence[int]) -> Contender:
        """A contender for a row with these seeds."""
        if row.engine == TEXTBOOK:
            return Textbook(workload, seeds[0])
        if row.peer == "JAX":
            return self._remote([self._jax(row)], workload, seeds, row.engine)
        if row.peer:
            _, module, name = PEERS[row.peer]
            made: Contender = getattr(import_module(module), name)(workload, seeds[0])
            return made
        if row.processes == 1:
            return Ours(workload, seeds, row.engine)
        servers = [
            self._server("benchmarks.engines.remote", i, ENVIRONMENT) for i in range(row.processes)
        ]
        return self._remote(servers, workload, seeds, row.engine)

    def _jax(self, row: Row) -> Server:
        devices = int(row.engine.split()[1])
        return self._server(PEERS["JAX"][1], devices, {JAX_DEVICES: str(devices)})

    def _server(
        self, module: str, number: int, environment: dict[str, str] | None = None
    ) -> Server:
        if (module, number) not in self._servers:
            self._servers[module, number] = Server(module, environment)
        return self._servers[module, number]

    def _remote(
        self, servers: Sequence[Server], workload: Workload, seeds: Sequence[int], engine: str
    ) -> Remote:
        self._count += 1
        return Remote(servers, str(self._count), workload.name, seeds, engine)

    @property
    def processes(self) -> set[int]:
        """Ids of the processes that contenders live in."""
        return {server.process.pid for server in self._servers.values()}

    def close(self) -> None:
        """End the processes."""
        for server in self._servers.values():
            server.close()


@contextmanager
def workshop() -> Iterator[Workshop]:
    """A workshop that is closed at the end."""
    made = Workshop()
    try:
        yield made
    finally:
        made.close()
