"""Records of a store as text and bytes, and back; what is not whole is refused."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from numbers import Real
from typing import Any

import numpy as np

from paribus.data.cache import UNREADABLE
from paribus.runs.array_archive import is_whole
from paribus.runs.curves import rounded_curves
from paribus.runs.run import Outcome, Predictions, RunResult
from paribus.runs.timing import timing_of
from paribus.spec import digest_of_text


class DamagedError(Exception):
    """Record that is not whole, and what is wrong with it."""


def text_of(record: RunResult) -> str:
    """Return a record as JSON, without its predictions."""
    plain = {field.name: getattr(record, field.name) for field in fields(record)}
    return json.dumps(plain | {"predictions": None, "curves": rounded_curves(record.curves)})


def checksum(text: str) -> int:
    """Return the checksum of a record's text."""
    return zlib.crc32(text.encode())


def record_of(key: str, text: object, crc: int | None) -> RunResult:
    """Return the record of a text.

    Args:
        key: of the run.
        text: that `text_of` returned.
        crc: its checksum; None of records that were kept before there were any.

    Raises:
        DamagedError: the text is another one, or no record.
    """
    with _refusing():
        if not isinstance(text, str):
            raise TypeError(f"its text is of type {type(text).__name__}")
        if crc is not None and checksum(text) != crc:
            raise ValueError("its checksum is that of another text")
        found = json.loads(text)
        if not isinstance(found, dict):
            raise TypeError(f"its text is one of type {type(found).__name__}")
        record = RunResult(
            **{**found, "outcome": Outcome(found["outcome"]), "notes": tuple(found["notes"])}
        )
        if record.key != key:
            raise ValueError(f"it says that its key is {record.key!r}")
        if crc is None:  # else it is what was written
            _refuse_types(record)
    return record


_TYPES = {f.name: f.type for f in fields(RunResult)}


def _refuse_types(record: RunResult) -> None:
    """Refuse fields of other types than are declared, as far as numbers, texts and containers go."""
    kinds: dict[str, type] = {"str": str, "int": int, "float": Real, "dict": dict, "list": list}
    for name, declared in _TYPES.items():
        kind = kinds.get(str(declared).partition("[")[0])
        value = getattr(record, name)
        if kind is not None and not isinstance(value, kind):
            raise TypeError(f"{name} is of type {type(value).__name__}")
    numbers = [*record.scores.values(), *(x for curve in record.curves.values() for x in curve)]
    if not all(isinstance(x, Real) for x in numbers):
        raise TypeError("a score or a value of a curve is no number")


def packed(predictions: Predictions) -> bytes:
    """Return predictions as bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, outputs=predictions.outputs, target=predictions.target, dummy=predictions.dummy
    )
    return buffer.getvalue()


def unpacked(blob: bytes) -> Predictions:
    """Return the predictions of bytes.

    Raises:
        DamagedError: they are not whole.
    """
    with _refusing(), np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
        return Predictions(arrays["outputs"], arrays["target"], arrays["dummy"])


def training_of(key: str, identity: str, seed: int) -> str:
    """Name a run by what its identity says of it, or else by its key."""

    def words(plain: Any) -> str:
        model = plain["recipe"]["model"]["target"].partition(":")[2]
        trial = "" if plain["trial"] is None else f", trial {plain['trial']}"
        return f"training of {model} on {plain['task']['name']!r} with seed {seed}{trial}"

    try:
        return f"{value_of(identity, words)} (run {key})"
    except DamagedError:
        return f"run {key}"


ARRAYS = {b"outputs.npy", b"target.npy", b"dummy.npy"}


def _refuse_predictions(blob: bytes) -> None:
    """Refuse bytes that are no predictions; no array is made of those that are, which takes longer than to check them.

    Raises:
        DamagedError: they are not whole.
    """
    if not (isinstance(blob, bytes) and is_whole(blob, ARRAYS)):
        unpacked(blob)  # which says what is wrong


def value_of(text: str, make: Callable[[Any], Any] = lambda value: value) -> Any:
    """Return what is made of the plain data of a text, or the data.

    Raises:
        DamagedError: it is no JSON.
    """
    with _refusing():
        return make(json.loads(text))


def refuse_row(table: str, row: Sequence[Any], crc: int | None = None) -> None:
    """Refuse a row of a store that is not what was written, as far as it can be told.

    Args:
        table: its name.
        row: values of all its columns.
        crc: of a run, the checksum that stands beside it, if any does.

    Raises:
        DamagedError: says what is wrong.
    """
    if table == "runs":
        if crc is None or not isinstance(row[4], str) or checksum(row[4]) != crc:
            record_of(row[0], row[4], crc)  # which says what is wrong
        if not isinstance(row[1], str) or digest_of_text(row[1]) != row[0]:
            raise DamagedError("its key is not that of what it says it trained")
        if not isinstance(row[5], str):
            raise DamagedError("the time at which it was kept is no text")
    elif table == "predictions":
        _refuse_predictions(row[1])
    elif table == "frozen":
        value_of(row[-1])
    elif table == "timings":
        value_of(row[-1], timing_of)
    elif table == "seals":
        value_of(row[2], dict)


@contextmanager
def _refusing() -> Iterator[None]:
    """Take whatever reading raises for damage.

    Raises:
        DamagedError: something was raised.
    """
    try:
        yield
    except UNREADABLE as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from error
