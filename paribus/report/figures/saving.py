"""Saving of figures, of which each may fail without costing another or a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from paribus.report.figures.learning_curves import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigureSaving:
    """Saves each figure as soon as it comes."""

    def __init__(self) -> None:
        self._failed: dict[Path, str] = {}

    def save(self, figure: Figure, path: Path) -> None:
        """Save a figure as PNG, or note why it cannot be."""
        try:
            save(figure, path)
        except Exception as error:  # noqa: BLE001 - whatever a drawing library raises
            self._failed[path] = str(error)

    def finish(self) -> dict[Path, str]:
        """Wait until all are saved; return those that could not be, and why."""
        return self._failed
