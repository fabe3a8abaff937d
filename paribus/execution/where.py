"""Place that ``--where`` names: processes of this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paribus.errors import ParibusError

if TYPE_CHECKING:
    from paribus.execution.executors import Executor

LOCAL = "local"
OPTION = "--paribus-where"


@dataclass(frozen=True)
class Place:
    """Place where networks are trained that need no GPU.

    Attributes:
        jobs: how many pieces of work are done at once.
        cluster: makes an executor that does so many at once on other machines; None where all is done on this one.
    """

    jobs: int
    cluster: Callable[[int], Executor] | None = None


def local_jobs(where: str) -> int | None:
    """Return how many processes ``local:N`` asks for; None where it leaves that open.

    Raises:
        ParibusError: it is no place.

    >>> local_jobs("local"), local_jobs("local:3")
    (None, 3)
    """
    kind, colon, count = where.partition(":")
    if kind == LOCAL and not colon:
        return None
    if kind == LOCAL and count.isascii() and count.isdigit() and int(count) > 0:
        return int(count)
    raise ParibusError(
        OPTION,
        got=repr(where),
        expected="local, or local:N with at least one process",
        fix="Leave it out to use one process a core of this machine.",
    )


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
