"""What makes one doubt how a column was read, said on the page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from paribus.data.readers.dates import is_date

_BEGINS = re.compile(r"\W{0,2}\d")  # a number, perhaps with a sign before it
_POWER = re.compile(r"\d+[eE]\d+")
_LEADING_ZERO = re.compile(r"0\d+")
MAX_ALIKE = 10  # groups of names in a note
_STAND_INS = frozenset([-99.0, -999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0])


def doubt_of(cells: Sequence[str], numbers: Sequence[float]) -> str:
    """Say what makes one doubt that cells are the numbers as which they were read."""
    power = next((cell for cell in cells if _POWER.fullmatch(cell)), None)
    if power is not None:
        return f"cells such as {power!r} were read as powers of ten, and may be codes"
    return _stand_in(numbers)


def half_numbers(texts: Sequence[str]) -> str:
    """Say so of texts of which half begin with a number, dates and times apart."""
    beginning = [text for text in texts if _BEGINS.match(text)]
    if not texts or 2 * len(beginning) < len(texts) or 2 * sum(map(is_date, texts)) > len(texts):
        return ""
    return f"read as text, though cells such as {beginning[0]!r} begin with a number"


def _stand_in(numbers: Sequence[float]) -> str:
    """Name a number that recurs far from all others, such as -999, and may stand for a missing value."""
    if len(numbers) < 3 or _STAND_INS.isdisjoint((low := min(numbers), high := max(numbers))):
        return ""
    for extreme in {low, high} & _STAND_INS:
        others = [number for number in numbers if number != extreme]
        count = len(numbers) - len(others)
        if count < 2 or not others:
            continue
        if min(abs(extreme - min(others)), abs(extreme - max(others))) > max(others) - min(others):
            return (
                f"{extreme:g} stands in {count} cells, far from the other numbers: leave these empty if it means that "
                "a value is missing"
            )
    return ""


def leading_zeros(cells: Sequence[str]) -> str:
    """Say so where codes such as 007 are among numbers."""
    return "some begin with a zero, as codes do" if any(map(_LEADING_ZERO.fullmatch, cells)) else ""


def spelled_alike(what: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return a note of names that are one to a reader, though not to a computer.

    >>> spelled_alike("classes", ["Yes", "no", "yes "])
    ("classes that differ by capital letters, blanks or the coding of accents alone: 'Yes', 'yes '",)
    """
    alike: dict[str, dict[str, None]] = {}
    for name in dict.fromkeys(names):
        key = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        alike.setdefault(key, {})[name] = None
    groups = [", ".join(map(repr, group)) for group in alike.values() if len(group) > 1]
    more = f" and {len(groups) - MAX_ALIKE} more" if len(groups) > MAX_ALIKE else ""
    found = "; ".join(groups[:MAX_ALIKE]) + more
    how = "capital letters, blanks or the coding of accents alone"
    return (f"{what} that differ by {how}: {found}",) if found else ()
