"""Cells of one column of a table: numbers as people write them, words for missing values, or text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from paribus.data.readers.doubts import doubt_of, half_numbers, leading_zeros

Mark = Literal[".", ","]

# What stands for a missing value among numbers; among words it is a word like any other.
MISSING_WORDS = frozenset(
    (
        *("na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "-nan", "null", "none", "nil"),
        *("?", ".", "-", "--", "–", "—", "missing", "unknown", "#value!", "#div/0!"),
        *("..", ":", "\\n", "nat", "n.d.", "k.a.", "#ref!", "#name?", "#num!", "#null!"),
        *("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    )
)
SAMPLE = 2000  # cells of a column that show its decimal mark
COMMA = "the decimal mark is a comma"
BOOLEANS = {"true": True, "false": False}
CURRENCIES = "$€£¥₹₽₩₺¢"
_SPACES = dict.fromkeys((0xA0, 0x2007, 0x2009, 0x202F), " ")
_MINUS = dict.fromkeys((0x2212, 0x2013, 0xFE63, 0xFF0D), "-")
_QUOTES = dict.fromkeys((0x2019, 0x02BC, 0x60), "'")
_CELL = re.compile(
    rf"""(?P<open>\()?\s*(?P<sign>[+-])?\s*(?P<before>[{CURRENCIES}]|[A-Z]{{3}}\s)?\s*(?P<inner>[+-])?
    (?P<body>\d[\d., '_]*|[.,]\d+)(?P<exponent>[eEdD][+-]?\d+|\s?[x×*]\s?10\^?[+-]?\d+)?
    (?P<after>(?<=[.,])-|-(?!\s*[^\W\d_]))?
    \s*(?P<unit>[%‰]|(?<![.,])°?[^\W\d_{CURRENCIES}][^\s\d]{{0,7}}|°|[{CURRENCIES}])?\s*(?P<close>\))?""",
    re.VERBOSE,
)
_GROUPED = {
    ".": re.compile(  # by thousands, or the Indian way
        r"[1-9]\d{0,2}(?P<mark>[, '_])\d{3}(?:(?P=mark)\d{3})*(?:\.\d*)?|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d*)?"
    ),
    ",": re.compile(r"[1-9]\d{0,2}(?P<mark>[. '_])\d{3}(?:(?P=mark)\d{3})*(?:,\d*)?"),
}
_PLAIN = {".": re.compile(r"\d*\.?\d*"), ",": re.compile(r"\d*,?\d*")}
_ONE_GROUP = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_PYTHON = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_BOUND = re.compile(r"[<>≤≥~≈]=?\s*[\d.,]+.*")
_HEX = re.compile(r"0x[0-9a-f]+", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+")
_QUOTED = re.compile(r"'[^']*'")
_EXACT = 2**53  # whole numbers beyond it are not all float64


class Problem(NamedTuple):
    """Cell that cannot be read like the rest of its column."""

    row: int
    cell: str
    expected: str


@dataclass(frozen=True)
class Column:
    """Cells of a column as they were read.

    Attributes:
        kind: of the cells.
        values: a number, a truth value or a text each, None where missing.
        missing: how many are.
        words: how often each word was taken for a missing value.
        how: how numbers are written, where that is not plain; what was decided, for a page.
        doubt: what a reader of the page should check.
        problem: the first cell that makes the column unusable, if one does.
    """

    kind: Literal["number", "truth value", "text"]
    values: list[Any]
    missing: int
    words: Counter[str]
    how: str = ""
    doubt: str = ""
    problem: Problem | None = None


def is_number(text: object) -> bool:
    """Return whether a text is a number as Python writes it, infinite ones included."""
    return bool(_PYTHON.fullmatch(str(text)) or _INFINITE.fullmatch(str(text)))


def read_column(cells: Sequence[str], decimal: Mark | None = None) -> Column:
    """Read the cells of a column: numbers if all of them are, apart from words for missing values; else text.

    Args:
        cells: as they stand in the file.
        decimal: decimal mark of the file's other columns, None where they have none.
    """
    stripped = [cell.strip() for cell in cells]
    commas = decimal == "," and not any("." in cell for cell in stripped)
    pointed = [cell.replace(",", ".") for cell in stripped] if commas else stripped
    plain = _quickly(pointed) if commas or decimal != "," else None
    if plain is not None:
        how = COMMA if commas and any("," in cell for cell in stripped) else leading_zeros(stripped)
        return Column("number", plain, 0, Counter(), how, doubt_of(stripped, plain))
    present = [cell for cell in stripped if cell]
    if present and all(map(_QUOTED.fullmatch, present)):
        return read_column([cell[1:-1] for cell in stripped], decimal)
    if present and all(cell.casefold() in BOOLEANS for cell in present):
        truths = [BOOLEANS[cell.casefold()] if cell else None for cell in stripped]
        return Column("truth value", truths, truths.count(None), Counter())
    return _numbers_or_text(stripped, Counter(c for c in present if is_missing(c)), decimal)


def is_missing(cell: str) -> bool:
    """Return whether a word stands for a missing value, where it is among numbers."""
    return cell.casefold() in MISSING_WORDS


def _numbers_or_text(cells: list[str], words: Counter[str], decimal: Mark | None) -> Column:
    known = [i for i, cell in enumerate(cells) if cell and cell not in words]
    if not known and len({word.casefold() for word in words}) > 1:  # words among words
        return Column("text", [c or None for c in cells], cells.count(""), Counter())
    tidy = [cells[i].translate(_SPACES).translate(_MINUS).translate(_QUOTES).strip() for i in known]
    numbers = _numbers(tidy, decimal)
    if isinstance(numbers, _Numbers):
        values: list[Any] = [None] * len(cells)
        for i, value in zip(known, numbers.values, strict=True):
            values[i] = value
        missing = len(cells) - len(known)
        doubt = numbers.doubt or doubt_of(cells, numbers.values)
        return Column("number", values, missing, words, numbers.how, doubt)
    problem = None
    if numbers is not None:
        row = known[numbers.at]
        problem = Problem(row, cells[row], numbers.expected)
    texts = [cell or None for cell in cells]
    doubt = "" if problem else half_numbers([cell for cell in texts if cell])
    return Column("text", texts, texts.count(None), Counter(), doubt=doubt, problem=problem)


def decimal_mark(columns: Iterable[Sequence[str]]) -> Mark | None:
    """Return the decimal mark that the columns of a file show without doubt, None where none or both are shown."""
    shown: set[Mark] = set()
    for column in columns:
        cells = column[:: 1 + len(column) // SAMPLE]
        found = [m for c in cells if (m := _CELL.fullmatch(c.strip().translate(_SPACES)))]
        if 2 * len(found) <= sum(bool(c.strip()) for c in cells):
            continue
        bodies = [m["body"] for m in found]
        marks: dict[Mark, bool] = {mark: all(_fits(b, mark) for b in bodies) for mark in (".", ",")}
        shown |= {
            mark
            for mark, fits in marks.items()
            if fits and any(mark in b and not _fits(b, "," if mark == "." else ".") for b in bodies)
        }
    return shown.pop() if len(shown) == 1 else None


def _quickly(cells: Sequence[str]) -> list[Any] | None:
    """Return finite numbers as Python writes them, None if any cell is something else; for long columns."""
    try:
        numbers = np.array(cells, dtype=np.float64)
    except ValueError:
        return None
    if not np.isfinite(numbers).all() or any("_" in cell for cell in cells):
        return None
    if np.abs(numbers).max(initial=0) >= _EXACT or _by_thousands(cells):
        return None
    values: list[Any] = numbers.tolist()
    return values


class _Numbers(NamedTuple):
    values: Sequence[float]
    how: str
    doubt: str = ""


class _Refused(NamedTuple):
    at: int
    expected: str


def _numbers(cells: Sequence[str], decimal: Mark | None) -> _Numbers | _Refused | None:
    """Return the numbers that cells are, what stands in the way of reading them, or None for text."""
    if all(map(is_number, cells)):
        return _plain(cells, decimal)
    if all(_HEX.fullmatch(cell) or cell.isdecimal() for cell in cells):
        return _Numbers(
            [_in_base_16(cell) for cell in cells],
            "written in base 16",
        )
    matches = [_CELL.fullmatch(cell) for cell in cells]
    wrong = [
        i for i, (c, m) in enumerate(zip(cells, matches, strict=True)) if not (m or is_number(c))
    ]
    if not wrong:
        return _written(matches, decimal)
    plain = sum(bool(m and _reads(m["body"])) for m in matches)
    bounds = [i for i in wrong if _BOUND.fullmatch(cells[i])]
    if bounds and plain and 2 * (len(wrong) - len(bounds)) < len(cells):
        return _Refused(bounds[0], "a number without a sign such as < before it")
    most = 2 * plain > len(cells)
    return _Refused(wrong[0], "a number, like most of that column") if most else None


def _in_base_16(cell: str) -> float:
    """Return a number in base 16, or one without its mark, infinite where that overflows."""
    try:
        return float(int(cell, 16 if "x" in cell.casefold() else 10))
    except (OverflowError, ValueError):  # of more digits than Python reads
        return math.inf


def _plain(cells: Sequence[str], decimal: Mark | None) -> _Numbers:
    """Read numbers as Python writes them, unless other columns show that their points divide thousands."""
    if decimal == "," and _by_thousands(cells):
        values = [float(cell.replace(".", "")) for cell in cells]
        return _Numbers(values, "points divide thousands, as the file's decimal mark is a comma")
    whole = all(_WHOLE.fullmatch(cell) and len(cell) < 300 for cell in cells)
    if whole and any(abs(int(cell)) >= _EXACT for cell in cells):
        return _Numbers([int(cell) for cell in cells], "")
    doubt = "points were taken for decimal marks, and may divide thousands"
    floats = [float(cell) for cell in cells]
    return _Numbers(
        floats, leading_zeros(cells), doubt if decimal is None and _by_thousands(cells) else ""
    )


def _by_thousands(cells: Sequence[str]) -> bool:
    """Return whether all points of a column may divide thousands."""
    dotted = (cell.lstrip("+-") for cell in cells if "." in cell)
    first = next(dotted, None)
    return first is not None and all(map(_ONE_GROUP.fullmatch, (first, *dotted)))


def _written(
    matches: Sequence[re.Match[str] | None], decimal: Mark | None
) -> _Numbers | _Refused | None:
    """Read numbers with units, signs and marks that are not Python's."""
    found = [m for m in matches if m]
    if len(found) < len(matches):
        return _Refused(matches.index(None), "a finite number, like most of that column")
    each = _without_plurals([_unit(m) for m in found])
    usual, count = Counter(each).most_common(1)[0]
    if 2 * count <= len(each):
        return None
    if count < len(each):
        at = next(i for i, unit in enumerate(each) if unit != usual)
        wanted = f"a number in {usual!r}" if usual else "a number without a unit"
        return _Refused(at, f"{wanted}, like most of that column")
    mark, doubt = _mark([m["body"].strip() for m in found], decimal)
    if mark is None:
        bodies = [m["body"] for m in found]
        at = next((i for i, b in enumerate(bodies) if not _fits(b, _first_mark(bodies))), 0)
        each_fits = all(map(_reads, bodies))
        wanted = "a number with the decimal mark of the others"
        return _Refused(at, wanted) if usual or each_fits else None
    if mark == "?":
        at = next(i for i, m in enumerate(found) if "," in m["body"])
        return _Refused(at, "a comma that is plainly a decimal mark, or plainly between thousands")
    return _Numbers([_value(m, mark) for m in found], _how(found, mark, usual), doubt)


def _unit(match: re.Match[str]) -> str:
    return (match["before"] or "").strip() + (match["unit"] or "")


def _without_plurals(units: list[str]) -> list[str]:
    """Return units with ``days`` as ``day`` where both are there."""
    words = {unit for unit in units if len(unit) > 2}  # m and ms are two
    return [unit[:-1] if unit.endswith("s") and unit[:-1] in words else unit for unit in units]


def _mark(bodies: Sequence[str], decimal: Mark | None) -> tuple[Mark | Literal["?"] | None, str]:
    """Return the decimal mark with which every number makes sense, ``?`` where two readings differ."""
    fits: list[Mark] = [mark for mark in (".", ",") if all(_fits(b, mark) for b in bodies)]
    if len(fits) < 2:
        return (fits[0] if fits else None), ""
    marked = [b for b in bodies if "," in b or "." in b]
    if not marked:
        return ".", ""
    if decimal is not None:
        return decimal, ""
    if any("." in b for b in marked):
        return ".", ""
    if len(marked) == len(
        bodies
    ):  # the readings differ by a factor of 1000, which standardising takes away
        return (
            ".",
            "commas were taken to divide thousands; as decimal marks the column is 1000 times smaller",
        )
    return "?", ""


def _first_mark(bodies: Sequence[str]) -> Mark:
    """Return the decimal mark of the first number that shows one."""
    shown = (b for b in bodies if _fits(b, ".") != _fits(b, ","))
    return "." if _fits(next(shown, "."), ".") else ","


def _reads(body: str) -> bool:
    """Return whether a body is a number with either decimal mark."""
    return _fits(body, ".") or _fits(body, ",")


def _fits(body: str, mark: Mark) -> bool:
    body = body.strip()
    return bool(_PLAIN[mark].fullmatch(body) or _GROUPED[mark].fullmatch(body))


def _value(match: re.Match[str], mark: Mark) -> float:
    body = re.sub(r"[ '_]", "", match["body"])
    body = body.replace("," if mark == "." else ".", "").replace(",", ".")
    power = re.sub(r"\s?[x×*]\s?10\^?|[dD]", "e", match["exponent"] or "")
    value = float(body + power)
    minus = [match["sign"] == "-", match["inner"] == "-", _is_negative_behind(match)]
    bracketed = bool(match["open"] and match["close"])
    return -value if (sum(minus) + bracketed) % 2 else value


def _is_negative_behind(match: re.Match[str]) -> bool:
    """Return whether a minus follows, which in ``12.-`` stands for no cents."""
    return match["after"] == "-" and match["body"].strip()[-1] not in ".,"


def _how(found: Sequence[re.Match[str]], mark: Mark, unit: str) -> str:
    bodies = [m["body"].strip() for m in found]
    divided = {
        name
        for char, name in ((" ", "blanks"), ("'", "apostrophes"), ("_", "underscores"))
        if any(char in body for body in bodies)
    }
    other = "," if mark == "." else "."
    if any(other in body for body in bodies):
        divided.add("commas" if other == "," else "points")
    parts = {
        COMMA: mark == "," and any("," in body for body in bodies),
        f"{' and '.join(sorted(divided))} divide thousands": divided,
        f"each in {unit!r}": unit,
        "brackets mean less than zero": any(m["open"] for m in found),
        "a minus behind means less than zero": any(map(_is_negative_behind, found)),
    }
    return "; ".join(part for part, holds in parts.items() if holds)
