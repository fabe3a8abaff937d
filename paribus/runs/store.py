"""Store of runs: an SQLite file, one writer, every finished run committed at once."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from paribus.errors import ParibusError
from paribus.runs.curves import rounded_curves
from paribus.runs.run import Outcome, Predictions, Run, RunResult
from paribus.spec import canonical

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
pragma user_version = {SCHEMA};
commit;
"""
RETIRED = ("answers",)
"""Tables that stores and bundles of earlier versions have, and that nothing reads."""
EXPECTED = "a file that can be written and that paribus made, or none yet"


class Timing(NamedTuple):
    """Seconds of one training step of a variant and of its baseline, round by round, interleaved."""

    variant: list[float]
    baseline: list[float]

    @property
    def ratios(self) -> list[float]:
        """Ratio of the variant's seconds to the baseline's, in each round."""
        return [v / b for v, b in zip(self.variant, self.baseline, strict=True)]

    @property
    def ratio(self) -> float:
        """Median over the rounds."""
        return median(self.ratios)


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
        ParibusError: the file was written by another program or another version.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.read = path, set[str]()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30)
            with _closed_on_error(self._db):
                self._refuse_others()
                self._db.execute("pragma journal_mode = wal")
                # What is committed outlives a killed process; waiting for the disk each time takes as long as a run.
                self._db.execute("pragma synchronous = normal")
                self._db.executescript(TABLES)
        except (sqlite3.DatabaseError, OSError) as error:
            raise ParibusError(
                "the store of runs",
                got=f"{path} ({error})",
                expected=EXPECTED,
                fix="Name another file with --paribus-store, or move this one away.",
            ) from error

    def _refuse_others(self) -> None:
        """Refuse what another version or another program made, before anything is written to it."""
        # In this order: another process that makes the file meanwhile sets tables and version at once.
        (tables,) = self._db.execute("select count(*) from sqlite_master").fetchone()
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version == SCHEMA or not (version or tables):
            return
        raise ParibusError(
            "the store of runs",
            got=f"{self.path} of version {version}"
            if version
            else f"{self.path}, an SQLite file of something else",
            expected=f"version {SCHEMA}" if version else EXPECTED,
            fix="Name another file with --paribus-store; this one is left as it is.",
        )

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
        return self._db.execute("select 1 from runs limit 1").fetchone() is None

    def add(self, run: Run, record: RunResult) -> None:
        """Keep a finished run, in place of an earlier one of the same key.

        Raises:
            ParibusError: a trial of a search that was scored on the test part.
        """
        _refuse_judged_trial(run, record)
        plain = {field.name: getattr(record, field.name) for field in fields(record)}
        plain |= {"predictions": None, "curves": rounded_curves(record.curves)}
        with self._db:
            self._db.execute(
                "insert or replace into runs values (?, ?, ?, ?, ?, ?)",
                (
                    record.key,
                    canonical(run.identity),
                    record.seed,
                    record.outcome.value,
                    json.dumps(plain),
                    _now(),
                ),
            )
            self._db.execute("delete from predictions where key = ?", (record.key,))
            if record.predictions is not None:
                self._db.execute(
                    "insert into predictions values (?, ?)",
                    (record.key, _packed(record.predictions)),
                )

    def held(self, keys: Iterable[str]) -> set[str]:
        """Return the keys of those runs that are there; their records are not read."""
        query = "select 1 from runs where key = ?"
        return {key for key in keys if self._db.execute(query, (key,)).fetchone()}

    def get(self, keys: Iterable[str]) -> dict[str, RunResult]:
        """Return the records that are there, by key, without their predictions."""
        results = {}
        for key in keys:
            row = self._db.execute("select record from runs where key = ?", (key,)).fetchone()
            if row is not None:
                results[key] = _record(json.loads(row[0]))
        return results

    def dates(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the days, of UTC, on which the first and the last of these runs were made; nothing of none."""
        query = "select created from runs where key = ?"
        found = [row for key in keys if (row := self._db.execute(query, (key,)).fetchone())]
        days = sorted(created[:10] for (created,) in found)
        return tuple(dict.fromkeys((days[0], days[-1]))) if days else ()

    def predictions(self, key: str) -> Predictions | None:
        """Return a run's predictions of its test part, or None if it left none."""
        self.read.add(key)
        row = self._db.execute("select arrays from predictions where key = ?", (key,)).fetchone()
        return None if row is None else _unpacked(row[0])

    def look(self, comparison: str, seeds: int) -> list[int]:
        """Note a look at a comparison's result with so many seeds; return all looks, the first first."""
        with self._db:
            self._db.execute(
                "insert or ignore into looks values (?, ?, ?)", (comparison, seeds, _now())
            )
        return self.looks(comparison)

    def looks(self, comparison: str) -> list[int]:
        """Return the looks taken at a comparison's result, as numbers of seeds, the first first; note none."""
        rows = self._db.execute(
            "select seeds from looks where comparison = ? order by first_seen, rowid", (comparison,)
        )
        return [seeds for (seeds,) in rows]

    def choose(self, cohort: str, engine: str, reason: str, chunk_size: int) -> None:
        """Keep which engine trains a cohort and how many at once, so that seeds added later are trained by the same."""
        with self._db:
            self._db.execute(
                "insert or replace into choices values (?, ?, ?, ?)",
                (cohort, engine, reason, chunk_size),
            )

    def choice(self, cohort: str) -> tuple[str, str, int] | None:
        """Return the engine that was chosen for a cohort, why, and how many at once; None if none was."""
        row = self._db.execute(
            "select engine, reason, chunk_size from choices where cohort = ?", (cohort,)
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def tables(
        self, keys: Collection[str], predictions: Collection[str]
    ) -> dict[str, list[list[Any]]]:
        """Return every table as plain data, of runs and of predictions those of their keys: what `fill` takes."""
        chosen, tables = {"runs": keys, "predictions": predictions}, {}
        for name in self._names():
            rows = self._db.execute(f"select * from {name} order by rowid").fetchall()  # noqa: S608 - ours
            if name in chosen:
                rows = [row for row in rows if row[0] in chosen[name]]
            tables[name] = [[_text(x) for x in row] for row in rows]
        return tables

    def fill(self, tables: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Insert the tables that `tables` returned of another store.

        Raises:
            ParibusError: that store had other tables.
        """
        if not tables.keys() <= {*self._names(), *RETIRED}:
            raise ParibusError(
                "tables of a store",
                got=", ".join(sorted(tables)),
                expected=", ".join(sorted(self._names())),
                fix="Another version of paribus wrote them: make the runs again.",
            )
        with self._db:
            for name in tables.keys() - set(RETIRED):
                for row in tables[name]:
                    marks = ", ".join("?" * len(row))
                    self._db.execute(
                        f"insert or replace into {name} values ({marks})",  # noqa: S608 - ours
                        [base64.b64decode(x["bytes"]) if isinstance(x, dict) else x for x in row],
                    )

    def _names(self) -> list[str]:
        rows = self._db.execute("select name from sqlite_master where type = 'table'")
        return [name for (name,) in rows if name not in RETIRED]

    def freeze(self, name: str, value: object) -> None:
        """Keep plain data under a name, such as the spaces that a pilot ended with."""
        with self._db:
            self._db.execute(
                "insert or replace into frozen values (?, ?)", (name, canonical(value))
            )

    def frozen(self, name: str) -> Any:
        """Return what was kept under a name, or None."""
        row = self._db.execute("select value from frozen where name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def seal(self, place: str, digest: str, parts: Mapping[str, str]) -> None:
        """Keep a declaration of a place with the time, unless it was sealed before."""
        with self._db:
            self._db.execute(
                "insert or ignore into seals values (?, ?, ?, ?, null)",
                (place, digest, canonical(parts), _now()),
            )

    def see(self, place: str, digest: str) -> None:
        """Note that runs of a sealed declaration were seen, unless they were before."""
        with self._db:
            self._db.execute(
                "update seals set seen = ? where place = ? and digest = ? and seen is null",
                (_now(), place, digest),
            )

    def seals(self, place: str) -> list[Sealed]:
        """Return the declarations of a place that were sealed, the first first."""
        rows = self._db.execute(
            "select digest, parts, sealed, seen from seals where place = ? order by sealed, rowid",
            (place,),
        )
        return [Sealed(name, json.loads(parts), *times) for name, parts, *times in rows]

    def made_before(self, keys: Iterable[str], when: str) -> int:
        """Count the runs of these keys that were made before a time, in ISO 8601."""
        made = "select count(*) from runs where key = ? and created < ?"
        return sum(self._db.execute(made, (key, when)).fetchone()[0] for key in keys)

    def add_timing(self, variant: str, baseline: str, device: str, timing: Timing) -> None:
        """Keep the step times of a variant against its baseline, in place of earlier ones."""
        with self._db:
            self._db.execute(
                "insert or replace into timings values (?, ?, ?, ?)",
                (variant, baseline, device, json.dumps(timing)),
            )

    def timing(self, variant: str, baseline: str, device: str) -> Timing | None:
        """Return the step times of a variant against its baseline, or None if they were not taken."""
        row = self._db.execute(
            "select timing from timings where variant = ? and baseline = ? and device = ?",
            (variant, baseline, device),
        ).fetchone()
        return None if row is None else Timing(*json.loads(row[0]))


def _text(value: object) -> object:
    """Return bytes as text that JSON takes."""
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


@contextmanager
def _closed_on_error(db: sqlite3.Connection) -> Iterator[None]:
    """Close the file again if it is refused."""
    try:
        yield
    except BaseException:
        db.close()
        raise


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


def _record(fields: dict[str, Any]) -> RunResult:
    return RunResult(
        **{**fields, "outcome": Outcome(fields["outcome"]), "notes": tuple(fields["notes"])}
    )


def _packed(predictions: Predictions) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, outputs=predictions.outputs, target=predictions.target, dummy=predictions.dummy
    )
    return buffer.getvalue()


def _unpacked(blob: bytes) -> Predictions:
    with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
        return Predictions(arrays["outputs"], arrays["target"], arrays["dummy"])
