"""Place that ``--where`` names: processes of this machine, workers of a Dask cluster, or jobs of Slurm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from paribus.errors import ParibusError

if TYPE_CHECKING:
    from paribus.execution.executors import Executor

LOCAL = "local"
OPTION = "--paribus-where"
CLUSTERS = ("tcp", "tls")
SLURM = "slurm"


@dataclass(frozen=True)
class Place:
    """Place where networks are trained.

    Attributes:
        jobs: how many pieces of work are done at once.
        cluster: makes an executor that does so many at once on other machines; None where all is done on this one.
        gpus: where networks on a GPU are trained, if a cluster has any; else on this machine.
    """

    jobs: int
    cluster: Callable[[int], Executor] | None = None
    gpus: Place | None = None

    def of(self, device: str) -> Place:
        """Return the place where networks on a device are trained.

        >>> Place(8, gpus=Place(2)).of("cuda"), Place(8).of("cuda").cluster
        (Place(jobs=2, cluster=None, gpus=None), None)
        """
        return self if device == "cpu" else self.gpus or Place(self.jobs)


def is_cluster(where: str) -> bool:
    """Return whether a place is a cluster: an address, right or wrong, or jobs of Slurm.

    >>> is_cluster("tcp://127.0.0.1:8786"), is_cluster("local:2"), is_cluster("slurm:jobs.yaml")
    (True, False, True)
    """
    return where.partition("://")[0] in CLUSTERS or is_slurm(where)


def is_slurm(where: str) -> bool:
    """Return whether a place is ``slurm:FILE``."""
    return where.partition(":")[0] == SLURM


def local_jobs(where: str) -> int | None:
    """Return how many processes ``local:N`` asks for; None where it, or a cluster, leaves that open.

    Raises:
        ParibusError: it is no place.

    >>> local_jobs("local"), local_jobs("local:3")
    (None, 3)
    """
    kind, colon, count = where.partition(":")
    if (kind == LOCAL and not colon) or (
        is_cluster(where) and (count if is_slurm(where) else _port(where))
    ):
        return None
    if kind == LOCAL and count.isascii() and count.isdigit() and int(count) > 0:
        return int(count)
    raise ParibusError(
        OPTION,
        got=repr(where),
        expected="local, local:N with at least one process, a Dask scheduler as tls://HOST:PORT or tcp://HOST:PORT, or "
        "slurm:FILE",
        fix="Leave it out to use one process a core of this machine.",
    )


def _port(address: str) -> int | None:
    """Return the port of an address that has nothing but a host and one, or None."""
    try:
        parts = urlsplit(address)
        plain = not (parts.path or parts.query or parts.fragment or parts.username is not None)
        return parts.port if parts.hostname and plain else None
    except ValueError:
        return None


def one_count(where: str, jobs: int | None) -> int | None:
    """Return how many processes ``--where`` and ``--jobs`` ask for together.

    Raises:
        ParibusError: they contradict each other.
    """
    count = local_jobs(where)
    if count is not None and jobs not in (None, count):
        raise ParibusError(
            "number of jobs",
            got=f"--paribus-jobs {jobs} beside {OPTION} {where}",
            expected="one number of processes",
            fix="Leave one of the two out.",
        )
    return jobs if count is None else count


def refuse_without_dask(where: str) -> None:
    """Refuse a cluster where the package that speaks with it is not installed.

    Raises:
        ParibusError: it is not.
    """
    if find_spec("distributed") is None:
        raise ParibusError(
            OPTION,
            got=f"{where}, and no package 'distributed'",
            expected="that package, which is optional",
            fix="Install it: pip install paribus[dask]",
        )


def refuse_open(where: str, *, unauthenticated: bool) -> None:
    """Refuse an address beyond this machine at which anybody may run code, unless that is asked for.

    Raises:
        ParibusError: it is such an address.
    """
    if unauthenticated or not where.startswith("tcp:") or _is_loopback(where):
        return
    raise ParibusError(
        OPTION,
        got=f"{where}, a way without authentication: whoever reaches that port can run code on the workers and here",
        expected="tls://HOST:PORT, or tcp on this machine",
        fix="Name certificates in Dask's configuration and use tls, or add --paribus-unauthenticated if the network is "
        "closed to others.",
    )


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_at_the_end: list[Callable[[], None]] = []


def at_the_end(function: Callable[[], None]) -> None:
    """Have a function called by `leave`, to end what was started on other machines for this process."""
    _at_the_end.append(function)


def leave() -> None:
    """End what was started on other machines for this process."""
    while _at_the_end:
        _at_the_end.pop()()
