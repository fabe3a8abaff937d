"""First and last lines of a table: the columns' names, and what is neither names nor a row."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from paribus.data.readers.cells import is_number
from paribus.errors import ParibusError

TOTALS = frozenset(["total", "totals", "sum", "average", "mean", "gesamt", "summe", "итого"])
MIN_SUMMED = 5  # numbers other than zero; one may be the sum of fewer by chance
MAX_NAMED = 20  # more columns than that make a message that nobody reads
ROUNDED = 1e-5  # share by which a sum may differ from that of its rounded terms
TAKE_OUT = "Take the lines above the columns' names out."


def listed(names: Iterable[str]) -> str:
    """Return the names with commas between them, the first twenty if there are many."""
    names = [*map(str, names)]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def column_names(path: Path, row: Sequence[str]) -> list[str]:
    """Return the names in the first line; a column without one is called after its place.

    Raises:
        ParibusError: names repeat, are numbers, or are a title instead.
    """
    names = [" ".join(name.split()) or f"column {i}" for i, name in enumerate(row, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if len(row) > 2 and row[0].strip() and not any(cell.strip() for cell in row[1:]):
        raise title(path, row[0])
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


def title(path: Path, text: str) -> ParibusError:
    """Return the refusal of a first line that is a title or a comment."""
    return ParibusError(
        f"first line of {path.name}",
        got=f"{text.strip()[:60]!r}, which looks like a title or a comment",
        expected="the columns' names",
        fix=TAKE_OUT,
    )


def refuse_row_as_names(path: Path, texts: Mapping[str, Sequence[str]]) -> None:
    """Refuse a first line that is a row.

    It is one if a measurement stands for a name, if each word is a value below it, or if a word with a number is like
    all words below it but for the number.
    """
    again = {*_names_again(texts)}
    if again:
        texts = {
            n: [c for i, c in enumerate(cells) if i not in again] for n, cells in texts.items()
        }
    measured = [name for name in texts if is_number(name) and not name.isdecimal()]
    words = [name for name in texts if not is_number(name)]
    recur = [name for name in words if name in map(str.strip, texts[name])]
    alike = [name for name in words if re.search(r"\d", name) and _all_alike(name, texts[name])]
    every_word = len(recur) == len(words) and len(texts) > len(words)
    if measured or alike or every_word or len(recur) == len(texts):
        raise ParibusError(
            f"first line of {path.name}",
            got=f"{(measured or alike or recur)[0]!r}, which looks like a value",
            expected="the columns' names",
            fix="Put a line with the columns' names above the rows.",
        )


def _all_alike(name: str, cells: Sequence[str]) -> bool:
    shape = _shape(name)
    filled = [cell.strip() for cell in cells if cell.strip()]
    return len(filled) > 1 and all(_shape(cell) == shape for cell in filled)


def _shape(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _names_again(texts: Mapping[str, Sequence[str]]) -> list[int]:
    """Return the rows that hold the columns' names, as a file made of several files does."""
    first, *others = texts
    found = [i for i, cell in enumerate(texts[first]) if cell.strip() == first]
    return [i for i in found if all(texts[name][i].strip() == name for name in others)]


def refuse_names_again(
    path: Path, texts: Mapping[str, Sequence[str]], lines: Sequence[int]
) -> None:
    """Refuse a row that holds the columns' names."""
    again = _names_again(texts)
    if again:
        raise ParibusError(
            f"line {lines[again[0]]} of {path.name}",
            got="the columns' names once more",
            expected="a sample in each line",
            fix="Take the line out.",
        )


def refuse_total(path: Path, texts: Mapping[str, Sequence[str]], lines: Sequence[int]) -> None:
    """Refuse a last line that sums up those above it."""
    for cells in texts.values():
        last = cells[-1].strip()
        words = re.findall(r"\w+", last.casefold()) or [""]
        if (words[0] in TOTALS or words[-1] in TOTALS) and last not in map(str.strip, cells[:-1]):
            raise ParibusError(
                f"line {lines[-1]} of {path.name}",
                got=f"{last!r}, which looks like a total of the lines above",
                expected="a sample in each line",
                fix="Take the line out.",
            )


def refuse_sum(
    path: Path, numbers: Mapping[str, Sequence[float | None]], lines: Sequence[int]
) -> None:
    """Refuse a last line whose numbers sum up those above it, column by column."""
    lasts = {name: column[-1] for name, column in numbers.items() if column[-1] is not None}
    if not lasts:
        return
    for name, last in lasts.items():
        above = [value for value in numbers[name][:-1] if value is not None]
        if sum(map(bool, above)) < MIN_SUMMED or last is None or abs(last) <= max(map(abs, above)):
            return
        whole = all(isinstance(x, int) or x.is_integer() for x in (*above, last))
        if not math.isclose(last, math.fsum(above), rel_tol=0.0 if whole else ROUNDED):
            return
    shown = listed(f"{name} {last:g}" for name, last in lasts.items())
    raise ParibusError(
        f"line {lines[-1]} of {path.name}",
        got=f"the sum of the lines above ({shown})",
        expected="a sample in each line",
        fix="Take the line out.",
    )
