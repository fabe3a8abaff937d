"""Save what can still be read of a damaged store to a new one; the damaged one stays as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from paribus.errors import ParibusError
from paribus.runs.records import DamagedError, checksum, refuse_row
from paribus.runs.store import Store
from paribus.runs.store_file import BROKEN, CHECKSUMS, columns, refuse_damaged, translated

READ_SECONDS = 10


class Salvaged(NamedTuple):
    """Counts of a store that was saved.

    Attributes:
        kept: rows by table.
        lost: rows that were there and could not be read, by table; pages that cannot be read may have held more.
    """

    kept: dict[str, int]
    lost: dict[str, int]


def salvage(damaged: Path, into: Path) -> Salvaged:
    """Copy every whole row of a store to a new one.

    Args:
        damaged: the file.
        into: a file that is not there yet.

    Raises:
        ParibusError: there is no such file, it holds no table of runs that can be read, or the new one is there.
    """
    if into.exists() or not damaged.is_file():
        raise ParibusError(
            "files of paribus salvage",
            got=f"nothing at {damaged}" if not damaged.is_file() else f"{into}, which is there",
            expected="a damaged store, and a path for a new one where nothing is yet",
            fix="Check both paths.",
        )
    with closing(_read_only(damaged)) as old:
        tables = _tables(old, damaged)
        with Store(into) as new, translated(into):
            own = columns(new._db)
            found = {name: _Rows(old, name, own[name]) for name in own if name in tables}
            crcs: dict[str, int] = dict(found.get(CHECKSUMS, ()))
            kept, lost = dict.fromkeys(found, 0), dict.fromkeys(found, 0)
            named = _keys_by_index(old) if "predictions" in found else set()
            with new._db:
                for name, rows in found.items():
                    if name == CHECKSUMS:
                        continue
                    for row in rows:
                        whole = _is_whole(name, row, crcs) and _inserted(new._db, name, row)
                        (kept if whole else lost)[name] += 1
                        if name == "predictions":
                            named.add(row[0])
                        if whole and name == "runs":
                            _inserted(new._db, CHECKSUMS, (row[0], checksum(row[4])))
                    lost[name] += rows.unread
                halves = _without_halves(new._db, named) if "predictions" in found else 0
                kept["runs"] -= halves
                lost["runs"] += halves
            refuse_damaged(new._db, into)
    return Salvaged(
        {name: n for name, n in kept.items() if n}, {name: n for name, n in lost.items() if n}
    )


def _keys_by_index(db: sqlite3.Connection) -> set[Any]:
    """Return the keys of predictions that their index knows, which may be whole where the rows are not."""
    keys = set[Any]()
    with suppress(*BROKEN):
        for (key,) in db.execute("select key from predictions order by key"):
            keys.add(key)
    return keys


def _without_halves(db: sqlite3.Connection, named: set[Any]) -> int:
    """Remove runs whose predictions are lost, so that they are trained again; returns how many there were."""
    there = {key for (key,) in db.execute("select key from predictions")}
    rows = [(key,) for key in named - there]
    db.executemany(f"delete from {CHECKSUMS} where key = ?", rows)  # noqa: S608 - ours
    return max(0, db.executemany("delete from runs where key = ?", rows).rowcount)


def _read_only(path: Path) -> sqlite3.Connection:
    with translated(path):
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=READ_SECONDS)
    db.text_factory = lambda text: text.decode(errors="surrogateescape")
    return db


def _tables(db: sqlite3.Connection, path: Path) -> set[str]:
    try:
        found = columns(db)
    except BROKEN as error:
        found, said = {}, f" ({error})"
    else:
        said = ""
    if "record" not in found.get("runs", ()):
        raise ParibusError(
            "the store to be saved",
            got=f"{path}, in which no table of runs can be found{said}",
            expected="a store that paribus made, of which a part can be read",
            fix="Restore it from a copy, or train again with another --paribus-store.",
        )
    return {*found}


class _Rows:
    """Rows of a table that can be read, in their order, from both ends and by the index where pages are broken.

    Attributes:
        unread: how many numbers of rows the index knows whose row could not be read, after all were asked for.
    """

    def __init__(self, db: sqlite3.Connection, table: str, names: list[str]) -> None:
        self.db, self.table, self.names, self.unread = db, table, ", ".join(names), 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        numbers = {*self._numbers("order by rowid"), *self._numbers("order by rowid desc")}
        with suppress(*BROKEN):
            numbers |= {*self._numbers(f"indexed by sqlite_autoindex_{self.table}_1")}
        for number in sorted(numbers):
            query = f"select {self.names} from {self.table} where rowid = ?"  # noqa: S608 - ours
            try:
                row = self.db.execute(query, (number,)).fetchone()
            except BROKEN:
                row = None
            if row is None:
                self.unread += 1
            else:
                yield row

    def _numbers(self, how: str) -> Iterator[int]:
        """Yield numbers of rows until a page cannot be read."""
        with suppress(*BROKEN):
            for (number,) in self.db.execute(f"select rowid from {self.table} {how}"):  # noqa: S608 - ours
                yield number


def _is_whole(table: str, row: tuple[Any, ...], crcs: dict[str, int]) -> bool:
    """Return whether a row is what was written, as far as it can be told."""
    try:
        if any(isinstance(x, str) and not x.isascii() and _broken(x) for x in row):
            return False
        refuse_row(table, row, crcs.get(row[0]) if table == "runs" else None)
    except DamagedError:
        return False
    return True


def _broken(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def _inserted(db: sqlite3.Connection, table: str, row: tuple[Any, ...]) -> bool:
    """Insert a row, unless it has no value where there must be one; return whether it has."""
    marks = ", ".join("?" * len(row))
    try:
        db.execute(f"insert or replace into {table} values ({marks})", row)  # noqa: S608 - ours
    except sqlite3.IntegrityError:
        return False
    return True
