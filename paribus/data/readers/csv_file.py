"""CSV files as they stand: read once, checked line by line, before anything is made of their columns."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd

MAX_NAMED = 20  # more columns than that make a message that nobody reads


@dataclass(frozen=True)
class CsvFile:
    """Rows of a CSV file.

    Attributes:
        name: the file's name.
        frame: its rows, numbers as numbers, missing values as NaN.
        lines: the line of the file on which each row ends, for messages.
        digest: the first 16 hexadecimal digits of the SHA-256 of the file's bytes.
    """

    name: str
    frame: pd.DataFrame
    lines: list[int]
    digest: str

    def column(self, name: str, role: str) -> str:
        """Return the name itself, if there is such a column.

        Raises:
            ParibusError: there is none.
        """
        if name in self.frame.columns:
            return name
        raise ParibusError(
            f"{role} of {self.name}",
            got=repr(name),
            expected=f"one of {listed(self.frame.columns)}",
            fix="Check the spelling against the first line of the file.",
        )


def listed(names: pd.Index[str] | list[str]) -> str:
    """Return the names with commas between them, the first twenty if there are many."""
    shown = ", ".join(map(str, names[:MAX_NAMED]))
    return shown if len(names) <= MAX_NAMED else f"{shown} and {len(names) - MAX_NAMED} more"


def read_csv_file(path: str | Path) -> CsvFile:
    """Read a comma-separated file in UTF-8 with the columns' names in its first line.

    Missing is what pandas takes for missing (nothing at all, NA, nan, null and the like), and a question mark.

    Raises:
        ParibusError: no such file, a folder, not text, no rows, or lines that do not make a table.
    """
    import pandas as pd

    path = Path(path).expanduser()
    content = _bytes_of(path)
    text = _text_of(path, content)
    names, lines = _checked_lines(path, text)
    frame = pd.read_csv(
        io.StringIO(text),
        header=0,
        names=names,
        index_col=False,
        na_values=["?"],
        skipinitialspace=True,
        low_memory=False,
    )
    return CsvFile(path.name, frame, lines, hashlib.sha256(content).hexdigest()[:16])


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        got = f"nothing at {path}"
    except IsADirectoryError:
        got = f"a folder at {path}"
    except OSError as error:
        got = f"{path}, which cannot be read ({error.strerror})"
    raise ParibusError(
        "a CSV file", got=got, expected="a file that can be read", fix="Check the path."
    )


def _text_of(path: Path, content: bytes) -> str:
    fix = "Save the table as comma-separated text in UTF-8."
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        got = f"bytes on line {line} that are no UTF-8"
        raise ParibusError(str(path.name), got=got, expected="text in UTF-8", fix=fix) from None
    if "\0" in text:
        raise ParibusError(path.name, got="binary data", expected="text in UTF-8", fix=fix)
    if not text.strip():
        fix = "Give a file with the columns' names in its first line and a row in each other."
        raise ParibusError(path.name, got="an empty file", expected="a table", fix=fix)
    return text


def _checked_lines(path: Path, text: str) -> tuple[list[str], list[int]]:
    """Return the columns' names, and the line on which each row ends."""
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
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
            else:
                raise ParibusError(
                    f"line {reader.line_num} of {path.name}",
                    got=f"{len(row)} value{'s' * (len(row) != 1)}",
                    expected=f"{len(names)}, as many as there are columns",
                    fix="Mend the line, and put quotes round text that holds a comma.",
                )
    except csv.Error as error:
        raise ParibusError(
            f"line {reader.line_num} of {path.name}",
            got=f"what cannot be read as CSV ({error})",
            expected="values with commas between them",
            fix="Mend the line, or save the table as CSV again.",
        ) from None
    if not lines:
        raise ParibusError(
            path.name,
            got="the columns' names alone",
            expected="at least one row below them",
            fix="Give a file with rows.",
        )
    return names, lines


def _names(path: Path, row: list[str]) -> list[str]:
    """Return the names in the first line; a column without one is called after its place."""
    names = [name.strip() or f"column {i}" for i, name in enumerate(row, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        got, expected = f"{twice[0]!r} more than once", "a different name for each column"
    elif len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        got, expected = f"the single name {names[0]!r}", "names with commas between them"
    elif all(map(is_number, names)):
        got, expected = f"numbers ({listed(names)})", "the columns' names"
    else:
        return names
    raise ParibusError(
        f"first line of {path.name}",
        got=got,
        expected=expected,
        fix="Save the table with commas between values and the columns' names in its first line.",
    )


def is_number(text: object) -> bool:
    """Return whether a text can be read as a number."""
    try:
        float(str(text))
    except ValueError:
        return False
    return True
