"""Contents of a store: what it holds, and whether every row is what was written; the file is only read."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from paribus.runs.records import DamagedError, refuse_row, training_of
from paribus.runs.store_file import (
    CHECKSUMS,
    RETIRED,
    columns,
    opened_to_read,
    read_ahead,
    refuse_damaged,
    translated,
)

SHOWN = 5


class Contents(NamedTuple):
    """What a store holds.

    Attributes:
        size: of its file in bytes, without a log beside it.
        rows: how many, by table; of tables without any, none.
        days: on which the first and the last of its runs were kept; nothing of none.
        latest: the runs that were kept last, in words, the last one first.
    """

    size: int
    rows: dict[str, int]
    days: tuple[str, ...]
    latest: tuple[str, ...]


def contents(path: Path, shown: int = SHOWN) -> Contents:
    """Return what a store holds, and its last runs; no record of another run is read.

    Raises:
        ParibusError: there is no store, or its file cannot be used.
    """
    with opened_to_read(path) as db, translated(path):
        counts = {name: _count(db, name) for name in _shown_tables(db)}
        # Rows are numbered in the order in which runs were kept.
        ends = [
            str(created)[:10]
            for order in ("asc", "desc")
            for (created,) in db.execute(
                f"select created from runs order by rowid {order} limit 1"  # noqa: S608 - ours
            )
        ]
        query = "select key, identity, seed, outcome, created from runs order by rowid desc limit ?"
        latest = tuple(
            f"{training_of(key, identity, seed)}: {outcome}, {str(created)[:16].replace('T', ' ')}"
            for key, identity, seed, outcome, created in db.execute(query, (shown,))
        )
    rows = {name: count for name, count in counts.items() if count}
    return Contents(path.stat().st_size, rows, tuple(dict.fromkeys(ends)), latest)


def check(path: Path, step: Callable[[], object]) -> dict[str, int]:
    """Read all of a store; return how many rows of each table are not what was written.

    Args:
        path: of the file.
        step: called after each thousand rows.

    Raises:
        ParibusError: there is no store, or its pages do not make tables.
    """
    lost = Counter[str]()
    with opened_to_read(path) as db, translated(path):
        read_ahead(path)
        refuse_damaged(db, path)
        for i, (table, row, crc) in enumerate(_rows(db), 1):
            try:
                refuse_row(table, row, crc)
            except DamagedError:
                lost[table] += 1
            if i % 1000 == 0:
                step()
    return dict(lost)


def _shown_tables(db: sqlite3.Connection) -> list[str]:
    return [name for name in columns(db) if name not in {*RETIRED, CHECKSUMS}]


def _count(db: sqlite3.Connection, table: str) -> int:
    count: int
    (count,) = db.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - ours
    return count


def _rows(db: sqlite3.Connection) -> Iterator[tuple[str, tuple[Any, ...], int | None]]:
    """Yield all rows of all tables, those of runs with the checksum that stands beside them."""
    crcs = CHECKSUMS in columns(db)
    for table in _shown_tables(db):
        crc = "null"
        if table == "runs" and crcs:
            crc = f"(select crc from {CHECKSUMS} as c where c.key = runs.key)"  # noqa: S608 - ours
        for *row, known in db.execute(f"select *, {crc} from {table} order by rowid"):  # noqa: S608 - ours
            yield table, tuple(row), known
