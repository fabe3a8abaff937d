"""What a page says of the comparison's control, its network and its data: all of it read from recipes and records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from paribus.comparison import within
from paribus.report.numbers import NOTHING, listed, span
from paribus.report.tables import Line
from paribus.report.text import pathless, setting
from paribus.results import Result, Row
from paribus.run import Record
from paribus.spec import plain

NUMBER = re.compile(r"\d+(?:\.\d+)?")
PARAMETER = re.compile(r"(?P<layer>.+?\d+)\.(?P<name>[\w.]+)\((?P<shape>[\d, ]*)\)")
PARTS = ("train", "validation", "test")


def varied_lines(result: Result) -> list[Line]:
    """What stands at each varied path, a line a variant, with the number of parameters."""
    control = _in_order(result)
    return [
        {
            "variant": row.variant.name,
            **{path: _level(values, row, result) for path, values in control.items()},
            "parameters": parameters(row),
        }
        for row in result.rows
    ]


def _in_order(result: Result) -> dict[str, Mapping[str, object]]:
    """The varied paths as the factors declare them, what is called before how it is set."""
    varied = result.control.varied

    def place(path: str) -> tuple[int, bool, str]:
        of = [
            i for i, f in enumerate(result.comparison.paths) if within(path, f) or within(f, path)
        ]
        return (of[0] if of else len(varied), not path.endswith(".target"), path)

    return {path.removesuffix(".target"): varied[path] for path in sorted(varied, key=place)}


def _level(values: Mapping[str, object], row: Row, result: Result) -> str:
    value = values.get(row.variant.name, values[result.baseline.variant.name])
    return "not set" if value == "(absent)" else setting(value)


def parameters(row: Row) -> str:
    """How many numbers the variant trains."""
    counts = sorted({record.parameters for record in row.known})
    return " to ".join(f"{n:,}" for n in counts) or NOTHING


def held_lines(result: Result) -> list[Line]:
    """Every setting of the task, the recipe and the score that no variant changes."""
    base = result.baseline.variant
    settings = [
        (path, value)
        for root in ("task", "recipe", "metric")
        for path, value in _leaves(plain(getattr(base, root)), root)
        if not any(within(path, unused) for unused in _unused(result))
    ]
    varied = result.control.varied
    return [
        {
            "setting": path,
            "value": PurePath(str(value)).name if path == "task.path" else setting(value),
        }
        for path, value in settings
        if not any(within(path, v) or within(v, path) for v in varied)
    ]


def _unused(result: Result) -> tuple[str, ...]:
    """Settings that did not matter: a file stood in for the embedded data or it did not, no score was put in place."""
    task = result.comparison.task
    reading = ("task.source",) if task.from_file else ("task.reader", "task.path", "task.target")
    return (*reading, *(("metric",) if result.comparison.metric is None else ()))


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Dotted paths of plain data as people write them, a callable without settings of its own being one leaf."""
    if isinstance(value, dict) and value.keys() == {"target", "kwargs"}:
        yield path, value["target"]
        for name, item in value["kwargs"].items():
            yield f"{path}.{name}", item
    elif isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}")
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{path}.{item.get('name', i)}")
    else:
        yield path, value


def groups(rows: Iterable[Row]) -> dict[tuple[str, ...], list[Row]]:
    """Rows by the runs that they share, in order."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(run.key for run in row.runs), []).append(row)
    return found


def distinct(result: Result, rows: Iterable[Row]) -> dict[str, Row]:
    """One row for each distinct set of runs, by the levels that made the runs: a score's own level is left out."""
    trained = [not path.startswith("metric.") for path in result.comparison.paths]
    named = {}
    for row, *others in groups(rows).values():
        levels = [v for v, kept in zip(row.variant.levels, trained, strict=True) if kept]
        named[" × ".join(levels) if others and levels else row.variant.name] = row
    return named


def network_lines(row: Row) -> list[Line]:
    """Layers with weights of their own, in order of definition, from the hashes of their initial weights."""
    shapes = row.known[0].hashes.get("init") if row.known else None
    layers: dict[str, dict[str, tuple[int, ...]]] = {}
    for found in filter(None, map(PARAMETER.match, shapes if isinstance(shapes, dict) else {})):
        sizes = tuple(int(n) for n in found["shape"].split(",") if n.strip())
        layers.setdefault(found["layer"], {})[found["name"]] = sizes
    return [
        {
            "layer": layer,
            "weights": ", ".join(f"{name} {_shape(shape)}" for name, shape in named.items()),
            "numbers": f"{sum(map(_size, named.values())):,}",
        }
        for layer, named in layers.items()
    ]


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "1"


def _size(shape: Sequence[int]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def networks(result: Result) -> list[tuple[list[str], list[Line], str]]:
    """Names of variants, layers and total of each distinct network."""
    found: list[tuple[list[str], list[Line], str]] = []
    for name, row in distinct(result, [row for row in result.rows if row.known]).items():
        lines, total = network_lines(row), parameters(row)
        same = next((entry for entry in found if entry[1:] == (lines, total)), None)
        if same is None:
            found.append(([name], lines, total))
        else:
            same[0].append(name)
    return found


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


def _data_line(records: Sequence[Record]) -> Line:
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


def _counts(records: Sequence[Record], part: str) -> str:
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


def _origin(record: Record) -> dict[str, str]:
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
