"""What a page says of a comparison's control and networks: all of it read from recipes and records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from paribus.analysis.results import Result, Row
from paribus.experiment.variant import within
from paribus.report.formatting import NOTHING
from paribus.report.tables import Line
from paribus.report.text import setting
from paribus.runs.run import RunResult
from paribus.spec import lookup, to_plain

PARAMETER = re.compile(r"(?P<layer>.+?\d+)\.(?P<name>[\w.]+)\((?P<shape>[\d, ]*)\)")


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
    """The varied paths as the factors declare them, what is called before how it is set.

    Where a whole stands at a path in one variant and nothing in another, its parts have no columns of their own.
    """
    varied = result.control.varied
    inner = {p: [other for other in varied if other != p and within(other, p)] for p in varied}

    def place(path: str) -> tuple[int, bool, str]:
        of = [
            i for i, f in enumerate(result.comparison.paths) if within(path, f) or within(f, path)
        ]
        return (of[0] if of else len(varied), not path.endswith(".target"), path)

    outer = sorted(varied.keys() - {p for parts in inner.values() for p in parts}, key=place)
    return {
        path.removesuffix(".target"): _whole(path, result) if inner[path] else varied[path]
        for path in outer
    }


def _whole(path: str, result: Result) -> Mapping[str, object]:
    """What stands at a path in each variant, parts and all."""
    return {row.variant.name: to_plain(lookup(row.variant, path)) for row in result.rows}


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
        for path, value in _leaves(to_plain(getattr(base, root)), root)
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
    factors = result.comparison.factors
    trained = [not all(p.startswith("metric.") for p in factor.paths) for factor in factors]
    named = {}
    for row, *others in groups(rows).values():
        levels = [v for v, kept in zip(row.variant.levels, trained, strict=True) if kept]
        named[" × ".join(levels) if others and levels else row.variant.name] = row
    return named


def network_lines(row: Row) -> list[Line]:
    """Layers in the order in which they are called, with what each makes of a sample, and the total."""
    layers = row.known[0].layers if row.known else []
    if not layers:
        return []
    weights = _weights(row.known[0])
    lines = [
        {
            "layer": line["layer"],
            "output of a sample": NOTHING if line["output"] is None else _shape(line["output"]),
            "weights": ", ".join(f"{n} {_shape(s)}" for n, s in weights.get(line["layer"], ())),
            "parameters": _trained(line["parameters"], len(weights.get(line["layer"], ()))),
        }
        for line in layers
    ]
    total = f"{sum(line['parameters'] for line in layers):,}"
    return [*lines, {"layer": "total", "parameters": total}]


def _trained(parameters: int, weights: int) -> str:
    """How many of a layer's numbers are trained; weights of which none is are frozen."""
    return "frozen" if weights and not parameters else f"{parameters:,}"


def _weights(record: RunResult) -> dict[str, list[tuple[str, list[int]]]]:
    """Names and shapes of each layer's weights, from the hashes of their initial values."""
    named = record.hashes.get("init")
    found: dict[str, list[tuple[str, list[int]]]] = {}
    for match in filter(None, map(PARAMETER.match, named if isinstance(named, dict) else {})):
        shape = [int(n) for n in match["shape"].split(",") if n.strip()]
        found.setdefault(match["layer"], []).append((match["name"], shape))
    return found


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "1"


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
