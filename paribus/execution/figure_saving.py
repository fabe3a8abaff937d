"""Saving of figures by workers, while the driver writes pages."""

from __future__ import annotations

import pickle
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from paribus.execution.executors import Failure
from paribus.execution.local_workers import LocalExecutor
from paribus.report.figures.saving import FigureSaving

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Piece = tuple[bytes, Path]


class SavingByWorkers(FigureSaving):
    """Has figures saved by workers of this machine; what they cannot save is saved here at the end.

    Args:
        jobs: how many workers.
    """

    def __init__(self, jobs: int) -> None:
        super().__init__()
        self._jobs = jobs
        self._queue: SimpleQueue[Piece | None] = SimpleQueue()
        self._left: dict[Path, bytes] = {}
        self._thread = Thread(target=self._hand_over, daemon=True)
        self._thread.start()

    def save(self, figure: Figure, path: Path) -> None:
        """Have a figure saved as PNG."""
        try:
            packed = pickle.dumps(figure)
        except Exception:  # noqa: BLE001 - a user's own may hold what only this process has
            super().save(figure, path)
            return
        self._left[path] = packed
        self._queue.put((packed, path))

    def finish(self) -> dict[Path, str]:
        """Wait until all are saved; return those that could not be, and why."""
        self._queue.put(None)
        self._thread.join()
        for path, packed in self._left.items():
            super().save(pickle.loads(packed), path)  # noqa: S301 - what this process packed
        return super().finish()

    def _hand_over(self) -> None:
        pieces = iter(self._queue.get, None)
        for (_, path), found in LocalExecutor(self._jobs).spread(save_packed, pieces):
            if not isinstance(found, Failure):
                del self._left[path]


def save_packed(piece: Piece) -> None:
    """Save a packed figure as PNG."""
    from paribus.report.figures.learning_curves import save

    packed, path = piece
    save(pickle.loads(packed), path)  # noqa: S301 - what the driver packed
