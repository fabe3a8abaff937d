"""Progress of long work: counts, time spent, and about how much is left of everything that was planned."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, TextIO, cast


def say(text: str) -> None:
    """Say what is done now, before anything can be counted; where a bar is, out of what a program prints."""
    if sys.__stderr__ is not None:
        stream = _Forgiving(sys.__stderr__)
        stream.write(f"{text}\n")
        stream.flush()


class _Forgiving:
    """Stream whose terminal may go away: no bar is worth a training."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or nothing where nobody is left to read it."""
        with suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what was held back, likewise."""
        with suppress(OSError):
            self._stream.flush()


@dataclass
class Forecast:
    """Time left, from the seconds that were estimated beforehand, scaled by how the estimates have fared so far."""

    planned: float = 0.0
    done: float = 0.0
    spent: float = 0.0

    def left(self) -> float:
        """Return the seconds until all that was planned is done, as estimated."""
        pace = self.spent / self.done if self.done else 1.0
        return max(0.0, self.planned - self.done) * pace


@dataclass
class ProgressBar:
    """Shows a bar while a batch of runs is trained.

    Args:
        uncaptured: makes the terminal reachable while it is entered, where a test runner holds it back.
        shown: whether anything is shown at all.
    """

    uncaptured: Callable[[], AbstractContextManager[object]] = nullcontext
    shown: bool = True
    forecast: Forecast = field(default_factory=Forecast)

    @contextmanager
    def batch(
        self, label: str, runs: int, estimate: float, unit: str = "runs"
    ) -> Iterator[Callable[[], None]]:
        """Show ``runs`` runs under a label; call what is yielded after each.

        Args:
            label: what is trained.
            runs: how many runs.
            estimate: seconds that the batch was planned to take; none where it is in no forecast.
            unit: what there are so many of, if it is not runs.
        """
        started, done, spent = time.perf_counter(), self.forecast.done, self.forecast.spent

        def account(finished: int) -> None:
            if not estimate:
                return
            self.forecast.done = done + estimate * finished / runs
            self.forecast.spent = spent + time.perf_counter() - started

        try:
            if self.shown:
                with self.uncaptured(), self._bar(label, runs, unit, account) as advance:
                    yield advance
            else:
                yield lambda: None
        finally:
            account(runs)

    @contextmanager
    def _bar(
        self, label: str, runs: int, unit: str, account: Callable[[int], None]
    ) -> Iterator[Callable[[], None]]:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn(f"{unit},"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        stream = sys.__stderr__ and _Forgiving(sys.__stderr__)
        console = Console(file=cast("TextIO", stream))
        if not console.is_terminal:
            console.width = 160  # a log has no edge
        with Progress(*columns, console=console, transient=console.is_terminal) as bar:
            shown = bar.add_task(label, total=runs, left=self._left())

            def advance() -> None:
                account(int(bar.tasks[0].completed) + 1)
                bar.update(shown, advance=1, left=self._left())

            yield advance

    def _left(self) -> str:
        if not self.forecast.planned:
            return ""
        left = round(self.forecast.left())
        return f"about {left // 60}:{left % 60:02d} left in all"
