"""Cells as people write them, against the same numbers written plainly."""

from __future__ import annotations

import pytest

from paribus.data.readers.cells import decimal_mark, read_column

NARROW, WIDE, MINUS, QUOTE = "\u202f", "\u00a0", "\u2212", "\u2019"


@pytest.mark.parametrize(
    ("cells", "plain", "how"),
    [
        ("1.5 2.25 3", "1.5 2.25 3", ""),
        ("1,5 2,25 3", "1.5 2.25 3", "the decimal mark is a comma"),
        ("0,125 3,250 4", "0.125 3.25 4", "the decimal mark is a comma"),
        ("1,234.5 12,345 999", "1234.5 12345 999", "commas divide thousands"),
        (
            "1.234,5 12.345 999",
            "1234.5 12345 999",
            "the decimal mark is a comma; points divide thousands",
        ),
        ("1.234.567 2.000.000", "1234567 2000000", "points divide thousands"),
        (
            f"1{NARROW}234 2{WIDE}345,5",
            "1234 2345.5",
            "the decimal mark is a comma; blanks divide thousands",
        ),
        (f"1'234 2{QUOTE}345", "1234 2345", "apostrophes divide thousands"),
        ("1_234 5", "1234 5", "underscores divide thousands"),
        ("12% 3.5%", "12 3.5", "each in '%'"),
        ("$12 -$1,300.5", "12 -1300.5", "commas divide thousands; each in '$'"),
        ("12\u20ac 13,5\u20ac", "12 13.5", "the decimal mark is a comma; each in '\u20ac'"),
        ("5kg 6.5kg", "5 6.5", "each in 'kg'"),
        (f"{MINUS}1.2 3", "-1.2 3", ""),
        ("(1.2) 3.0", "-1.2 3", "brackets mean less than zero"),
        ("1.2- 3.0", "-1.2 3", "a minus behind means less than zero"),
        ("1,2e3 2,5e-1", "1200 0.25", "the decimal mark is a comma"),
        ("0x1A 0xff", "26 255", "written in base 16"),
    ],
)
def test_numbers_are_read_as_if_written_plainly(cells: str, plain: str, how: str) -> None:
    column = read_column(cells.split(" "))
    assert column.kind == "number"
    assert column.values == [float(cell) for cell in plain.split(" ")]
    assert (column.how, column.doubt, column.problem) == (how, "", None)


@pytest.mark.parametrize(
    "cells",
    [
        "mild severe",
        "1st 2nd 3rd",
        "10a 10b 12c",
        "A1 A2",
        "2024-01-05 2024-01-06",
        "12:30 1:15",
        "1.2.3 1.2.4",
        "192.168.1.1 10.0.0.1",
        "555-1234 555-9999",
        "10-20 20-30",
        "None mild NA",
    ],
)
def test_text_stays_text(cells: str) -> None:
    column = read_column(cells.split(" "))
    assert (column.kind, column.values, column.problem) == ("text", cells.split(" "), None)


@pytest.mark.parametrize(
    ("cells", "row", "expected"),
    [
        ("1 2 x3", 2, "a number, like most of that column"),
        ("1 <2.5 3", 1, "a number without a sign such as < before it"),
        ("<1 <2.5 3", 0, "a number without a sign such as < before it"),
        ("5kg 600g 6kg", 1, "a number in 'kg', like most of that column"),
        ("5 6 7%", 2, "a number without a unit, like most of that column"),
        (
            "1,234 567 12,345",
            0,
            "a comma that is plainly a decimal mark, or plainly between thousands",
        ),
        ("1,5 inf 2,5", 1, "a finite number, like most of that column"),
    ],
)
def test_a_cell_that_makes_numbers_doubtful_is_named(cells: str, row: int, expected: str) -> None:
    problem = read_column(cells.split(" ")).problem
    assert problem == (row, cells.split(" ")[row], expected)


def test_other_columns_decide_what_a_mark_means() -> None:
    points, commas = ["0.5", "12.25"], ["0,5", "12,25"]
    assert decimal_mark([points, ["x", "y"], ["1", "2"]]) == "."
    assert decimal_mark([commas, ["1.234", "2.345"]]) == ","
    assert decimal_mark([points, commas]) is None
    assert decimal_mark([["1", "2"], ["1,234", "2,345"]]) is None
    assert read_column(["1,234", "567"], ".").values == [1234.0, 567.0]
    assert read_column(["1,234", "567"], ",").values == [1.234, 567.0]
    assert read_column(["9.702", "1.200"], ",").values == [9702.0, 1200.0]
    assert read_column(["9.702", "1.200"]).values == [9.702, 1.2]
    doubtful = read_column(["1,234", "5,678"])
    assert doubtful.values == [1234.0, 5678.0]
    assert doubtful.doubt == (
        "commas were taken to divide thousands; as decimal marks the column is 1000 times smaller"
    )


def test_words_for_missing_values_are_missing_among_numbers_alone() -> None:
    numbers = read_column(["1", "NA", "", "?", "None", "NA"])
    assert numbers.values == [1.0, None, None, None, None, None]
    assert (numbers.missing, dict(numbers.words)) == (5, {"NA": 2, "?": 1, "None": 1})
    texts = read_column(["DE", "NA", "", "?", "None", "NA"])
    assert texts.values == ["DE", "NA", None, "?", "None", "NA"]
    assert (texts.missing, dict(texts.words)) == (1, {})


def test_truth_values() -> None:
    assert read_column(["True", "false", "TRUE", ""]).values == [True, False, True, None]
