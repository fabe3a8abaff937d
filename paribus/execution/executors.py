"""What every executor does: call a function on pieces of work, elsewhere, and hand back each result or failure."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

Work = TypeVar("Work")
Found = TypeVar("Found")


class WorkerDiedError(Exception):
    """End of the process that did a piece of work: by ``os._exit``, a crash, or for want of memory."""


class TimeLimitError(Exception):
    """Piece of work that took longer than it may, and was ended."""


@dataclass(frozen=True)
class Failure:
    """Piece of work that has no result.

    Attributes:
        error: what the function raised, or a `WorkerDiedError` or `TimeLimitError`.
    """

    error: BaseException

    @property
    def lost(self) -> bool:
        """True where the function did not come to its end."""
        return isinstance(self.error, WorkerDiedError | TimeLimitError)


def no_limit(_piece: object) -> float:
    """Return how long a piece of work may take: any time."""
    return float("inf")


class Executor(Protocol):
    """Place where work is done: processes of this machine, or a cluster."""

    def spread(
        self,
        function: Callable[[Work], Found],
        work: Iterable[Work],
        *,
        limit: Callable[[Work], float] = no_limit,
    ) -> Generator[tuple[Work, Found | Failure], None, None]:
        """Call a function on each piece of work; yield the pieces with what came of them, as they are done.

        A piece is tried once, and one that fails costs no other. Where the iterator is closed, work that is not done is
        ended.

        Args:
            function: one that other processes can import, or is sent by value.
            work: asked for the next piece when there is somebody to do it, and not earlier.
            limit: tells how many seconds a piece may take.
        """
        ...
