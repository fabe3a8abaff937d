"""Store of runs: an SQLite file, one writer, every finished run committed at once."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from paribus.errors import ParibusError
from paribus.runs.records import (
    DamagedError,
    checksum,
    packed,
    record_of,
    text_of,
    unpacked,
    value_of,
)
from paribus.runs.run import Predictions, Run, RunResult
from paribus.runs.store_file import CHECKSUMS, RETIRED, damaged, in_words, opened, translated
from paribus.runs.timing import Timing, timing_of
from paribus.spec import canonical

Read = TypeVar("Read")
MAX_STEP_BACK = timedelta(days=1)
"""How far a clock may have gone back and what is kept now still counts as later than what was kept before."""


class Sealed(NamedTuple):
    """Declaration that was sealed: its hash, the digest of each part, when, and when its runs were first seen."""

    digest: str
    parts: dict[str, str]
    sealed: str
    seen: str | None


class Store:
    """Runs, their predictions, the looks taken at comparisons, sealed declarations, frozen spaces, step timings.

    Args:
        path: the SQLite file; it and its folder are made if they are not there.

    Attributes:
        read: keys of the runs whose predictions were asked for.

    Raises:
        ParibusError: the file cannot be used; whatever is done with it later raises one where that has become so.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.read = path, set[str]()
        self._db = opened(path)
        self._latest = self._last_times()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def empty(self) -> bool:
        """True where it holds no run."""
        return not self._rows("select 1 from runs limit 1")

    def _rows(self, query: str, *values: object) -> list[Any]:
        """Return the rows of a query."""
        with translated(self.path):
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[Callable[..., object]]:
        """Yield a function that takes a statement and its values; all of them are kept, or none."""

        def execute(statement: str, *values: object) -> None:
            self._db.execute(statement, values)

        with translated(self.path), self._db:
            yield execute

    def _whole(self, what: str, read: Callable[..., Read], *arguments: object) -> Read:
        """Return what is read of a row.

        Raises:
            ParibusError: the row is damaged.
        """
        try:
            return read(*arguments)
        except DamagedError as error:
            raise damaged(self.path, f"{what}: {error}") from error

    def _last_times(self) -> str:
        """Return when a run, a look or a seal was last kept."""
        places = {"runs": "created", "looks": "first_seen", "seals": "sealed"}
        queries = (
            f"select {time} from {table} order by rowid desc limit 1"  # noqa: S608 - ours
            for table, time in places.items()
        )
        return max((str(time) for query in queries for (time,) in self._rows(query)), default="")

    def _time(self) -> str:
        """Return the time, and no earlier one than before: a clock that goes back changes no order."""
        now = _now()
        if self._latest > now and _close(now, self._latest):
            return self._latest
        self._latest = now
        return now

    def add(self, run: Run, record: RunResult) -> None:
        """Keep a finished run, in place of an earlier one of the same key.

        Raises:
            ParibusError: a trial of a search that was scored on the test part.
        """
        _refuse_judged_trial(run, record)
        text = text_of(record)
        row = (
            record.key,
            canonical(run.identity),
            record.seed,
            record.outcome.value,
            text,
            self._time(),
        )
        with self._writing() as execute:
            execute("insert or replace into runs values (?, ?, ?, ?, ?, ?)", *row)
            execute("insert or replace into checksums values (?, ?)", record.key, checksum(text))
            execute("delete from predictions where key = ?", record.key)
            if record.predictions is not None:
                arrays = packed(record.predictions)
                execute("insert into predictions values (?, ?)", record.key, arrays)

    def held(self, keys: Iterable[str]) -> set[str]:
        """Return the keys of those runs that are there; their records are not read."""
        query = "select 1 from runs where key = ?"
        return {key for key in keys for _ in self._rows(query, key)}

    def get(self, keys: Iterable[str]) -> dict[str, RunResult]:
        """Return the records that are there, by key, without their predictions."""
        query = "select record, crc from runs left join checksums using (key) where key = ?"
        return {
            key: self._whole(f"run {key}", record_of, key, *row)
            for key in keys
            for row in self._rows(query, key)
        }

    def dates(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the days, of UTC, on which the first and the last of these runs were made; nothing of none."""
        query = "select created from runs where key = ?"
        days = sorted(str(created)[:10] for key in keys for (created,) in self._rows(query, key))
        return tuple(dict.fromkeys((days[0], days[-1]))) if days else ()

    def predictions(self, key: str) -> Predictions | None:
        """Return a run's predictions of its test part, or None if it left none."""
        self.read.add(key)
        for (arrays,) in self._rows("select arrays from predictions where key = ?", key):
            return self._whole(f"predictions of run {key}", unpacked, arrays)
        return None

    def look(self, comparison: str, seeds: int) -> list[int]:
        """Note a look at a comparison's result with so many seeds; return all looks, the first first."""
        with self._writing() as execute:
            execute("insert or ignore into looks values (?, ?, ?)", comparison, seeds, self._time())
        return self.looks(comparison)

    def looks(self, comparison: str) -> list[int]:
        """Return the looks taken at a comparison's result, as numbers of seeds, the first first; note none."""
        query = "select seeds from looks where comparison = ? order by rowid"
        return [seeds for (seeds,) in self._rows(query, comparison)]

    def choose(self, cohort: str, engine: str, reason: str, chunk_size: int) -> None:
        """Keep which engine trains a cohort and how many at once, so that seeds added later are trained by the same."""
        row = (cohort, engine, reason, chunk_size)
        with self._writing() as execute:
            execute("insert or replace into choices values (?, ?, ?, ?)", *row)

    def choice(self, cohort: str) -> tuple[str, str, int] | None:
        """Return the engine that was chosen for a cohort, why, and how many at once; None if none was."""
        query = "select engine, reason, chunk_size from choices where cohort = ?"
        return next(iter(self._rows(query, cohort)), None)

    def tables(
        self, keys: Collection[str], predictions: Collection[str]
    ) -> dict[str, list[list[Any]]]:
        """Return every table as plain data, of runs and of predictions those of their keys: what `fill` takes."""
        chosen, tables = {"runs": keys, "predictions": predictions}, {}
        for name in self._names():
            query = f"select rowid, * from {name}"  # noqa: S608 - ours
            if name in chosen:  # by their index: a store may hold a million others
                found = [self._rows(f"{query} where key = ?", key) for key in chosen[name]]
                rows = sorted(row for of_key in found for row in of_key)
            else:
                rows = self._rows(f"{query} order by rowid")
            tables[name] = [[_text(x) for x in row[1:]] for row in rows]
        return tables

    def fill(self, tables: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Insert the tables that `tables` returned of another store.

        Raises:
            ParibusError: that store had other tables.
        """
        if not tables.keys() <= {*self._names(), *RETIRED}:
            raise ParibusError(
                "tables of a store",
                got=", ".join(map(in_words, sorted(tables))),
                expected=", ".join(map(in_words, sorted(self._names()))),
                fix="Another version of paribus wrote them: make the runs again.",
            )
        with self._writing() as execute:
            for name in tables.keys() - set(RETIRED):
                for row in tables[name]:
                    marks = ", ".join("?" * len(row))
                    execute(
                        f"insert or replace into {name} values ({marks})",  # noqa: S608 - ours
                        *(base64.b64decode(x["bytes"]) if isinstance(x, dict) else x for x in row),
                    )

    def _names(self) -> list[str]:
        rows = self._rows("select name from sqlite_master where type = 'table'")
        return [name for (name,) in rows if name not in {*RETIRED, CHECKSUMS}]

    def freeze(self, name: str, value: object) -> None:
        """Keep plain data under a name, such as the spaces that a pilot ended with."""
        with self._writing() as execute:
            execute("insert or replace into frozen values (?, ?)", name, canonical(value))

    def frozen(self, name: str) -> Any:
        """Return what was kept under a name, or None."""
        for (value,) in self._rows("select value from frozen where name = ?", name):
            return self._whole(in_words("frozen"), value_of, value)
        return None

    def seal(self, place: str, digest: str, parts: Mapping[str, str]) -> None:
        """Keep a declaration of a place with the time, unless it was sealed before."""
        row = (place, digest, canonical(parts), self._time())
        with self._writing() as execute:
            execute("insert or ignore into seals values (?, ?, ?, ?, null)", *row)

    def see(self, place: str, digest: str) -> None:
        """Note that runs of a sealed declaration were seen, unless they were before."""
        statement = "update seals set seen = ? where place = ? and digest = ? and seen is null"
        with self._writing() as execute:
            execute(statement, self._time(), place, digest)

    def seals(self, place: str) -> list[Sealed]:
        """Return the declarations of a place that were sealed, the first first."""
        query = "select digest, parts, sealed, seen from seals where place = ? order by rowid"
        return [
            Sealed(name, self._whole(in_words("seals"), value_of, parts, dict), *times)
            for name, parts, *times in self._rows(query, place)
        ]

    def made_before(self, keys: Iterable[str], when: str) -> int:
        """Count the runs of these keys that were made before a time, in ISO 8601."""
        made = "select count(*) from runs where key = ? and created < ?"
        return sum(count for key in keys for (count,) in self._rows(made, key, when))

    def add_timing(self, variant: str, baseline: str, device: str, timing: Timing) -> None:
        """Keep the step times of a variant against its baseline, in place of earlier ones."""
        row = (variant, baseline, device, json.dumps(timing))
        with self._writing() as execute:
            execute("insert or replace into timings values (?, ?, ?, ?)", *row)

    def timing(self, variant: str, baseline: str, device: str) -> Timing | None:
        """Return the step times of a variant against its baseline, or None if they were not taken."""
        query = "select timing from timings where variant = ? and baseline = ? and device = ?"
        for (text,) in self._rows(query, variant, baseline, device):
            timing: Timing = self._whole(in_words("timings"), value_of, text, timing_of)
            return timing
        return None


def _text(value: object) -> object:
    """Return bytes as text that JSON takes."""
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _refuse_judged_trial(run: Run, record: RunResult) -> None:
    """Refuse a trial that was scored on the test part: the winner would be chosen by the data that score it."""
    if run.trial is None:
        return
    stray = [name for name in record.scores if not name.startswith(("validation/", "train/"))]
    stray += [f"{dummy} of the dummy predictors" for dummy in record.dummy]
    if stray or record.predictions is not None:
        raise ParibusError(
            f"record of trial {run.trial} of seed {run.seed}",
            got=", ".join(stray) or "predictions of the test part",
            expected="scores on the validation part alone",
            fix="Score a trial by its validation curve; only the winner, trained afresh, is scored on the test part.",
        )


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _close(earlier: str, later: str) -> bool:
    """Return whether a time is at most a day before another; one beyond is what a clock showed that was wrong."""
    try:
        return datetime.fromisoformat(later) - datetime.fromisoformat(earlier) <= MAX_STEP_BACK
    except (ValueError, TypeError):  # a damaged one
        return False
