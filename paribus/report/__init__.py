"""Pages, tables and figures from what the store knows; only this and the store write files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paribus.analysis.claim_registry import ClaimRecord
from paribus.analysis.ranking import TaskRanking, standings
from paribus.analysis.results import Result
from paribus.report import claims, ranking_figures, runs_csv
from paribus.report.figures import learning_curves, sweep_figures, trade_off
from paribus.report.figures.best_of_n import best_of_trials
from paribus.report.index import index
from paribus.report.page import Figures, by_suite, page
from paribus.report.tables import verdict_table
from paribus.report.terminal import terminal
from paribus.report.text import slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["terminal", "verdict_table", "write"]


def write(results: Sequence[Result], out: Path, declared: Sequence[ClaimRecord] = ()) -> list[Path]:
    """Write the index, a page, a CSV and figures for each suite, and the page of all claims.

    Args:
        results: of every comparison and device.
        out: folder for them, made if it is not there.
        declared: every claim with what is known of it; without any there is no page of them.

    Returns:
        What was written, the index first.
    """
    out.mkdir(parents=True, exist_ok=True)
    start = out / "README.md"
    written = [start]
    for name, found in by_suite(results).items():
        written += _suite(name, found, out)
    if declared:
        written.append(_claims(declared, out))
    start.write_text(index(results, declared), encoding="utf-8", newline="\n")
    return written


def _claims(declared: Sequence[ClaimRecord], out: Path) -> Path:
    path = out / "claims.md"
    places = {
        f"{page.name}#{name}"
        for page in out.glob("*.md")
        for name in claims.marked(page.read_text(encoding="utf-8"))
    }
    path.write_text(claims.page(declared, places), encoding="utf-8", newline="\n")
    return path


def _suite(name: str, results: Sequence[Result], out: Path) -> list[Path]:
    table, path = out / f"{name}.csv", out / f"{name}.md"
    runs_csv.runs(results).to_csv(table, index=False, lineterminator="\n", encoding="utf-8")
    drawn = [dict(_figures(result, out)) for result in results]
    for place, (title, figure) in sweep_figures.pictures(results).items():
        name = f"{_stem(results[place])}-{slug(title)}.png"
        drawn[place] |= _saved({title: (figure, name)}, out)
    stood = [(found, _pictures(name, found, out)) for found in standings(results)]
    path.write_text(page(results, drawn, table.name, stood), encoding="utf-8", newline="\n")
    files = [file for names in (*(f for _, f in stood), *drawn) for file in names.values()]
    return [path, table, *(out / file for file in files)]


def _pictures(name: str, found: TaskRanking, out: Path) -> Figures:
    """Draw and write what stands over all tasks of a suite; file names by what they show."""
    parts = [name]
    parts += [found.arm] if found.arm != "default" else []
    parts += [found.device] if found.device != "cpu" else []
    stem = "-".join(parts)
    made = ranking_figures.pictures(found)
    return _saved({title: (f, f"{stem}-{slug(title)}.png") for title, f in made.items()}, out)


def _stem(result: Result) -> str:
    """What the names of a result's figures begin with."""
    parts = [result.suite.name]
    parts += [result.comparison.name] if len(result.suite.comparisons) > 1 else []
    parts += [result.arm] if result.arm != "default" else []
    parts += [result.device] if result.device != "cpu" else []
    return "-".join(parts)


def _figures(result: Result, out: Path) -> Figures:
    """Draw and write the figures of one result; their file names by what they show."""
    stem = _stem(result)
    made = {
        "Learning curves": (learning_curves.curves(result), f"{stem}.png"),
        "Diagnostics": (learning_curves.diagnostics(result), f"{stem}-diagnostics.png"),
        "Expected best of n trials": (best_of_trials(result), f"{stem}-trials.png"),
        "Trade-off": (trade_off.picture(result), f"{stem}-trade-off.png"),
    }
    for title, draw in result.comparison.figures.items():
        made[title] = (draw(result), f"{stem}-{slug(title)}.png")
    return _saved({text: (f, name) for text, (f, name) in made.items() if f is not None}, out)


def _saved(made: Mapping[str, tuple[Figure, str]], out: Path) -> dict[str, str]:
    """Write figures; their file names by what they show. One that cannot be drawn is warned of and costs no page."""
    written = {}
    for title, (figure, name) in made.items():
        try:
            written[title] = learning_curves.save(figure, out / name).name
        except Exception as error:  # noqa: BLE001 - whatever a drawing library raises
            warnings.warn(f"{name} could not be drawn: {error}", stacklevel=2)
    return written
