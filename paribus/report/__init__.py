"""Pages, tables and figures from the results of a store; only this package and the store write files."""

from __future__ import annotations

import warnings
from collections.abc import Container, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from paribus.analysis.claim_registry import ClaimRecord
from paribus.analysis.ranking import TaskRanking, standings
from paribus.analysis.result_set import FILE
from paribus.analysis.results import Result
from paribus.report import claims, method, runs_csv, what_was_read
from paribus.report.details import details, details_name
from paribus.report.explored import explored_pages
from paribus.report.figures import (
    contrasts,
    learning_curves,
    learning_rate,
    ranking,
    sweep_figures,
    trade_off,
)
from paribus.report.figures.best_of_n import best_of_trials
from paribus.report.figures.saving import FigureSaving
from paribus.report.formatting import slug
from paribus.report.index import index
from paribus.report.page import Figures, by_suite, page
from paribus.report.page_file import write_page
from paribus.report.result_set import result_set
from paribus.report.tables import verdict_table
from paribus.report.terminal import terminal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from paribus.data.summary import DataSummary

__all__ = ["terminal", "verdict_table", "write"]


def write(
    results: Sequence[Result],
    out: Path,
    declared: Sequence[ClaimRecord] = (),
    saving: FigureSaving | None = None,
) -> list[Path]:
    """Write the index, pages, figures and a CSV of each suite, the page of claims, method.md and the result set.

    A figure that cannot be drawn is warned of and costs no page.

    Args:
        results: of every comparison and device.
        out: folder for them, made if it is not there.
        declared: every claim with its answer, if it has one; without any there is no page of them.
        saving: saves the figures, perhaps while pages are written; without it they are saved one by one.

    Returns:
        The files that were written, the index first.
    """
    out.mkdir(parents=True, exist_ok=True)
    saving = saving or FigureSaving()
    suites = [_drawn(name, found, out, saving) for name, found in by_suite(results).items()]
    files = [_pages(suite, out) for suite in suites]
    failed = {path.name: error for path, error in saving.finish().items()}
    for name, error in failed.items():
        warnings.warn(f"{name} could not be drawn: {error}", stacklevel=2)
    for i, suite in enumerate(suites):
        if failed.keys() & suite.figures:
            files[i] = _pages(suite, out, failed)
    written = [out / "README.md", *chain(*files)]
    if declared:
        written.append(_claims(declared, out))
    written += _read(results, out)
    if results:
        written.append(write_page(out / method.PAGE, method.text()))
        written.append(_text(out / FILE, result_set(results).model_dump_json() + "\n"))
    explored = {name: explored_pages(name, out) for name in by_suite(results)}
    write_page(written[0], index(results, declared, explored))
    return written


def _text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _read(results: Sequence[Result], out: Path) -> list[Path]:
    """Write a page of what was read for each task with a user's own data."""
    by_task: dict[str, dict[str, DataSummary]] = {}
    for summary in (each for result in results for each in result.read):
        by_task.setdefault(summary.task, {})[summary.key] = summary
    return [
        write_page(
            out / what_was_read.page_name(task), what_was_read.page(list(summaries.values()))
        )
        for task, summaries in by_task.items()
    ]


def _claims(declared: Sequence[ClaimRecord], out: Path) -> Path:
    anchors = {
        f"{page.name}#{anchor}"
        for page in out.glob("*.md")
        for anchor in claims.marked(page.read_text(encoding="utf-8"))
    }
    return write_page(out / "claims.md", claims.page(declared, anchors))


class _Suite(NamedTuple):
    """Results of a suite, and the file names of their figures, by title."""

    name: str
    results: Sequence[Result]
    drawn: Sequence[Figures]
    rankings: Sequence[tuple[TaskRanking, Figures]]

    @property
    def figures(self) -> list[str]:
        """File names of all of them, those over all tasks first."""
        return [
            file
            for names in (*(f for _, f in self.rankings), *self.drawn)
            for file in names.values()
        ]

    def without(self, failed: Container[str]) -> _Suite:
        """Return the same without the figures of some files."""

        def left(figures: Figures) -> Figures:
            return {title: file for title, file in figures.items() if file not in failed}

        rankings = [(of_tasks, left(figures)) for of_tasks, figures in self.rankings]
        return self._replace(drawn=[*map(left, self.drawn)], rankings=rankings)


def _drawn(name: str, results: Sequence[Result], out: Path, saving: FigureSaving) -> _Suite:
    """Draw the figures of a suite and have them saved."""
    drawn = [_figures(result) for result in results]
    for place, (title, figure) in sweep_figures.pictures(results).items():
        drawn[place][title] = (figure, f"{_stem(results[place])}-{slug(title)}.png")
    rankings = [(each, _ranking_figures(name, each)) for each in standings(results)]
    for made in (*(figures for _, figures in rankings), *drawn):
        for figure, file in made.values():
            saving.save(figure, out / file)
    return _Suite(
        name, results, [*map(_files, drawn)], [(each, _files(made)) for each, made in rankings]
    )


Made = dict[str, "tuple[Figure, str]"]
"""Figures and their file names, by title."""


def _files(made: Made) -> Figures:
    return {title: file for title, (_, file) in made.items()}


def _pages(suite: _Suite, out: Path, failed: Container[str] = ()) -> list[Path]:
    """Write the pages and the CSV of a suite, without the figures of files that failed."""
    suite = suite.without(failed)
    name, results = suite.name, suite.results
    csv = out / f"{name}.csv"
    table = runs_csv.without_formulas(runs_csv.runs(results))
    table.to_csv(csv, index=False, lineterminator="\n", encoding="utf-8")
    explored = explored_pages(name, out)
    text = page(results, suite.drawn, csv.name, suite.rankings, explored)
    path = write_page(out / f"{name}.md", text)
    path_of_details = write_page(out / details_name(name), details(results))
    return [path, path_of_details, csv, *(out / file for file in suite.figures)]


def _ranking_figures(name: str, of_tasks: TaskRanking) -> Made:
    """Draw the figures over all tasks of a suite."""
    parts = [name]
    parts += [of_tasks.arm] if of_tasks.arm != "default" else []
    parts += [of_tasks.device] if of_tasks.device != "cpu" else []
    stem = "-".join(parts)
    made = ranking.pictures(of_tasks)
    return {title: (figure, f"{stem}-{slug(title)}.png") for title, figure in made.items()}


def _stem(result: Result) -> str:
    """Return the beginning of the file names of a result's figures."""
    parts = [result.suite.name]
    parts += [result.comparison.name] if len(result.suite.comparisons) > 1 else []
    parts += [result.arm] if result.arm != "default" else []
    parts += [result.device] if result.device != "cpu" else []
    return "-".join(parts)


def _figures(result: Result) -> Made:
    """Draw the figures of one result."""
    stem = _stem(result)
    made = {
        "Contrasts": (contrasts.picture(result), f"{stem}-contrasts.png"),
        "Learning curves": (learning_curves.curves(result), f"{stem}.png"),
        "Diagnostics": (learning_curves.diagnostics(result), f"{stem}-diagnostics.png"),
        "Learning rate": (learning_rate.curves(result), f"{stem}-learning-rate.png"),
        "Expected best of n trials": (best_of_trials(result), f"{stem}-trials.png"),
        "Trade-off": (trade_off.picture(result), f"{stem}-trade-off.png"),
    }
    for title, draw in result.comparison.figures.items():
        made[title] = (draw(result), f"{stem}-{slug(title)}.png")
    return {title: (figure, file) for title, (figure, file) in made.items() if figure is not None}
