"""What a killed command left: runs of its store, pages without what is truly a time, and when trainings began."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from paribus.errors import ParibusError
from paribus.runs.records import record_of
from paribus.runs.store_file import opened_to_read

TIMES = re.compile(r"seconds|\bstep, µs|\bstep,? ratio")
"""Headers of columns whose numbers are times."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
ROUNDING = 1e-4
"""Relative difference of numbers of stacks of other sizes, in float32 after the training of a soak."""


class Kept(NamedTuple):
    """Runs that a store holds, by their keys: when each was committed; and how many step times it holds."""

    runs: dict[str, str]
    timings: int


def kept_in(store: Path) -> Kept:
    """Return what a store holds; nothing is written to it, so that the next command meets what the killed one left.

    Raises:
        ParibusError: it is damaged.
        DamagedError: a record is.
    """
    try:
        with opened_to_read(store) as db:
            assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
            query = "select key, created, record, crc from runs left join checksums using (key)"
            rows = db.execute(query).fetchall()
            (timings,) = db.execute("select count(*) from timings").fetchone()
    except ParibusError as error:
        if "is not there" in error.got or "there is nothing" in error.got:
            return Kept({}, 0)  # killed before the first commit
        raise
    for key, _, record, crc in rows:
        record_of(key, record, crc)
    return Kept({key: created for key, created, *_ in rows}, timings)


def begun(witness: Path, since: float) -> list[tuple[str, str]]:
    """Return when the training of which run began, by the lines of a witness, since a time in seconds since 1970."""
    if not witness.exists():
        return []
    lines = [(when, key) for when, key in map(str.split, witness.read_text().splitlines())]
    return [line for line in lines if datetime.fromisoformat(line[0]).timestamp() > since]


def trained_again(begins: Iterable[tuple[str, str]], committed: Mapping[str, str]) -> list[str]:
    """Return the keys of runs whose training began after they were committed.

    >>> trained_again([("12:00", "a"), ("12:01", "a"), ("12:05", "a")], {"a": "12:02"})
    ['a']
    """
    return [key for when, key in begins if key in committed and when > committed[key]]


def pages_of(out: Path) -> dict[str, Any]:
    """Return the files of a folder of pages, without those of its store and without times."""
    return {
        path.name: _timeless(path)
        for path in sorted(out.iterdir())
        if not path.name.startswith("runs.sqlite")
    }


def _timeless(path: Path) -> Any:
    if path.suffix == ".md":
        return "\n".join(without_times(path.read_text(encoding="utf-8").splitlines()))
    if path.suffix == ".csv":
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        return [{k: v for k, v in row.items() if not TIMES.search(k)} for row in rows]
    if path.suffix == ".json":
        return _without(json.loads(path.read_text(encoding="utf-8")), ("step_seconds", "timed"))
    return path.read_bytes()


def without_times(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a page with their moments and the columns of times of their tables left out.

    >>> [*without_times(["| a | seconds |", "| 1 | 2.5 |", "", "sealed on 2026-01-02 03:04 UTC"])]
    ['| a |', '| 1 |', '', 'sealed on MOMENT']
    """
    times: set[int] | None = None
    for line in lines:
        if not line.startswith("|"):
            times = None
            yield MOMENT.sub("MOMENT", line)
            continue
        cells = line.strip("|").split("|")
        if times is None:
            times = {i for i, cell in enumerate(cells) if TIMES.search(cell)}
        kept = [cell for i, cell in enumerate(cells) if i not in times]
        yield MOMENT.sub("MOMENT", f"|{'|'.join(kept)}|")


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {k: _without(v, names) for k, v in value.items() if k not in names}
    return [_without(each, names) for each in value] if isinstance(value, list) else value


def differences(expected: Mapping[str, Any], found: Mapping[str, Any], *, exact: bool) -> list[str]:
    """Return the names of the pages that are not those expected.

    Args:
        expected: of `pages_of`.
        found: of the same.
        exact: whether to the bit; otherwise numbers in data may differ by rounding, hashes of weights and figures by
            what follows from that.
    """
    names = sorted(expected.keys() | found.keys())
    same = _equal if exact else _alike
    return [name for name in names if not same(expected.get(name), found.get(name))]


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other)


def _alike(one: Any, other: Any) -> bool:
    """Return whether two pages tell the same, but for rounding."""
    if isinstance(one, bytes) and isinstance(other, bytes):
        return True  # figures, of whose pixels a few may differ
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one == other or _close(one, other)


def _close(one: object, other: object) -> bool:
    try:
        a, b = float(str(one)), float(str(other))
    except ValueError:
        return False
    return math.isclose(a, b, rel_tol=ROUNDING, abs_tol=ROUNDING)
