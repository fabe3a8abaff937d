"""Scores that exist already, one a variant and seed, as paired rows; needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("variant", "seed", "score")
# What columns of results are called, besides the scores.
RESERVED = {
    *(
        "variant",
        "median",
        "difference",
        "wins",
        "ties",
        "share of wins",
        "p",
        "verdict",
        "visible",
    ),
    *("low", "high", "decision", "size", "reason"),
}
MAX_NAMED = 6  # seeds or variants that an error names


@dataclass(frozen=True)
class ScoreSheet:
    """Scores of several variants on the same seeds.

    Attributes:
        baseline: the variant that the others are held against.
        seeds: in the order in which the baseline has them.
        scores: ``(seed,)`` by variant, the baseline first, then in the order of the table.
    """

    baseline: str
    seeds: tuple[str, ...]
    scores: Mapping[str, Sequence[float]]


def score_sheet(
    frame: pd.DataFrame,
    baseline: Any,
    *,
    variant: str = "variant",
    seed: str = "seed",
    score: str = "score",
    name: str = "the table of scores",
    lines: Sequence[int] | None = None,
) -> ScoreSheet:
    """Return the scores of a table that has a row for each variant and seed.

    Args:
        frame: the table.
        baseline: a variant.
        variant: the column of the variants' names.
        seed: the column of what pairs scores: seeds, folds, subjects or data sets.
        score: the column of the scores.
        name: of the table, for errors.
        lines: of the file, one a row, for errors; rows are counted from 1 if None.

    Raises:
        ParibusError: a column is not there, the score has the name of a column of results, a cell is empty, a score is
            no finite number, a variant has a seed twice or lacks one that another has, there is one variant alone, or
            no such baseline.
    """
    for option, asked in (("variant", variant), ("seed", seed), ("score", score)):
        if asked not in frame:
            raise ParibusError(
                f"columns of {name}",
                got=f"no {asked!r} among {_listed(map(str, frame.columns))}",
                expected="columns of variants, seeds and scores, a row for each variant and seed",
                fix=f"Name the one of the {option}s by {option}=COLUMN.",
            )
    if len({variant, seed, score}) < 3:
        raise ParibusError(
            f"columns of {name}",
            got=f"variants from {variant!r}, seeds from {seed!r} and scores from {score!r}",
            expected="three different columns",
            fix="Name each of them once.",
        )
    if score in RESERVED:
        raise ParibusError(
            f"column of scores of {name}",
            got=f"{score!r}, which a column of the results is called",
            expected="another name",
            fix="Rename the column, such as to what it measures.",
        )
    places = [f"line {n}" for n in lines] if lines else [f"row {i + 1}" for i in range(len(frame))]
    found: dict[str, dict[str, float]] = {}
    baseline = as_name(baseline)
    rows = zip(places, frame[variant], frame[seed], frame[score], strict=True)
    for place, of, at, value in rows:
        one, key = (_name(x, column, name, place) for x, column in ((of, variant), (at, seed)))
        row = found.setdefault(one, {})
        if key in row:
            raise ParibusError(
                f"{place} of {name}",
                got=f"a second score of variant {one!r} at seed {key!r}",
                expected="one score for each variant and seed",
                fix="Keep one of them, or average them before.",
            )
        row[key] = _number(value, f"{score} in {place} of {name}")
    _refuse_variants(found, baseline, name)
    _refuse_unpaired(found, name)
    seeds = tuple(found[baseline])
    order = [baseline, *(each for each in found if each != baseline)]
    return ScoreSheet(baseline, seeds, {each: [found[each][s] for s in seeds] for each in order})


def _name(value: Any, column: str, name: str, place: str) -> str:
    """Return a cell as a name: whole numbers as such."""
    if _is_empty(value):
        raise ParibusError(
            f"{column} in {place} of {name}",
            got="nothing",
            expected=f"a {column}",
            fix="Fill it, or leave the row out.",
        )
    return as_name(value)


def as_name(value: Any) -> str:
    """Return a cell as a name, whole numbers without a point, as a column of a frame has them where one was missing.

    >>> as_name(16.0), as_name(" adam "), as_name("01")
    ('16', 'adam', '01')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _is_empty(value: Any) -> bool:
    """Return whether a cell holds nothing: None, NaN or blanks."""
    return value is None or str(value).strip().casefold() in ("", "nan", "nat", "<na>")


def _number(value: Any, what: str) -> float:
    """Return a finite score."""
    try:
        # Python reads 1_0 as ten.
        number = None if "_" in str(value) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is not None and isfinite(number):
        return number
    raise ParibusError(
        what,
        got="nothing" if _is_empty(value) else repr(value),
        expected="a finite number",
        fix="Give a run that failed the score that a failure is worth, or leave its seed out for all variants.",
    )


def _refuse_variants(found: Mapping[str, Any], baseline: str, name: str) -> None:
    if baseline not in found:
        raise ParibusError(
            f"baseline of {name}",
            got=repr(baseline),
            expected=f"one of {_listed(found)}" if found else "a variant, but there are no rows",
            fix="Name the variant that the others are compared with.",
        )
    if len(found) < 2:
        raise ParibusError(
            f"variants of {name}",
            got=f"{baseline!r} alone",
            expected="two or more",
            fix="Give the scores of what it is compared with, too.",
        )


def _refuse_unpaired(found: Mapping[str, Mapping[str, float]], name: str) -> None:
    """Refuse variants whose seeds are not those of all others."""
    count = Counter(seed for row in found.values() for seed in row)
    lacking = {
        one: [seed for seed in count if seed not in row]
        for one, row in found.items()
        if len(row) < len(count)
    }
    if not lacking:
        return
    one, seeds = next(iter(lacking.items()))
    raise ParibusError(
        f"seeds of {name}",
        got=f"no score of {one!r} at {_listed(seeds)}",
        expected=f"the same {len(count)} seeds for every variant: scores are compared pair by pair",
        fix="Add what is missing, or leave these seeds out for all variants.",
    )


def _listed(names: Iterable[str]) -> str:
    shown = [*names]
    more = f" and {len(shown) - MAX_NAMED} more" if len(shown) > MAX_NAMED else ""
    return ", ".join(shown[:MAX_NAMED]) + more
