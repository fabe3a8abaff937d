"""Files of separated values: read once, checked line by line, before anything is made of their columns."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paribus.data.paths import usable_path
from paribus.data.readers.cells import Column, Mark, decimal_mark, read_column
from paribus.data.readers.doubts import spelled_alike
from paribus.data.readers.file_content import content_of, read_bytes
from paribus.data.readers.header import (
    column_names,
    listed,
    refuse_names_again,
    refuse_row_as_names,
    refuse_sum,
    refuse_total,
    title,
)
from paribus.data.reading import Reading
from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd

MAX_TITLES = 10  # lines of a title above the columns' names
SAMPLE = 1_000_000  # characters from which the separator is found
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


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
    path = usable_path(path)
    content = read_bytes(path)
    found = content_of(path, content)
    if found.sheet is not None:
        how, row, rows, lines = found.how, found.sheet.names, found.sheet.rows, found.sheet.lines
    else:
        assert found.text is not None, "a file holds text or a sheet"
        text, separator = _separator(found.text)
        how = f"{found.how}, parted by {SEPARATORS[separator]}"
        row, rows, lines = _checked_lines(path, text, separator)
    names = column_names(path, row)
    _refuse_no_rows(path, lines)
    texts = {name: [_one_line(cells[i]) for cells in rows] for i, name in enumerate(names)}
    for i, name in enumerate(names):
        if not (row[i].strip() or any(map(str.strip, texts[name]))):
            del texts[name]  # as a separator at the end of each line leaves one
    _refuse_one_column(path, [*texts], sheet=found.sheet is not None)
    refuse_row_as_names(path, texts)
    refuse_names_again(path, texts, lines)
    refuse_total(path, texts, lines)
    size = f"{len(rows)} rows of {len(texts)} columns"
    about = Reading(path.name, how, f"{size}; {found.note}" if found.note else size)
    digest = hashlib.sha256(content).hexdigest()[:16]
    notes = (*filter(None, [found.note]), *spelled_alike("columns", texts))
    csv_file = CsvFile(path.name, texts, lines, digest, (about,), notes)
    columns = csv_file.columns.items()
    refuse_sum(path, {n: c.values for n, c in columns if c.kind == "number"}, lines)
    return csv_file


def _one_line(cell: str) -> str:
    return " ".join(cell.split()) if "\n" in cell or "\r" in cell else cell


def _separator(text: str) -> tuple[str, str]:
    """Return the rows and the separator that gives most lines as many values as the first has, two or more.

    Of two that fit as well the one with more columns is taken, and a comma last, as numbers and names may hold it.
    """
    first, _, rest = text.partition("\n")
    said = re.fullmatch(r"sep=(.)\s*", first)  # which Excel writes
    if said and said[1] in SEPARATORS:
        return f"\n{rest}", said[1]
    fits = {}
    for separator in SEPARATORS:
        lengths = _lengths(text[:SAMPLE], separator)
        if lengths and lengths[0] > 1:
            fits[separator] = (
                lengths.count(lengths[0]) / len(lengths),
                lengths[0],
                separator != ",",
            )
    return text, max(fits, key=lambda mark: fits[mark], default=max(SEPARATORS, key=text.count))


def _lengths(text: str, separator: str) -> list[int]:
    lengths: list[int] = []
    try:
        lengths += (len(row) for row in _reader(text, separator) if row)
    except csv.Error:  # perhaps as the sample ends within quotes
        return lengths
    return lengths[:-1] if len(text) == SAMPLE else lengths


def _reader(text: str, separator: str) -> Any:
    stream = io.StringIO(text, newline="")
    return csv.reader(stream, delimiter=separator, skipinitialspace=True, strict=True)


def _checked_lines(
    path: Path, text: str, separator: str
) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the first row, the other rows, and the line on which each of them ends."""
    reader = _reader(text, separator)
    parted = SEPARATORS[separator]
    rows: list[list[str]] = []
    lines: list[int] = []
    first: list[str] = []
    begins = 1
    try:
        for row in reader:
            begins = reader.line_num + 1
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            if not first:
                first = row
            elif len(row) == len(first):
                lines.append(reader.line_num)
                rows.append(row)
            elif first[0].startswith("#") or (len(first) == 1 and len(rows) < MAX_TITLES):
                raise title(path, separator.join(first))
            else:
                raise ParibusError(
                    f"line {reader.line_num} of {path.name}",
                    got=f"{len(row)} value{'s' * (len(row) != 1)}",
                    expected=f"{len(first)}, as many as there are columns",
                    fix=f"Mend the line, and put quotes round text that holds a {parted[:-1]}.",
                )
    except csv.Error as error:
        open_quote, long = "unexpected end" in str(error), "field limit" in str(error)
        got = f"what cannot be read as CSV ({error})"
        if open_quote:
            got = "a quote that is never closed"
        elif long:
            got = f"a cell of over {csv.field_size_limit()} characters, as a quote that is never closed makes one"
        raise ParibusError(
            f"line {begins if open_quote or long else reader.line_num} of {path.name}",
            got=got,
            expected=f"values with {parted} between them",
            fix="Mend the line, or save the table as CSV again.",
        ) from None
    return first, rows, lines


def _refuse_no_rows(path: Path, lines: Sequence[int]) -> None:
    if not lines:
        raise ParibusError(
            path.name,
            got="the columns' names alone",
            expected="at least one row below them",
            fix="Give a file with rows.",
        )


def _refuse_one_column(path: Path, names: Sequence[str], *, sheet: bool) -> None:
    if len(names) == 1 and sheet:
        raise ParibusError(
            path.name,
            got=f"one column, {names[0][:60]!r}",
            expected="a table of two columns or more on the first sheet",
            fix="Move the table to the first sheet, or hide the sheets before it.",
        )
    if len(names) == 1:
        parted = len(names[0].split()) > 1
        raise ParibusError(
            path.name,
            got=f"one column, {names[0][:60]!r}" + ", whose name holds blanks" * parted,
            expected="columns with commas, semicolons, tabs or bars between them",
            fix="Save the table with one of these between its columns.",
        )
