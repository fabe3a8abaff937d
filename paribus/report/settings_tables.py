"""Tables of settings: what varied, what was held equal, and rows that several results of a page share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from paribus.analysis.results import Result, Row
from paribus.experiment.variant import within
from paribus.report.formatting import NOTHING, setting
from paribus.report.tables import Line
from paribus.spec import lookup, to_plain


def result_names(results: Sequence[Result]) -> list[str]:
    """Name results by what differs between them: comparison, device, arm."""
    parts = [(r.comparison.name, r.device, r.arm) for r in results]
    differing = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    return [
        ", ".join(part for part, differs in zip(names, differing, strict=True) if differs)
        for names in parts
    ]


def shared_lines(
    results: Sequence[Result], rows: Callable[[Result], Iterable[tuple[str, str]]], title: str
) -> list[Line]:
    """Return rows of name and value, each once, with the results that it holds for where that is not all of them.

    Args:
        results: of a page.
        rows: of a result, each a name and a value.
        title: of the column of names.
    """
    holders: dict[tuple[str, str], list[str]] = {}
    for name, result in zip(result_names(results), results, strict=True):
        for row in dict.fromkeys(rows(result)):
            holders.setdefault(row, []).append(name)
    order = list(dict.fromkeys(name for name, _ in holders))
    some = any(len(names) < len(results) for names in holders.values())
    return [
        {title: name, "value": value, **({"of": _of(names, len(results))} if some else {})}
        for (name, value), names in sorted(
            holders.items(), key=lambda item: order.index(item[0][0])
        )
    ]


def _of(names: Sequence[str], count: int) -> str:
    return "" if len(names) == count else "; ".join(names)


def varied_lines(result: Result) -> list[Line]:
    """Return the value at each varied path, a line a variant, with the number of parameters."""
    varied = _in_order(result)
    return [
        {
            "variant": row.variant.name,
            **{path: _level(values, row, result) for path, values in varied.items()},
            "parameters": parameters(row),
        }
        for row in result.rows
    ]


def _in_order(result: Result) -> dict[str, Mapping[str, object]]:
    """Return the varied paths as the factors declare them, a call before its settings.

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
    """Return what stands at a path in each variant, parts and all."""
    return {row.variant.name: to_plain(lookup(row.variant, path)) for row in result.rows}


def _level(values: Mapping[str, object], row: Row, result: Result) -> str:
    value = values.get(row.variant.name, values[result.baseline.variant.name])
    return "not set" if value == "(absent)" else setting(value)


def parameters(row: Row) -> str:
    """Format how many numbers the variant trains."""
    counts = sorted({record.parameters for record in row.present})
    return " to ".join(f"{n:,}" for n in counts) or NOTHING


def held_settings(result: Result) -> list[tuple[str, str]]:
    """Return every setting of the task, the recipe and the score that no variant changes; those not set as one row."""
    base = result.baseline.variant
    settings = [
        (path, PurePath(str(value)).name if path == "task.path" else setting(value))
        for root in ("task", "recipe", "metric")
        for path, value in _leaves(to_plain(getattr(base, root)), root)
        if not any(within(path, unused) for unused in _unused(result))
        and not any(within(path, v) or within(v, path) for v in result.control.varied)
    ]
    unset = [path for path, value in settings if value == "none"]
    held = [(path, value) for path, value in settings if value != "none"]
    return [*held, *([("not set", ", ".join(unset))] if unset else [])]


def _unused(result: Result) -> tuple[str, ...]:
    """Return settings without effect: of the source that was not read, and of a score that was not declared."""
    task = result.comparison.task
    reading = ("task.source",) if task.from_file else ("task.reader", "task.path", "task.target")
    return (*reading, *(("metric",) if result.comparison.metric is None else ()))


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield dotted paths of plain data as people write them, a callable without settings of its own being one leaf."""
    if isinstance(value, dict) and value.keys() == {"target", "kwargs"}:
        yield path, value["target"]
        for name, item in value["kwargs"].items():
            yield f"{path}.{name}", item
    elif isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}")
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for i, item in enumerate(value):
            named = {name: part for name, part in item.items() if name != "name"}
            yield f"{path}.{item.get('name', i)}", named
    else:
        yield path, value
