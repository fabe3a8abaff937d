"""Files of separated values: read once, checked line by line, before anything is made of their columns."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paribus.data.dataset import Reading
from paribus.data.readers.cells import Column, Mark, decimal_mark, is_number, read_column
from paribus.data.readers.file_content import content_of, read_bytes
from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
TOTALS = frozenset(["total", "totals", "sum", "average", "mean", "gesamt", "summe"])
MAX_NAMED = 20  # more columns than that make a message that nobody reads


@dataclass(frozen=True)
class CsvFile:
    """Rows of a table file.

    Attributes:
        name: the file's name.
        texts: its cells as they stand, by column.
        lines: the line of the file on which each row ends, for messages.
        digest: the first 16 hexadecimal digits of the SHA-256 of the file's bytes.
        about: how the whole file was read.
        notes: what a page must print of that.
    """

    name: str
    texts: dict[str, list[str]]
    lines: list[int]
    digest: str
    about: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns as they were read: numbers where all cells are numbers, else text."""
        decimal = decimal_mark(self.texts.values()) or self._usual_mark
        return {name: read_column(cells, decimal) for name, cells in self.texts.items()}

    @property
    def _usual_mark(self) -> Mark | None:
        """Decimal mark of a file that shows none: where commas part the columns, one in a cell parts thousands."""
        return "." if any("commas" in reading.became for reading in self.about) else None

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Rows as a frame: numbers, truth values and texts, NaN or None where missing."""
        import pandas as pd

        return pd.DataFrame({name: _series(column) for name, column in self.columns.items()})

    def keep(self, rows: Sequence[bool]) -> CsvFile:
        """Return the file with these rows alone, whose columns are read anew."""
        texts = {name: [*compress(cells, rows)] for name, cells in self.texts.items()}
        return replace(self, texts=texts, lines=[*compress(self.lines, rows)])

    def drop(self, name: str) -> CsvFile:
        """Return the file without a column."""
        return replace(self, texts={n: cells for n, cells in self.texts.items() if n != name})

    def column(self, name: str, role: str) -> str:
        """Return the name itself, if there is such a column.

        Raises:
            ParibusError: there is none.
        """
        if name in self.texts:
            return name
        raise ParibusError(
            f"{role} of {self.name}",
            got=repr(name),
            expected=f"one of {listed([*self.texts])}",
            fix="Check the spelling against the first line of the file.",
        )


def listed(names: pd.Index[str] | list[str]) -> str:
    """Return the names with commas between them, the first twenty if there are many."""
    shown = ", ".join(map(str, names[:MAX_NAMED]))
    return shown if len(names) <= MAX_NAMED else f"{shown} and {len(names) - MAX_NAMED} more"


def _series(column: Column) -> pd.Series[Any]:
    import pandas as pd

    if column.kind == "number":
        return pd.Series([math.nan if v is None else v for v in column.values], dtype=float)
    if column.kind == "truth value" and not column.missing:
        return pd.Series(column.values, dtype=bool)
    return pd.Series(column.values, dtype=object)


def read_csv_file(path: str | Path) -> CsvFile:
    """Read a table with the columns' names in its first line: separated values, Excel or Parquet.

    Commas, semicolons, tabs or bars part the columns, whichever give every line as many. Text may be packed by gzip,
    bzip2, xz or zip; its encoding is UTF-8, UTF-16 or guessed, which the readings say.

    Raises:
        ParibusError: no such file, a folder, no table, no rows, lines that do not make a table, or no names.
    """
    path = Path(path).expanduser()
    content = read_bytes(path)
    found = content_of(path, content)
    if found.text is None:
        assert found.frame is not None, "a file holds text or a frame"
        names, rows, lines = _cells_of(path, found.frame)
        how = found.how
    else:
        separator = _separator(found.text)
        names, rows, lines = _checked_lines(path, found.text, separator)
        how = f"{found.how}, parted by {SEPARATORS[separator]}"
    texts = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    _refuse_no_header(path, texts)
    _refuse_total(path, texts, lines)
    size = f"{len(rows)} rows of {len(names)} columns"
    about = Reading(path.name, how, f"{size}; {found.guess}" if found.guess else size)
    digest = hashlib.sha256(content).hexdigest()[:16]
    notes = (about.reason,) if found.guess else ()
    return CsvFile(path.name, texts, lines, digest, (about,), notes)


def _cells_of(path: Path, frame: pd.DataFrame) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the columns' names, the rows as texts, and the line of a sheet on which each stands."""
    names = _names(path, ["" if _is_unnamed(name) else str(name) for name in frame.columns])
    columns = [[_cell(value) for value in frame[name]] for name in frame.columns]
    rows = [[*row] for row in zip(*columns, strict=True)]
    filled = [i for i, row in enumerate(rows) if any(row)]
    _refuse_no_rows(path, filled)
    return names, [rows[i] for i in filled], [i + 2 for i in filled]


def _is_unnamed(name: object) -> bool:
    return name is None or str(name).startswith("Unnamed: ")


def _cell(value: Any) -> str:
    """Return a value as text that reads as the same value."""
    import pandas as pd

    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return repr(value.item()) if hasattr(value, "item") else str(value)


def _separator(text: str) -> str:
    """Return the separator with which every line has as many values, two or more; the first line's if none does."""
    first = text[: text.find("\n") if "\n" in text else len(text)]
    counts = {}
    for separator in (mark for mark in SEPARATORS if mark in first):
        try:
            lengths = {len(row) for row in _rows(text, separator) if row}
        except csv.Error:
            continue
        if len(lengths) == 1:
            counts[separator] = lengths.pop()
    if counts:
        return max(counts, key=lambda mark: counts[mark])
    return max(SEPARATORS, key=first.count)


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    stream = io.StringIO(text, newline="")
    return csv.reader(stream, delimiter=separator, skipinitialspace=True, strict=True)


def _checked_lines(
    path: Path, text: str, separator: str
) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the columns' names, the rows, and the line on which each row ends."""
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=separator, skipinitialspace=True, strict=True)
    parted = SEPARATORS[separator]
    rows: list[list[str]] = []
    lines: list[int] = []
    names: list[str] = []
    try:
        for row in reader:
            if not row:
                continue
            if not names:
                names = _names(path, row)
            elif len(row) == len(names):
                lines.append(reader.line_num)
                rows.append(row)
            else:
                raise ParibusError(
                    f"line {reader.line_num} of {path.name}",
                    got=f"{len(row)} value{'s' * (len(row) != 1)}",
                    expected=f"{len(names)}, as many as there are columns",
                    fix=f"Mend the line, and put quotes round text that holds a {parted[:-1]}.",
                )
    except csv.Error as error:
        raise ParibusError(
            f"line {reader.line_num} of {path.name}",
            got=f"what cannot be read as CSV ({error})",
            expected=f"values with {parted} between them",
            fix="Mend the line, or save the table as CSV again.",
        ) from None
    _refuse_no_rows(path, lines)
    return names, rows, lines


def _refuse_no_rows(path: Path, lines: Sequence[int]) -> None:
    if not lines:
        raise ParibusError(
            path.name,
            got="the columns' names alone",
            expected="at least one row below them",
            fix="Give a file with rows.",
        )


def _refuse_no_header(path: Path, texts: Mapping[str, Sequence[str]]) -> None:
    """Refuse a file whose first line is a row: a measurement stands for a name, or each word is a value below it."""
    measured = [name for name in texts if is_number(name) and not name.isdecimal()]
    words = [name for name in texts if not is_number(name)]
    recur = [name for name in words if name in map(str.strip, texts[name])]
    if (
        measured
        or (len(recur) == len(words) and len(texts) > len(words))
        or len(recur) == len(texts)
    ):
        shown = measured[0] if measured else recur[0]
        raise ParibusError(
            f"first line of {path.name}",
            got=f"{shown!r}, which looks like a value",
            expected="the columns' names",
            fix="Put a line with the columns' names above the rows.",
        )


def _refuse_total(path: Path, texts: Mapping[str, Sequence[str]], lines: Sequence[int]) -> None:
    """Refuse a last line that sums up those above it."""
    for cells in texts.values():
        last = cells[-1].strip()
        word = last.casefold().rstrip(":").partition(" ")[0]
        if word in TOTALS and last not in map(str.strip, cells[:-1]):
            raise ParibusError(
                f"line {lines[-1]} of {path.name}",
                got=f"{last!r}, which looks like a total of the lines above",
                expected="a sample in each line",
                fix="Take the line out.",
            )


def _names(path: Path, row: list[str]) -> list[str]:
    """Return the names in the first line; a column without one is called after its place."""
    names = [name.strip() or f"column {i}" for i, name in enumerate(row, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        got, expected = f"{twice[0]!r} more than once", "a different name for each column"
    elif all(map(is_number, names)):
        got, expected = f"numbers ({listed(names)})", "the columns' names"
    else:
        return names
    raise ParibusError(
        f"first line of {path.name}",
        got=got,
        expected=expected,
        fix="Save the table with the columns' names in its first line.",
    )
