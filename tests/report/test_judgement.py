"""Verdicts on scores from elsewhere: those of published tables, and one line for each table that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats as oracle

import paribus as pb
from tests.helpers.refusals import refused

# Student, The probable error of a mean, Biometrika 6 (1908): additional hours of sleep of ten patients by two drugs.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def table(**scores: list[Any]) -> pd.DataFrame:
    """Return a row for each variant and seed."""
    rows = [(name, i, x) for name, row in scores.items() for i, x in enumerate(row)]
    return pd.DataFrame(rows, columns=["variant", "seed", "score"])


def test_students_table_of_sleep() -> None:
    """A mean of 1.58 hours, t interval .70 to 2.46, nine wins and a tie: sign-flip p 2 / 2^9."""
    found = pb.judge(table(first=FIRST, second=SECOND), "first", margin=0.5)["second"]
    expected = oracle.ttest_rel(SECOND, FIRST).confidence_interval()
    assert found.difference.mean == pytest.approx(1.58)
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(expected))
    assert (found.p_holm, found.wins.wins, found.zero, found.n) == (2**-8, 9, 1, 10)
    assert found.label == "clearly better"
    other = pb.judge(table(first=FIRST, second=SECOND), "second", margin=0.5)["first"]
    assert (other.label, other.difference.mean) == ("clearly worse", pytest.approx(-1.58))


def test_rows_may_stand_in_any_order_and_columns_have_any_name() -> None:
    rows = table(first=FIRST, second=SECOND)
    mixed = rows.sample(frac=1, random_state=0).rename(
        columns={"variant": "drug", "seed": "patient", "score": "hours"}
    )
    found = pb.judge(mixed, "first", variant="drug", seed="patient", score="hours")
    expected = pb.judge(rows, "first")["second"].difference
    assert found["second"].difference.low == pytest.approx(expected.low)
    assert str(found).startswith("hours, 10 seeds: which variant differs from first?\nvariant")


def test_a_loss_is_better_where_it_is_lower() -> None:
    found = pb.judge(table(first=FIRST, second=SECOND), "first", higher_is_better=False)
    assert found["second"].decision == "worse"
    assert "score (lower is better); difference: first minus variant" in str(found)


def test_all_variants_are_one_family() -> None:
    found = pb.judge(table(a=FIRST, b=SECOND, c=[x + 9 for x in SECOND]), "a")
    assert [*found] == ["b", "c"]
    assert found["c"].p_holm == 2 * found["c"].p


def test_it_is_shown_and_written(tmp_path: Path) -> None:
    found = pb.judge(table(first=FIRST, second=SECOND), "first", margin=0.5)
    frame = found.to_frame()
    assert frame["verdict"].tolist()[1] == "clearly better"
    assert frame.loc[1, ["low", "high"]].tolist() == [
        found["second"].difference.low,
        found["second"].difference.high,
    ]
    assert "<td>clearly better</td>" in found._repr_html_()
    page = found.report(tmp_path / "deep" / "er").read_text("utf-8")
    assert "| second    | 2.3 ± 2.0 " in page
    assert "which variant differs from first?** clearly better: second.\n" in page
    assert "Holm-adjusted over 1 contrast with first" in page
    assert "[equivalence margin](method.md#equivalence): ±0.5" in page
    assert (tmp_path / "deep" / "er" / "method.md").exists()


BAD: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "no such column": (
        table(a=FIRST, b=SECOND),
        {"score": "loss"},
        "columns of the table of scores: got no 'loss' among variant, seed, score, expected columns of variants, seeds "
        "and scores, a row for each variant and seed. Name the one of the scores by score=COLUMN.",
    ),
    "no such baseline": (
        table(b=FIRST, c=SECOND),
        {},
        "baseline of the table of scores: got 'a', expected one of b, c. Name the variant that the others are compared "
        "with.",
    ),
    "no rows": (
        table(),
        {},
        "baseline of the table of scores: got 'a', expected a variant, but there are no rows. Name the variant that "
        "the others are compared with.",
    ),
    "one variant": (
        table(a=FIRST),
        {},
        "variants of the table of scores: got 'a' alone, expected two or more. Give the scores of what it is compared "
        "with, too.",
    ),
    "a seed twice": (
        pd.concat([table(a=FIRST, b=SECOND), table(b=SECOND[:1])]),
        {},
        "row 21 of the table of scores: got a second score of variant 'b' at seed '0', expected one score for each "
        "variant and seed. Keep one of them, or average them before.",
    ),
    "unpaired seeds": (
        table(a=FIRST, b=SECOND[:8]),
        {},
        "seeds of the table of scores: got no score of 'b' at 8, 9, expected the same 10 seeds for every variant: "
        "scores are compared pair by pair. Add what is missing, or leave these seeds out for all variants.",
    ),
    "a word for a score": (
        table(a=FIRST, b=[*SECOND[:9], "diverged"]),
        {},
        "score in row 20 of the table of scores: got 'diverged', expected a finite number. Give a run that failed the "
        "score that a failure is worth, or leave its seed out for all variants.",
    ),
    "no score": (
        table(a=FIRST, b=[*SECOND[:9], float("nan")]),
        {},
        "score in row 20 of the table of scores: got nothing, expected a finite number. Give a run that failed the "
        "score that a failure is worth, or leave its seed out for all variants.",
    ),
    "no variant": (
        table(a=FIRST, **{" ": SECOND}),
        {},
        "variant in row 11 of the table of scores: got nothing, expected a variant. Fill it, or leave the row out.",
    ),
}


@pytest.mark.parametrize("score", ["median", "difference", "p", "size"])
def test_a_score_that_is_called_like_a_result_is_refused(score: str) -> None:
    frame = table(a=FIRST, b=SECOND).rename(columns={"score": score})
    assert refused(pb.judge, frame, "a", score=score) == (
        f"column of scores of the table of scores: got {score!r}, which a column of the results is called, expected "
        "another name. Rename the column, such as to what it measures."
    )


def test_variants_may_be_numbers() -> None:
    frame = table(a=FIRST, b=SECOND).replace({"a": 16, "b": 32})
    found = pb.judge(frame, 16)
    assert found[32].decision == "better"
    assert [*found] == ["32"]


def test_variants_of_one_verdict_stand_together() -> None:
    few = [x + 1 for x in FIRST[:6]]
    scores = {"base": FIRST[:6], "b": few, "a": [x + 1 for x in few], "c": [x + 2 for x in few]}
    found = pb.judge(table(**scores), "base")
    assert found.answer == "undecided (few seeds: a look, 6 of 7 needed): b, a and c."


def test_a_single_seed_has_no_spread() -> None:
    found = pb.judge(table(a=FIRST[:1], b=FIRST[:1]), "a")
    page = found.page()
    assert "score, 1 seed:" in page
    assert "\u00b1" not in page
    assert "| b         | 0.700   | 0 " in page


def test_names_are_escaped_in_a_notebook() -> None:
    shown = pb.judge(table(**{"<b>x</b>": FIRST, "y": SECOND}), "<b>x</b>")._repr_html_()
    assert "<b>" not in shown


@pytest.mark.parametrize("name", BAD)
def test_a_table_that_holds_no_pairs_is_refused(name: str) -> None:
    frame, columns, told = BAD[name]
    assert refused(pb.judge, frame, "a", **columns) == told


def test_a_contrast_that_is_not_there_is_refused_by_name() -> None:
    found = pb.judge(table(a=FIRST, b=SECOND), "a")
    assert refused(lambda: found["a"]) == (
        "a variant of the judgement: got 'a', expected one of b. Name a variant that is held against the baseline."
    )
