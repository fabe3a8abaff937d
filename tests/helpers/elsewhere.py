"""Executor that stands in for a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from paribus.errors import ParibusError
from paribus.execution.executors import Failure


class Elsewhere:
    """Does all work in this process, and keeps how many pieces at once it was asked for, and what it was given."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.given: list[Any] = []

    def __call__(self, jobs: int) -> Elsewhere:
        self.asked.append(jobs)
        return self

    def spread(
        self, function: Callable[[Any], Any], work: Iterable[Any], **_: object
    ) -> Generator[tuple[Any, Any], None, None]:
        """Call a function on each piece of work."""
        for piece in work:
            self.given.append(piece)
            try:
                found = function(piece)
            except ParibusError as error:
                found = Failure(error)
            yield piece, found
