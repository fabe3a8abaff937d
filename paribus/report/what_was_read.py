"""Page of what was read: what each column, folder or file became and why, and how the samples are split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from paribus.data.reading import Reading
from paribus.data.summary import DataSummary
from paribus.report.formatting import NOTHING, bullets, listed, pathless, plural, slug
from paribus.report.tables import Line, markdown

MAX_READINGS = 40  # more than these are grouped by what they became
MAX_NAMES = 12  # names that are shown of a group
MAX_CLASSES = 12  # classes that have a column of their own
NOT_USED = ("left out", "passed over")
PART_NAMES = {"train": "training"}


def page_name(task: str) -> str:
    """Return the name of the file for a task's data."""
    return f"read-{slug(task) or 'data'}.md"


def page(summaries: Sequence[DataSummary]) -> str:
    """Return the page of what was read for one task.

    Args:
        summaries: of its data, more than one where variants read different ones.
    """
    blocks = ["# What was read", "Check that each column or folder became what you meant it to be."]
    for summary in summaries:
        blocks += [f"## {_literal(summary.name)}", bullets(map(_literal, facts(summary)))]
        blocks += [_table(reading_lines(summary.readings))] if summary.readings else []
        blocks += _split(summary)
        notes = [_literal(pathless(note)) for note in dict.fromkeys(summary.notes)]
        blocks += ["### Notes", bullets(notes)] if notes else []
    return "\n\n".join(blocks) + "\n"


def text(summary: DataSummary) -> str:
    """Return the same for a terminal."""
    from pandas import DataFrame

    tables = [reading_lines(summary.readings), part_lines(summary)]
    shown = [
        DataFrame(list(lines))
        .fillna("")
        .to_markdown(index=False, tablefmt="simple", disable_numparse=True)
        for lines in tables
        if lines
    ]
    notes = [f"Note: {pathless(note)}" for note in dict.fromkeys(summary.notes)]
    return "\n\n".join(
        ["\n".join([summary.name, *facts(summary)]), *shown, *(["\n".join(notes)] if notes else [])]
    )


def facts(summary: DataSummary) -> list[str]:
    """Return what holds of the whole: where it comes from, its size and hash, and what is not used."""
    unused = [r for r in summary.readings if r.became.startswith(NOT_USED)]
    named = [f"{r.name} ({r.reason})" for r in unused[:MAX_NAMES]]
    more = [f"{len(unused) - MAX_NAMES} more"] * (len(unused) > MAX_NAMES)
    classes = f", {plural(len(summary.classes), 'class').replace('classs', 'classes')}"
    return [
        f"{pathless(summary.origin)}; hash {summary.digest}",
        f"{plural(summary.samples, 'sample')}{classes if summary.classes else ''}",
        *([f"not used: {listed([*named, *more])}"] if unused else []),
    ]


def reading_lines(readings: Sequence[Reading]) -> list[Line]:
    """Return what each column or folder became, many of them grouped by that."""
    if len(readings) <= MAX_READINGS:
        return [{"what": r.name, "became": r.became, "why": r.reason} for r in readings]
    order = {became: i for i, became in enumerate(dict.fromkeys(r.became for r in readings))}
    ranked = sorted(readings, key=lambda r: order[r.became])
    groups = [list(group) for _, group in groupby(ranked, key=lambda r: r.became)]
    return [
        {
            "what": _first([r.name for r in group]),
            "became": group[0].became
            if len(group) == 1
            else f"{group[0].became}, {len(group)} times",
            "why": _first(list(dict.fromkeys(r.reason for r in group)), 3),
        }
        for group in groups
    ]


def part_lines(summary: DataSummary) -> list[Line]:
    """Return what each part of the split holds: samples, groups, and samples of each class."""
    parts = summary.parts
    if not parts:
        return []

    def line(title: str, values: Iterable[object]) -> Line:
        names = (PART_NAMES.get(name, name) for name in parts)
        return {"": title, **{name: str(v) for name, v in zip(names, values, strict=True)}}

    counts = [part.classes for part in parts.values()]
    lines = [line("samples", (part.samples for part in parts.values()))]
    if any(part.groups is not None for part in parts.values()):
        lines.append(line("groups that stay together", (part.groups for part in parts.values())))
    if len(summary.classes) > MAX_CLASSES:
        return [*lines, line("samples of a class", (f"{min(c)} to {max(c)}" for c in counts))]
    return lines + [
        line(f"class {name}", (c[k] for c in counts)) for k, name in enumerate(summary.classes)
    ]


def _split(summary: DataSummary) -> list[str]:
    lines = part_lines(summary)
    return ["### Parts, as seed 0 splits it", _table(lines)] if lines else []


def _table(lines: Sequence[Line]) -> str:
    return markdown([{_literal(k): _literal(v) for k, v in line.items()} for line in lines])


def _first(names: Sequence[str], count: int = MAX_NAMES) -> str:
    shown = "; ".join(name or NOTHING for name in names[:count])
    return shown if len(names) <= count else f"{shown}; and {len(names) - count} more"


def _literal(content: str) -> str:
    r"""Return text that Markdown shows as it is; the bars of a table's cells are escaped where that is made.

    >>> print(_literal("<b>a_b*c\n[d]"))
    &lt;b&gt;a\_b\*c \[d\]
    """
    plain = escape(" ".join(content.split()), quote=False)
    return "".join(f"\\{c}" if c in "\\`*_[]#~" else c for c in plain)
