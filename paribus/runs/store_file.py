"""File of a store: its tables, whose file it is, and what is said where it cannot be read or written."""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paribus.data.paths import is_special
from paribus.errors import ParibusError, StoreError

SCHEMA = 3
TABLES = f"""
begin immediate;
create table if not exists runs (
    key text primary key, identity text not null, seed integer not null, outcome text not null,
    record text not null, created text not null);
create table if not exists predictions (key text primary key references runs(key), arrays blob not null);
create table if not exists looks (
    comparison text not null, seeds integer not null, first_seen text not null,
    primary key (comparison, seeds));
create table if not exists choices (
    cohort text primary key, engine text not null, reason text not null, chunk_size integer not null);
create table if not exists frozen (name text primary key, value text not null);
create table if not exists seals (
    place text not null, digest text not null, parts text not null, sealed text not null, seen text,
    primary key (place, digest));
create table if not exists timings (
    variant text not null, baseline text not null, device text not null, timing text not null,
    primary key (variant, baseline, device));
create table if not exists checksums (key text primary key references runs(key), crc integer not null);
pragma user_version = {SCHEMA};
commit;
"""
CHECKSUMS = "checksums"
"""Table of the records' checksums; a flipped bit may leave a number that is another one. No evidence holds it."""
WORDS = {
    "runs": "runs",
    "predictions": "predictions of runs",
    "looks": "looks taken at results",
    "choices": "choices of engines",
    "frozen": "search spaces that a pilot ended with",
    "seals": "declarations sealed before training",
    "timings": "step times",
    CHECKSUMS: "checksums of records",
}
"""What each table holds, in words that every message uses in place of its name."""
RETIRED = ("answers",)
"""Tables that stores and bundles of earlier versions have, and that nothing reads."""
WHAT = "the store of runs"
EXPECTED = "a file that can be written and that paribus made, or none yet"
MADE = "a file that paribus made"
LEFT = "Name another file with --paribus-store; this one is left as it is."
AWAY = "Name another file with --paribus-store, or move this one away."
AGAIN = "run the same command again: what the store holds is kept, and not trained again."
OPENING_SECONDS = 10
"""How long another process may hold the file that is opened; it should hold it for milliseconds."""
WRITING_SECONDS = 60
"""The same for a finished run, which should not be lost."""
READING_KILOBYTES = 1 << 17
"""Memory for pages of a file that is read through: checksums are looked up in no order, a million of them in 60 MB."""
BROKEN = (sqlite3.Error, UnicodeError)
"""Exceptions of what cannot be read in a damaged file; the second where names in it are no text."""
AT_ONCE = 1 << 20
"""Bytes of a file that are read at once where all of it is."""
IN_MEMORY = Path(":memory:")
"""Path of a store that ends with its process."""
MAX_CHECKED = 1 << 25
"""Bytes up to which a file is read through when it is opened, which takes some tenths of a second."""


def opened(path: Path) -> sqlite3.Connection:
    """Open or make the file of a store.

    Raises:
        ParibusError: it cannot be opened, is damaged, or was made by another program or another version.
    """
    if path == IN_MEMORY:
        return _filled(sqlite3.connect(path))
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and is_special(path):
            got = f"{path}, which is a device or a pipe"
            raise ParibusError(WHAT, got=got, expected=EXPECTED, fix=LEFT)
        db = sqlite3.connect(path, timeout=OPENING_SECONDS)
        with _closed_on_error(db):
            _refuse_others(db, path)
            _refuse_cut(db, path)
            if path.stat().st_size <= MAX_CHECKED:
                refuse_damaged(db, path)
            db.execute("pragma journal_mode = wal")
            # What is committed outlives a killed process; waiting for the disk each time takes as long as a run.
            db.execute("pragma synchronous = normal")
            _filled(db)
            db.execute(f"pragma busy_timeout = {1000 * WRITING_SECONDS}")
    return db


@contextmanager
def opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield the file of a store as it stands now; nothing is written to it or beside it.

    What is asked of it within the context is answered of one moment, whatever another process writes meanwhile.

    Raises:
        ParibusError: as of `opened`; and where there is no file, or it changed in a way that leaves no such moment.
    """
    with translated(path):
        before = _stamp(path) if path.is_file() else None
        db = _readable(path)
    with _closed(db):
        yield db
    if not _log(path) and _stamp(path) != before:
        got = f"{path}, which another process changed while it was read"
        raise ParibusError(WHAT, got=got, expected="a file at rest", fix=f"Now {AGAIN}")


def read_ahead(path: Path) -> None:
    """Read all of a file once from its beginning to its end, so that the system has it in memory.

    SQLite asks for a table's pages, which lie between others, one by one: a disk gives them ten times as slowly.
    """
    buffer = bytearray(AT_ONCE)
    with translated(path), path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _readable(path: Path) -> sqlite3.Connection:
    """Return a store's file as it stands now, after it was checked."""
    if not path.is_file():
        got = f"{path}, which {'is no file' if path.exists() else 'is not there'}"
        raise ParibusError(WHAT, got=got, expected=MADE, fix="Check its path.")
    # SQLite makes a log beside a file that it only reads, unless it is told that nobody writes to it.
    mode = "ro" if _log(path) else "ro&immutable=1"
    address = f"{path.resolve().as_uri()}?mode={mode}"
    db = sqlite3.connect(address, uri=True, timeout=OPENING_SECONDS)
    with _closed_on_error(db):
        db.execute(f"pragma cache_size = -{READING_KILOBYTES}")
        db.execute("begin")
        try:
            _refuse_others(db, path)
        except ParibusError as error:
            fix = "Leave it out, or update paribus if a later one made it."
            raise ParibusError(WHAT, got=error.got, expected=MADE, fix=fix) from None
        if "runs" not in columns(db):
            got = f"{path}, in which there is nothing"
            raise ParibusError(WHAT, got=got, expected=MADE, fix="Check its path.")
        _refuse_cut(db, path)
        if path.stat().st_size <= MAX_CHECKED:
            refuse_damaged(db, path)
    return db


def _log(path: Path) -> bool:
    """Return whether some of a store stands in the log beside its file."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _filled(db: sqlite3.Connection) -> sqlite3.Connection:
    """Make the tables that are not there."""
    db.executescript(TABLES)
    return db


def refuse_damaged(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose pages do not make tables, or whose indexes are not those of its tables.

    By a damaged index a run that is kept is not found: it would be trained again.

    Raises:
        ParibusError: says what is wrong, and how to save the rest.
    """
    (said,) = db.execute("pragma integrity_check(1)").fetchone()
    if said != "ok":
        raise damaged(path, " ".join(said.replace("*** in database main ***", "").split()))


def _refuse_cut(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that ends within a page, which SQLite would read as zeros."""
    (size,) = db.execute("pragma page_size").fetchone()
    if path.stat().st_size % size:
        raise damaged(path, "it ends within a page")


def in_words(table: str) -> str:
    """Return what a table holds, in words.

    >>> in_words("choices"), in_words("others")
    ('choices of engines', 'table others')
    """
    return WORDS.get(table, f"table {table}")


def columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the names of the columns of each table."""
    names = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
    query = "select name from pragma_table_info(?) order by cid"
    return {name: [column for (column,) in db.execute(query, (name,))] for name in names}


def _refuse_others(db: sqlite3.Connection, path: Path) -> None:
    """Refuse what another version or another program made, before anything is written to it."""
    # In this order: another process that makes the file meanwhile sets tables and version at once.
    found = columns(db)
    (version,) = db.execute("pragma user_version").fetchone()
    if not (version or found):
        return
    if version == SCHEMA and _ours(found):
        _refuse_triggers(db, path)
        return
    expected, fix = EXPECTED, LEFT
    got = f"{path}, an SQLite file of something else"
    if version != SCHEMA and {"key", "identity", "record"} <= {*found.get("runs", ())}:
        later = version > SCHEMA
        got = f"{path} of version {version}, which {'a later' if later else 'an earlier'} paribus made"
        expected = f"version {SCHEMA}"
        fix = f"Update paribus, or {LEFT[0].lower()}{LEFT[1:]}" if later else LEFT
    raise ParibusError(WHAT, got=got, expected=expected, fix=fix)


def _refuse_triggers(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a store in which SQLite does more than it is told: a trigger may delete what was kept."""
    for (name,) in db.execute("select name from sqlite_master where type = 'trigger' limit 1"):
        raise ParibusError(
            WHAT,
            got=f"{path}, with the trigger {name!r} of another program, which may change what is kept",
            expected="a store without triggers",
            fix=f"Save its runs by: {_salvage_of(path)}.",
        )


def _ours(found: dict[str, list[str]]) -> bool:
    """Return whether tables are those of a store: runs at least, and none of our names with other columns."""
    plain = sqlite3.connect(":memory:")
    with _closed(plain):
        plain.executescript(TABLES)
        own = columns(plain)
    return "runs" in found and all(found[name] == own[name] for name in found.keys() & own.keys())


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say in a line what SQLite or the system says of a store's file.

    Raises:
        StoreError: it said something.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:  # the second of a table's name
        raise _refusal(path, str(error)) from error


def _refusal(path: Path, said: str) -> StoreError:
    if "locked" in said:
        return StoreError(
            WHAT,
            got=f"{path}, which another process holds ({said})",
            expected="a file that is free within seconds",
            fix=f"Wait for the other process or end it, and {AGAIN}",
        )
    if "full" in said or "No space left" in said or "disk I/O" in said:
        return StoreError(
            WHAT,
            got=f"{path}, which cannot be written any more ({said})",
            expected="room on a disk that works",
            fix=f"Make room, and {AGAIN}",
        )
    if "malformed" in said or "decode" in said:
        return damaged(path, said)
    closed = path.parent.is_dir() and not os.access(path.parent, os.W_OK)
    got = f"{path}{', in a folder that cannot be written' if closed else ''} ({said})"
    return StoreError(WHAT, got=got, expected=EXPECTED, fix=AWAY)


def damaged(path: Path, said: str) -> StoreError:
    """Return the refusal of a damaged store, with the way to save what can be read of it."""
    return StoreError(
        WHAT,
        got=f"{path}, which is damaged ({said})",
        expected="a whole file",
        fix=f"Save what can be read by: {_salvage_of(path)}: only what was lost is trained again.",
    )


def _salvage_of(path: Path) -> str:
    saved = path.with_name(f"{path.stem}-saved{path.suffix}")
    command = f"paribus salvage {shlex.quote(str(path))} {shlex.quote(str(saved))}"
    return f"{command}. Then go on with --paribus-store and the new file"


@contextmanager
def _closed(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield db
    finally:
        db.close()


@contextmanager
def _closed_on_error(db: sqlite3.Connection) -> Iterator[None]:
    """Close the file again if it is refused."""
    try:
        yield
    except BaseException:
        db.close()
        raise
