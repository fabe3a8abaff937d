"""Cells as people write them, against the same numbers written plainly."""

from __future__ import annotations

import pytest

from paribus.data.readers.cells import decimal_mark, read_column
from paribus.data.readers.dates import is_date

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
        ("0x1A 99", "26 99", "written in base 16"),
        ("1.5D+02 2.5d0", "150 2.5", ""),
        ("1.5x10^3 2×10-1", "1500 0.2", ""),
        ("21.5°C -3°C", "21.5 -3", "each in '°C'"),
        ("12,34,567 1,234 12", "1234567 1234 12", "commas divide thousands"),
        ("310.- 12.50", "310 12.5", ""),
        ("'1.5' '2'", "1.5 2", ""),
        ("007 12", "7 12", "some begin with a zero, as codes do"),
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
        ("1.5 2,5 3", 1, "a number with the decimal mark of the others"),
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


@pytest.mark.parametrize(
    ("cells", "doubt"),
    [
        ("1/2 3/4 1/8", "read as text, though cells such as '1/2' begin with a number"),
        ("12k 3M 4k 5M", "read as text, though cells such as '12k' begin with a number"),
        ("low high 2", ""),
        ("2024-01-05 5/6/24 12:30", ""),
        ("1.234 567", "points were taken for decimal marks, and may divide thousands"),
        ("1.234 567.5", ""),
        ("1e3 2e5", "cells such as '1e3' were read as powers of ten, and may be codes"),
        (
            "1.5 -999 2.5 -999",
            "-999 stands in 2 cells, far from the other numbers: leave these empty if it means that a value is missing",
        ),
        ("1.5 -999 2.5 -500", ""),
        ("997 998 999 999", ""),
    ],
)
def test_what_makes_a_reading_doubtful_is_said(cells: str, doubt: str) -> None:
    assert read_column(cells.split(" ")).doubt == doubt


def test_points_are_decimal_marks_without_doubt_where_other_columns_show_it() -> None:
    assert read_column(["1.234", "567"], ".").doubt == ""


def test_whole_numbers_that_float64_lacks_stay_what_they_are() -> None:
    assert read_column([str(2**53 + 1), "", "5"]).values == [2**53 + 1, None, 5]
    assert read_column(["9" * 5000, "5"]).values == [float("inf"), 5.0]


def test_several_words_for_missing_values_alone_are_words() -> None:
    assert read_column(["none", "unknown", ""]).values == ["none", "unknown", None]
    assert read_column(["NA", "na", ""]).values == [None, None, None]


@pytest.mark.parametrize(
    "text",
    [
        *("2024-01-31", "31.1.2024", "1/31/24", "2024-01-31T12:00:00Z", "2024-01", "Jan 31, 2024"),
        *(
            "1. März 2024",
            "1 févr. 2024",
            "31 January 2024",
            "31-Jan-24",
            "Wed 31 Jan 2024",
            "12:30",
            "9:05:10 pm",
        ),
    ],
)
def test_dates_and_times_of_day(text: str) -> None:
    assert is_date(text)


@pytest.mark.parametrize("text", ["1.0.1", "10.0.0.1", "10-19", "May", "2024", "3/4", "555-1234"])
def test_what_is_no_date(text: str) -> None:
    assert not is_date(text)


def test_words_for_missing_values_are_missing_among_numbers_alone() -> None:
    numbers = read_column(["1", "NA", "", "?", "None", "NA"])
    assert numbers.values == [1.0, None, None, None, None, None]
    assert (numbers.missing, dict(numbers.words)) == (5, {"NA": 2, "?": 1, "None": 1})
    texts = read_column(["DE", "NA", "", "?", "None", "NA"])
    assert texts.values == ["DE", "NA", None, "?", "None", "NA"]
    assert (texts.missing, dict(texts.words)) == (1, {})


def test_truth_values() -> None:
    assert read_column(["True", "false", "TRUE", ""]).values == [True, False, True, None]
