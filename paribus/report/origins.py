"""What a page says of its data and of where its numbers come from, read from the records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from paribus.analysis.results import Result
from paribus.data.dataset import PARTS
from paribus.report.formatting import NOTHING, listed, span
from paribus.report.provenance_tables import distinct
from paribus.report.tables import Line
from paribus.report.text import pathless, setting
from paribus.runs.run import RunResult

NUMBER = re.compile(r"\d+(?:\.\d+)?")


def data_lines(result: Result) -> list[Line]:
    """What was read and how many samples each part has, a line for all variants that agree."""
    lines: list[tuple[list[str], Line]] = []
    for name, row in distinct(result, [row for row in result.rows if row.known]).items():
        line = _data_line(row.known)
        same = next((names for names, known in lines if known == line), None)
        if same is None:
            lines.append(([name], line))
        else:
            same.append(name)
    several = len(lines) > 1
    return [{**({"variants": listed(names)} if several else {}), **line} for names, line in lines]


def _data_line(records: Sequence[RunResult]) -> Line:
    digests = list(dict.fromkeys(str(record.data.get("digest", "")) for record in records))
    shown = (
        f"{digests[0]} and {len(digests) - 1} more, one a seed" if len(digests) > 1 else digests[0]
    )
    first = records[0].data
    classes = first.get("classes")
    return {
        "data": pathless(str(first.get("name", ""))),
        "origin": pathless(str(first.get("origin", ""))),
        "hash": shown,
        **{_spoken(part): _counts(records, part) for part in PARTS},
        "classes": _some(classes) if isinstance(classes, list) and classes else "none",
    }


def _counts(records: Sequence[RunResult], part: str) -> str:
    counts = [n for r in records if isinstance(n := r.data.get(part), int)]
    return span(counts) if counts else NOTHING


def _spoken(part: str) -> str:
    return "training" if part == "train" else part


def _some(names: Sequence[object], most: int = 12) -> str:
    """The first few names, and how many there are where that is not all."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def notes(result: Result) -> list[str]:
    """Every remark on the data, once, with the variants that it holds for where it is not all of them."""
    rows = distinct(result, [row for row in result.rows if row.known])
    told = {name: merged(record.notes for record in row.known) for name, row in rows.items()}
    order = dict.fromkeys(note for found in told.values() for note in found)
    return [
        _whose(note, [n for n, found in told.items() if note in found], len(told)) for note in order
    ]


def _whose(note: str, names: Sequence[str], rows: int) -> str:
    return note if len(names) == rows else f"{listed(names)}: {note}"


def merged(notes_of_runs: Iterable[Sequence[str]]) -> list[str]:
    """Remarks of several runs, those that differ in numbers alone as one.

    >>> merged([["3 of 9 filled"], ["5 of 9 filled"]])
    ['3 to 5 of 9 filled (differs by seed)']
    """
    runs = list(notes_of_runs)
    alike: dict[str, list[str]] = {}
    for note in (pathless(note) for found in runs for note in found):
        alike.setdefault(NUMBER.sub("#", note), []).append(note)
    return [_merge(texts, sum(map(len, runs)) and len(runs)) for texts in alike.values()]


def _merge(texts: Sequence[str], runs: int) -> str:
    """One remark for texts that differ in numbers alone, said how often where a seed lacks it."""
    seldom = f" ({len(texts)} of {runs} seeds)" if len(texts) < runs else ""
    if len(set(texts)) == 1:
        return f"{texts[0]}{seldom}"
    columns = iter(zip(*(map(float, NUMBER.findall(text)) for text in texts), strict=True))
    return f"{NUMBER.sub(lambda _: span(next(columns)), texts[0])} (differs by seed){seldom}"


def provenance_lines(result: Result) -> list[Line]:
    """Versions, device, threads and commit over all runs, with how many runs each value has where they differ."""
    records = [record for row in distinct(result, result.rows).values() for record in row.known]
    tallies: dict[str, Counter[str]] = {}
    for record in records:
        for name, value in _origin(record).items():
            tallies.setdefault(name, Counter())[value] += 1
    return [{"": name, "value": _tally(tally)} for name, tally in sorted(tallies.items())]


def _origin(record: RunResult) -> dict[str, str]:
    origin = {name: setting(value) for name, value in record.provenance.items()}
    dirty = origin.pop("dirty", "no") == "yes"
    if "commit" in origin and dirty:
        origin["commit"] += ", with uncommitted changes"
    return origin


def _tally(tally: Counter[str]) -> str:
    if len(tally) == 1:
        return next(iter(tally))
    return ", ".join(
        f"{value} ({count} run{'s' * (count > 1)})" for value, count in sorted(tally.items())
    )
