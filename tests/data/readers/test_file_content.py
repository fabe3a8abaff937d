"""One table in many formats and encodings is read as the same table, and others are named."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
import torch

from paribus.data.readers.csv_file import read_csv_file
from paribus.data.readers.encodings import decoded
from paribus.data.readers.size_limit import most_bytes
from paribus.data.readers.table import read_table
from tests.helpers.refusals import refused

ROWS = [(1.5, "Größe", "ja"), (2.25, "Maß", "nein"), (-3.0, "Größe", "ja"), (0.125, "Maß", "nein")]
PLAIN = "länge,art,klasse\n" + "".join(f"{x},{t},{y}\n" for x, t, y in ROWS)


def packed(kind: str) -> bytes:
    """Return the table packed."""
    plain = PLAIN.encode()
    if kind == "zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("table.csv", plain)
            archive.writestr("__MACOSX/._table.csv", b"junk")
        return stream.getvalue()
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "bzip2": bz2.compress,
        "xz": lzma.compress,
    }
    return pack[kind](plain)


def frame(kind: str) -> bytes:
    """Return the table as Excel or Parquet writes it."""
    data = pd.DataFrame(ROWS, columns=["länge", "art", "klasse"])
    stream = io.BytesIO()
    data.to_excel(stream, index=False) if kind == "excel" else data.to_parquet(stream)
    return stream.getvalue()


WAYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "UTF-8": (PLAIN.encode, "text in UTF-8, parted by commas"),
    "a mark": (lambda: PLAIN.encode("utf-8-sig"), "text in UTF-8, parted by commas"),
    "UTF-16": (lambda: PLAIN.encode("utf-16"), "text in UTF-16, parted by commas"),
    "UTF-16 without a mark": (
        lambda: PLAIN.encode("utf-16-le"),
        "text in UTF-16-LE, parted by commas",
    ),
    "cp1252": (lambda: PLAIN.encode("cp1252"), "text in CP1252, parted by commas"),
    "Windows lines": (
        lambda: PLAIN.replace("\n", "\r\n").encode(),
        "text in UTF-8, parted by commas",
    ),
    "tabs": (lambda: PLAIN.replace(",", "\t").encode(), "text in UTF-8, parted by tabs"),
    "bars": (lambda: PLAIN.replace(",", "|").encode(), "text in UTF-8, parted by bars"),
    "semicolons": (
        lambda: PLAIN.replace(",", ";").replace(".", ",").encode(),
        "text in UTF-8, parted by semicolons",
    ),
    "UTF-32": (lambda: PLAIN.encode("utf-32"), "text in UTF-32, parted by commas"),
    "Excel's line": (
        lambda: b"sep=;\r\n" + PLAIN.replace(",", ";").encode(),
        "text in UTF-8, parted by semicolons",
    ),
    "separators at the end": (
        lambda: PLAIN.replace("\n", ",\n").encode(),
        "text in UTF-8, parted by commas",
    ),
    "blank lines": (
        lambda: PLAIN.replace("\n", "\n  \n").encode(),
        "text in UTF-8, parted by commas",
    ),
    "two marks": (lambda: b"\xef\xbb\xbf" * 2 + PLAIN.encode(), "text in UTF-8, parted by commas"),
    "gzip twice": (
        lambda: gzip.compress(packed("gzip")),
        "text in UTF-8, packed by gzip, packed by gzip, parted by commas",
    ),
    "gzip": (lambda: packed("gzip"), "text in UTF-8, packed by gzip, parted by commas"),
    "bzip2": (lambda: packed("bzip2"), "text in UTF-8, packed by bzip2, parted by commas"),
    "xz": (lambda: packed("xz"), "text in UTF-8, packed by xz, parted by commas"),
    "zip": (lambda: packed("zip"), "text in UTF-8, packed by zip, parted by commas"),
    "Excel": (lambda: frame("excel"), "Excel file, sheet 'Sheet1'"),
    "Parquet": (lambda: frame("parquet"), "Parquet file"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_table_is_the_same_in_every_format(tmp_path: Path, way: str) -> None:
    made, how = WAYS[way]
    path = tmp_path / "t.dat"
    path.write_bytes(made())
    dataset = read_table(path)
    assert torch.equal(
        dataset.inputs[0], torch.tensor([[x, t[0] == "G", t[0] == "M"] for x, t, _ in ROWS])
    )
    assert dataset.features == ("länge", "art=Größe", "art=Maß")
    assert dataset.classes == ("ja", "nein")
    assert dataset.readings[0].became == how


def test_a_guessed_encoding_shows_words_to_check_it_by(tmp_path: Path) -> None:
    text = "город,страна,y\n" + "Москва,Россия,да\nКазань,Россия,нет\n" * 20  # noqa: RUF001
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("cp1251"))
    file = read_csv_file(path)
    assert [*file.texts] == ["город", "страна", "y"]
    assert file.about[0].became == "text in CP1251, parted by commas"
    guess = "the encoding was guessed as cp1251: check город, страна, Москва, Россия, да, Казань"
    assert file.about[0].reason == f"40 rows of 3 columns; {guess}"
    assert guess in read_table(path).notes


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1252", "café tea"),
        ("cp1252", "€5 $7"),
        ("cp1252", "5m² 7m²"),
        ("cp1252", "£ $"),
        ("cp1252", "“Köln” Lübeck’s"),  # noqa: RUF001
        ("cp1250", "Łódź Gdańsk Kraków"),
        ("cp1254", "Kadıköy Beşiktaş"),  # noqa: RUF001
        ("cp850", "München Köln"),
        ("koi8_r", "Москва Казань Омск"),
        ("cp866", "Москва Казань Омск"),
        ("cp1253", "Αθήνα Πάτρα Βόλος"),
        ("cp932", "東京 大阪 京都"),
        ("utf-16-le", "東京 大阪 京都"),
        ("utf-16-be", "Москва Казань Омск"),
    ],
)
def test_encodings_without_a_mark_are_guessed(encoding: str, words: str) -> None:
    text = "x,t\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words.split() * 8))
    found = decoded(Path("t.csv"), text.encode(encoding))
    assert (found.text, found.encoding) == (text, encoding.upper())


def test_names_may_hold_commas_where_semicolons_part(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a, in m;b;y\n1,5;2;u\n2,5;3;v\n")
    assert read_csv_file(path).texts == {
        "a, in m": ["1,5", "2,5"],
        "b": ["2", "3"],
        "y": ["u", "v"],
    }


def test_a_sheet_s_numbers_keep_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame(
        {"x": [0.1, 1e-17, 3.0], "n": [2**53 + 1, 1, 2], "y": [True, False, None]}
    ).to_parquet(path)
    file = read_csv_file(path)
    assert file.texts == {
        "x": ["0.1", "1e-17", "3.0"],
        "n": ["9007199254740993", "1", "2"],
        "y": ["True", "False", ""],
    }


def test_names_may_hold_commas_beside_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a, in m;y\n1,5;u\n2,5;v\n")
    assert read_csv_file(path).texts == {"a, in m": ["1,5", "2,5"], "y": ["u", "v"]}


def book(rows: list[list[object]], change: Callable[[Any], object] = lambda _sheet: None) -> bytes:
    """Return an Excel file of one sheet."""
    made = openpyxl.Workbook()
    assert made.active is not None
    for row in rows:
        made.active.append(row)
    change(made.active)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


ROW: list[object] = [1.5, 2, "u"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            book([["x", "g", "y"], ROW, [2.5, None, "v"]], lambda s: s.merge_cells("B2:B3")),
            "cells B2:B3 of t.xlsx, sheet 'Sheet': got cells that are merged, expected a value in each cell. "
            "Split them, and fill each.",
        ),
        (
            book([["x", "g", "y"], ROW, [2.5, "=A3*2", "v"]]),
            "cell B3 of t.xlsx, sheet 'Sheet': got the formula =A3*2 without its result, expected values. "
            "Open the file in a spreadsheet program and save it, or save the table as CSV.",
        ),
        (
            book([]),
            "sheet 'Sheet' of t.xlsx: got no cell with a value, expected a table. Move the table to the first sheet.",
        ),
        (
            book([["x", "x", "y"], ROW]),
            "first line of t.xlsx: got 'x' more than once, expected a different name for each column. "
            "Save the table with the columns' names in its first line.",
        ),
    ],
)
def test_sheets_that_do_not_say_their_values_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(content)
    assert refused(read_csv_file, path) == message


def test_the_first_sheet_that_is_shown_is_read_and_the_others_named(tmp_path: Path) -> None:
    def more(sheet: Any) -> None:
        sheet.parent.create_sheet("Notes").append(["z"])
        sheet.parent.create_sheet("Cover", 0).sheet_state = "hidden"

    path = tmp_path / "t.xlsx"
    when = datetime.datetime(2024, 1, 31)  # noqa: DTZ001 - sheets hold none with a zone
    path.write_bytes(book([["x", "when", "y"], [0.1, when, True], [None, when, "None"]], more))
    file = read_csv_file(path)
    assert file.texts == {
        "x": ["0.1", ""],
        "when": ["2024-01-31 00:00:00"] * 2,
        "y": ["True", "None"],
    }
    assert file.notes == ("of t.xlsx sheet 'Sheet' was read alone, not 'Notes'",)


def test_rows_and_columns_that_a_sheet_hides_are_told(tmp_path: Path) -> None:
    def hide(sheet: Any) -> None:
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["B"].hidden = True

    path = tmp_path / "t.xlsx"
    path.write_bytes(book([["x", "z", "y"], *([i, i * i, "ab"[i % 2]] for i in range(4))], hide))
    assert read_csv_file(path).notes == (
        "t.xlsx has 1 hidden row (line 3) and hidden columns (B), which were read too",
    )


def test_a_first_sheet_of_one_column_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(book([["note"], ["read me"]]))
    assert refused(read_csv_file, path) == (
        "t.xlsx: got one column, 'note', expected a table of two columns or more on the first sheet. Move the table to "
        "the first sheet, or hide the sheets before it."
    )


@pytest.mark.parametrize("name", ["t.npz", "t.xls"])
def test_arrays_and_pages_are_told_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "t.npz":
        np.savez(path, x=np.arange(3), y=np.arange(3))
    else:
        pd.DataFrame({"x": [1], "y": [2]}).to_html(path)
    got = {"t.npz": "NumPy arrays (npz)", "t.xls": "an HTML page"}[name]
    assert refused(read_csv_file, path).startswith(f"{name}: got {got}, expected a table in text.")


def test_an_index_of_a_parquet_file_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"x": pd.to_timedelta([90, 30], unit="s")}, index=["p1", "p2"])
    frame.rename_axis("patient").to_parquet(path)
    assert read_csv_file(path).texts == {"patient": ["p1", "p2"], "x": ["90.0", "30.0"]}


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"x": [[1, 2], [3]], "y": [0, 1]}).to_parquet(path)
    assert refused(read_csv_file, path) == (
        "column 'x' of t.parquet, row 1: got a value of type ndarray, expected numbers, truth values, text or times. "
        "Save the table without that column, or with its parts in columns of their own."
    )


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    message = refused(read_table, tmp_path / "pipe")
    assert message == (
        f"a table file: got {tmp_path / 'pipe'}, which is a device or a pipe, expected a file that can be read. "
        "Check the path."
    )


def test_a_format_that_is_not_there_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(frame("excel"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert refused(read_table, path) == (
        "t.xlsx: got an Excel file, and no openpyxl to read it, expected openpyxl, or a table in text. "
        "Install it by pip install 'paribus[excel]', or save the table as CSV."
    )


MEGABYTE = 10**6
BOMBS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "gzip": (gzip.compress, "over 2 MB once it is unpacked"),
    "bzip2": (bz2.compress, "over 2 MB once it is unpacked"),
    "xz": (lzma.compress, "over 2 MB once it is unpacked"),
    "zip": (lambda text: zipped("t.csv", text), "5 MB once it is unpacked"),
    "gzip twice": (
        lambda text: gzip.compress(gzip.compress(text)),
        "over 2 MB once it is unpacked",
    ),
    "Excel": (lambda text: zipped("[Content_Types].xml", text), "5 MB once it is unpacked"),
    "text": (lambda text: text, "5 MB"),
}


def zipped(name: str, text: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return stream.getvalue()


@pytest.mark.parametrize("kind", BOMBS)
def test_a_table_that_does_not_fit_into_memory_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Nor is it cut off where the room ends, which would be another table."""
    monkeypatch.setattr("paribus.data.readers.file_content.most_bytes", lambda: 2 * MEGABYTE)
    pack, got = BOMBS[kind]
    path = tmp_path / "t.csv"
    path.write_bytes(pack(b"a,b,y\n" + b"1,2,p\n" * (5 * MEGABYTE // 6)))
    assert refused(read_csv_file, path) == (
        f"t.csv: got {got}, expected at most 2 MB, which 0.08 GB of memory are enough to read. "
        "Take a part of its rows or columns, or a machine with more memory."
    )


@pytest.mark.parametrize(
    ("pages", "limit", "most"),
    [
        (10**6, None, 4096 * 10**6),
        (10**6, "max", 4096 * 10**6),
        (10**6, "2000000000", 2 * 10**9),  # of a container
        (10**5, "2000000000", 4096 * 10**5),
        (-1, None, 2**34),  # the system does not say
        (None, None, 2**34),  # nor is there such a call, as on Windows
    ],
)
def test_what_may_be_read_is_a_fortieth_of_the_memory(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pages: int | None,
    limit: str | None,
    most: int,
) -> None:
    told = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": pages}
    monkeypatch.setattr(os, "sysconf", told.__getitem__)
    if pages is None:
        monkeypatch.delattr(os, "sysconf")
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(f"{limit}\n", encoding="ascii")
    monkeypatch.setattr("paribus.data.readers.size_limit.LIMITS", (file,))
    assert most_bytes() == most // 40
