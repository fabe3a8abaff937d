"""Whole course of a comparison: what is shown, and when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paribus.analysis.results import Result
from paribus.execution.orchestrate import run_suites
from paribus.execution.settings import Settings
from tests.helpers.toys import suite


def test_results_are_shown_before_their_pages_are_written(tmp_path: Path) -> None:
    """Pages and figures take longer than the table, which nobody has to wait for."""
    settings = Settings(seeds=2, device="cpu", engine="loop", out=tmp_path / "out", jobs=1)
    page, shown = tmp_path / "out" / "README.md", list[tuple[object, bool]]()

    def show(results: Sequence[Result]) -> None:
        shown.append(([row.variant.name for row in results[0].rows], page.exists()))

    def wrote(pages: Sequence[Path]) -> None:
        shown.append((pages[0], page.exists()))

    finished = run_suites([suite()], settings, show=show, wrote=wrote)
    names = [row.variant.name for row in finished.results[0].rows]
    assert shown == [(names, False), (page, True)]
