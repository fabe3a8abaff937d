"""Networks, data and versions behind a page, each once for all variants and comparisons that share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from paribus.analysis.results import Result, Row
from paribus.data.dataset import PARTS
from paribus.report import declarations
from paribus.report.formatting import NOTHING, listed, pathless, plural, setting, span
from paribus.report.settings_tables import parameters
from paribus.report.tables import Line
from paribus.runs.run import RunResult
from paribus.spec import digest

T = TypeVar("T")

MAX_CLASSES = 12  # names of classes that are shown
PUNCTUATION = ".,;:()"


def distinct(result: Result, rows: Iterable[Row]) -> dict[str, Row]:
    """Return one row for each distinct set of runs, by the levels that made the runs, without those of the score."""
    factors = result.comparison.factors
    trained = [not all(p.startswith("metric.") for p in factor.paths) for factor in factors]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(run.key for run in row.runs), []).append(row)
    named = {}
    for row, *others in groups.values():
        levels = [v for v, kept in zip(row.variant.levels, trained, strict=True) if kept]
        named[" × ".join(levels) if others and levels else row.variant.name] = row
    return named


def by_content(results: Sequence[Result], describe: Callable[[Row], T]) -> list[tuple[str, T]]:
    """Describe the distinct rows of results, each description once with the names of all that share it."""
    groups: list[tuple[T, dict[str, list[str]]]] = []
    everything: dict[str, list[str]] = {}
    for result in results:
        for variant, row in distinct(result, [row for row in result.rows if row.present]).items():
            content = describe(row)
            shared = next((names for known, names in groups if known == content), None)
            if shared is None:
                shared = {}
                groups.append((content, shared))
            for names in (shared, everything):
                of = names.setdefault(result.comparison.name, [])
                of += [variant] * (variant not in of)
    return [(_sharing(shared, everything), content) for content, shared in groups]


def _sharing(shared: Mapping[str, Sequence[str]], everything: Mapping[str, Sequence[str]]) -> str:
    """Name variants, by comparison where there are several; all of one are named by it."""
    if len(everything) == 1:
        return listed(next(iter(shared.values())))
    return "; ".join(
        name if len(variants) == len(everything[name]) else f"{name}: {listed(variants)}"
        for name, variants in shared.items()
    )


def network_lines(row: Row) -> list[Line]:
    """Return layers in the order in which they are called, with what each makes of a sample, and the total."""
    layers = row.present[0].layers if row.present else []
    if not layers:
        return []
    lines = [
        {
            "layer": line["layer"],
            "output of a sample": NOTHING if line["output"] is None else _shape(line["output"]),
            "weights": ", ".join(f"{n} {_shape(s)}" for n, s in line["weights"].items()),
            "parameters": _trained(line["parameters"], len(line["weights"])),
        }
        for line in layers
    ]
    total = f"{sum(line['parameters'] for line in layers):,}"
    return [*lines, {"layer": "total", "parameters": total}]


def _trained(count: int, weights: int) -> str:
    """Format how many of a layer's numbers are trained; weights of which none is are frozen."""
    return "frozen" if weights and not count else f"{count:,}"


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "1"


def networks(results: Sequence[Result]) -> list[tuple[str, list[Line], str]]:
    """Return names of variants, layers and number of parameters of each distinct network."""
    described = by_content(results, lambda row: (network_lines(row), parameters(row)))
    return [(names, lines, total) for names, (lines, total) in described if lines]


def data_lines(results: Sequence[Result]) -> list[Line]:
    """Return what was read and how many samples each part has, a line for all variants that agree."""
    described = by_content(results, lambda row: _data_line(row.present))
    several = len(described) > 1
    return [{**({"of": names} if several else {}), **line} for names, line in described]


def _data_line(records: Sequence[RunResult]) -> Line:
    digests = list(dict.fromkeys(str(record.data.get("digest", "")) for record in records))
    further = f" and {len(digests) - 1} more, one a seed" if len(digests) > 1 else ""
    first = records[0].data
    classes = first.get("classes")
    return {
        "data": pathless(str(first.get("name", ""))),
        "origin": pathless(str(first.get("origin", ""))),
        "hash": f"{digests[0]}{further}",
        **{"training" if part == "train" else part: _counts(records, part) for part in PARTS},
        "classes": _first_names(classes) if isinstance(classes, list) and classes else "none",
    }


def _counts(records: Sequence[RunResult], part: str) -> str:
    counts = [n for r in records if isinstance(n := r.data.get(part), int)]
    return span(counts) if counts else NOTHING


def _first_names(names: Sequence[object]) -> str:
    shown = ", ".join(map(str, names[:MAX_CLASSES]))
    return shown if len(names) <= MAX_CLASSES else f"{shown} and {len(names) - MAX_CLASSES} more"


def data_notes(results: Sequence[Result]) -> list[str]:
    """Return every remark on the data once, with the variants that it holds for where that is not all of them."""
    described = by_content(results, lambda row: tuple(merged(r.notes for r in row.present)))
    order = dict.fromkeys(note for _, notes in described for note in notes)
    holders = {note: [names for names, notes in described if note in notes] for note in order}
    return [
        note if len(names) == len(described) else f"{'; '.join(names)}: {note}"
        for note, names in holders.items()
    ]


def merged(notes_of_runs: Iterable[Sequence[str]]) -> list[str]:
    """Merge remarks of several runs: those that differ in numbers alone are one.

    >>> merged([["3 of 9 filled"], ["5 of 9 filled"]])
    ['3 to 5 of 9 filled (differs by seed)']
    """
    runs = list(notes_of_runs)
    alike: dict[tuple[str, ...], list[list[str]]] = {}
    for words in (pathless(note).split(" ") for notes in runs for note in notes):
        pattern = tuple("" if _number(word) is not None else word for word in words)
        alike.setdefault(pattern, []).append(words)
    return [_merge(notes, len(runs)) for notes in alike.values()]


def _number(word: str) -> float | None:
    """Return the number that a word is, punctuation aside, or None."""
    try:
        return float(word.strip(PUNCTUATION))
    except ValueError:
        return None


def _merge(notes: Sequence[Sequence[str]], runs: int) -> str:
    """Merge remarks of the same words, with the number of seeds where not all have one."""
    seldom = f" ({len(notes)} of {runs} seeds)" if len(notes) < runs else ""
    words = [_merged_word(column) for column in zip(*notes, strict=True)]
    differs = " (differs by seed)" if any(list(note) != list(notes[0]) for note in notes) else ""
    return f"{' '.join(words)}{differs}{seldom}"


def _merged_word(words: Sequence[str]) -> str:
    """Return the word that all remarks have at one place, or the range of its numbers."""
    if len(set(words)) == 1:
        return words[0]
    bare = words[0].strip(PUNCTUATION)
    return words[0].replace(bare, span(n for word in words if (n := _number(word)) is not None))


def provenance(result: Result) -> list[tuple[str, str]]:
    """Return runs with the digest of their keys, versions, device, threads and commit, counted where runs differ."""
    records = [record for row in distinct(result, result.rows).values() for record in row.present]
    keys = sorted({r.key for row in result.rows for r in (*row.present, *row.tried)})
    if not keys:
        return []
    tallies: dict[str, Counter[str]] = {}
    for record in records:
        for name, value in _origin(record).items():
            tallies.setdefault(name, Counter())[value] += 1
    trials = ", trials included" if result.arm == "tuned" else ""
    runs = f"{len(keys)}{trials}, digest of their keys `{digest(keys)}`"
    rest = [(name, _tally(tally)) for name, tally in sorted(tallies.items())]
    return [("declaration", declarations.told(result.seal())), ("runs", runs), *rest]


def _origin(record: RunResult) -> dict[str, str]:
    origin = {name: setting(value) for name, value in record.provenance.items()}
    dirty = origin.pop("dirty", "no") == "yes"
    if "commit" in origin and dirty:
        origin["commit"] += ", with uncommitted changes"
    return origin


def _tally(tally: Counter[str]) -> str:
    if len(tally) == 1:
        return next(iter(tally))
    return ", ".join(f"{value} ({plural(count, 'run')})" for value, count in sorted(tally.items()))
