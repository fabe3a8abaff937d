"""Merge stores of several machines into one; the stores that are merged are only read."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

from paribus.errors import ParibusError
from paribus.runs.records import (
    DamagedError,
    checksum,
    record_of,
    refuse_row,
    training_of,
    unpacked,
)
from paribus.runs.run import Predictions, RunResult
from paribus.runs.store import Store
from paribus.runs.store_file import (
    CHECKSUMS,
    columns,
    damaged,
    in_words,
    opened_to_read,
    read_ahead,
    translated,
)

NUMBERS = ("scores", "other_scores", "dummy", "standard_errors", "curves", "steps", "best_step")
"""What two trainings of one run agree in; their seconds and the machine may differ."""
SHOWN = 40  # letters of a number or curve that an error shows
CACHE_KILOBYTES = 1 << 18
"""Memory for pages of the store that is merged into: keys are in no order, and an index of a million has 80 MB."""
FIRST_STANDS = {"choices": 1, "frozen": 1, "timings": 3}
"""Tables in which the first store's row stands, and how many of their columns name a row."""


class Merged:
    """Counts of a merge, by table.

    Attributes:
        added: rows that were not there before.
        equal: rows that were there already, with the same values.
        other: rows that were there already with other values, which stand.
    """

    def __init__(self) -> None:
        self.added, self.equal, self.other = Counter[str](), Counter[str](), Counter[str]()


def merge(stores: Sequence[Path], into: Path) -> Merged:
    """Add all that several stores hold to a new or an existing one: everything, or nothing where one is refused.

    A run that is in several is kept once. A declaration counts as sealed, and a result as looked at, when it first was
    in any of them. Of choices of engines, frozen spaces and step times that differ, those stand that are in ``into``,
    or else in the first store.

    Raises:
        ParibusError: a run has other numbers in another store; or a file cannot be used.
    """
    _refuse_paths(stores, into)
    new = not into.exists()
    try:
        with Store(into) as store, translated(into):
            store._db.execute(f"pragma cache_size = -{CACHE_KILOBYTES}")
            if new:  # a log would hold all of it a second time
                store._db.execute("pragma journal_mode = delete")
            with store._db:
                store._db.execute("begin immediate")
                merging = _Merging(store._db, into)
                for path in dict.fromkeys(stores):
                    merging.take(path)
                merging.order()
            return merging.merged
    except BaseException:
        with suppress(OSError):  # what is raised says more
            if new:
                into.unlink()
        raise


def _refuse_paths(stores: Sequence[Path], into: Path) -> None:
    """Refuse a store that would be merged into itself."""
    for path in stores:
        if path.resolve() == into.resolve():
            raise ParibusError(
                "stores of paribus merge",
                got=f"{path} among them, and as --into",
                expected="other stores than the one that they are merged into",
                fix="Leave it out of the list: what --into holds stays in it.",
            )


class _Merging:
    """Merge in progress.

    Args:
        db: of the store that all is merged into, in a transaction.
        path: of that store.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self.db, self.merged, self._before = db, Merged(), [path]

    def take(self, path: Path) -> None:
        """Add all that a store holds."""
        with opened_to_read(path) as source:
            read_ahead(path)
            there = columns(source)
            crc = f"(select crc from {CHECKSUMS} as c where c.key = runs.key)"  # noqa: S608 - ours
            crc = crc if CHECKSUMS in there else "null"
            for *row, known in self._rows(source, path, f"select *, {crc} from runs"):  # noqa: S608 - ours
                self._run(tuple(row), known, path)
            for table, take in (
                ("predictions", self._predictions),
                ("looks", self._look),
                ("seals", self._seal),
            ):
                for row in self._table(source, path, table) if table in there else ():
                    take(row, path)
            for table, names in FIRST_STANDS.items():
                for row in self._table(source, path, table) if table in there else ():
                    self._first(table, row, names)
        self._before.append(path)

    def order(self) -> None:
        """Put looks and seals in the order of their times, in which they are read."""
        for table, time in (("looks", "first_seen"), ("seals", "sealed")):
            rows = self.db.execute(f"select * from {table} order by {time}, rowid").fetchall()  # noqa: S608 - ours
            self.db.execute(f"delete from {table}")  # noqa: S608 - ours
            for row in rows:
                self._insert(table, row)

    def _rows(self, source: sqlite3.Connection, path: Path, query: str) -> Iterator[Any]:
        with translated(path), closing(source.cursor()) as cursor:
            yield from cursor.execute(f"{query} order by rowid")

    def _table(self, source: sqlite3.Connection, path: Path, table: str) -> Iterator[Any]:
        """Yield the rows of a table, each after it was found to be whole."""
        for row in self._rows(source, path, f"select * from {table}"):  # noqa: S608 - ours
            _refuse(path, table, row)
            yield row

    def _insert(self, table: str, row: Sequence[Any]) -> None:
        marks = ", ".join("?" * len(row))
        self.db.execute(f"insert into {table} values ({marks})", row)  # noqa: S608 - ours

    def _held(self, table: str, names: Sequence[str], values: Sequence[Any]) -> Any:
        where = " and ".join(f"{name} = ?" for name in names)
        return self.db.execute(f"select * from {table} where {where}", values).fetchone()  # noqa: S608 - ours

    def _run(self, row: tuple[Any, ...], crc: int | None, path: Path) -> None:
        _refuse(path, "runs", row, crc)
        key, text = row[0], row[4]
        held = self._held("runs", ["key"], [key])
        if held is None:
            self._insert("runs", row)
            self._insert(CHECKSUMS, (key, checksum(text)))
            self.merged.added["runs"] += 1
            return
        if text != held[4]:
            differs = _difference(record_of(key, held[4], None), record_of(key, text, None))
            if differs:
                raise self._contradiction(row, path, differs)
        self.db.execute("update runs set created = min(created, ?) where key = ?", (row[5], key))
        self.merged.equal["runs"] += 1

    def _predictions(self, row: tuple[Any, ...], path: Path) -> None:
        held = self._held("predictions", ["key"], [row[0]])
        if held is None:
            self._insert("predictions", row)
        elif held[1] != row[1] and not _equal(unpacked(held[1]), unpacked(row[1])):
            run = self._held("runs", ["key"], [row[0]])
            raise self._contradiction(run, path, ("predictions", "some", "others"))
        (self.merged.added if held is None else self.merged.equal)["predictions"] += 1

    def _look(self, row: tuple[Any, ...], _path: Path) -> None:
        held = self._held("looks", ["comparison", "seeds"], row[:2])
        self.db.execute(
            "insert into looks values (?, ?, ?) on conflict do update "
            "set first_seen = min(first_seen, excluded.first_seen)",
            row,
        )
        (self.merged.added if held is None else self.merged.equal)["looks"] += 1

    def _seal(self, row: tuple[Any, ...], _path: Path) -> None:
        held = self._held("seals", ["place", "digest"], row[:2])
        self.db.execute(
            "insert into seals values (?, ?, ?, ?, ?) on conflict do update set "
            "sealed = min(sealed, excluded.sealed), "
            "seen = coalesce(min(seen, excluded.seen), seen, excluded.seen)",
            row,
        )
        (self.merged.added if held is None else self.merged.equal)["seals"] += 1

    def _first(self, table: str, row: tuple[Any, ...], names: int) -> None:
        held = self._held(table, columns(self.db)[table][:names], row[:names])
        if held is None:
            self._insert(table, row)
            self.merged.added[table] += 1
        else:
            (self.merged.equal if held == row else self.merged.other)[table] += 1

    def _contradiction(
        self, row: tuple[Any, ...], path: Path, differs: tuple[str, str, str]
    ) -> ParibusError:
        """Return the refusal of a run that another store holds with other numbers."""
        first = next(filter(lambda p: _holds(p, row[0]), self._before[1:]), self._before[0])
        name, held, found = differs
        return ParibusError(
            training_of(*row[:3]),
            got=f"{name} {held} in {first} and {found} in {path}",
            expected="the same numbers in every store",
            fix="Find out what differs between the machines that trained it, and leave one of these stores out.",
        )


def _refuse(path: Path, table: str, row: Sequence[Any], crc: int | None = None) -> None:
    """Refuse a store with a damaged row."""
    try:
        refuse_row(table, row, crc)
    except DamagedError as error:
        raise damaged(path, f"among its {in_words(table)}, {row[0]}: {error}") from error


def _difference(held: RunResult, found: RunResult) -> tuple[str, str, str] | None:
    """Return the name of the first number in which two results of one run differ, and both values; None of none."""
    for name, a, b in (
        ("outcome", held.outcome.value, found.outcome.value),
        *_numbers(held, found),
    ):
        if a != b:
            return name, shorten(a, SHOWN), shorten(b, SHOWN)
    return None


def _numbers(held: RunResult, found: RunResult) -> Iterator[tuple[str, str, str]]:
    """Yield each number's name, and its text in both results: equal texts are equal bits, not-a-number included."""
    for field in NUMBERS:
        a, b = getattr(held, field), getattr(found, field)
        if not isinstance(a, dict):
            yield field, str(a), str(b)
            continue
        for name in dict.fromkeys((*a, *b)):
            yield name, *(json.dumps(each.get(name), sort_keys=True) for each in (a, b))


def _equal(held: Predictions, found: Predictions) -> bool:
    return all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        for a, b in (
            (getattr(held, name), getattr(found, name)) for name in ("outputs", "target", "dummy")
        )
    )


def _holds(path: Path, key: str) -> bool:
    with opened_to_read(path) as source:
        return bool(source.execute("select 1 from runs where key = ?", (key,)).fetchone())
