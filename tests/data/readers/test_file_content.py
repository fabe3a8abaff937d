"""One table in many formats and encodings is read as the same table, and others are named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from paribus.data.readers.csv_file import read_csv_file
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
    "gzip": (lambda: packed("gzip"), "text in UTF-8, packed by gzip, parted by commas"),
    "bzip2": (lambda: packed("bzip2"), "text in UTF-8, packed by bzip2, parted by commas"),
    "xz": (lambda: packed("xz"), "text in UTF-8, packed by xz, parted by commas"),
    "zip": (lambda: packed("zip"), "text in UTF-8, packed by zip, parted by commas"),
    "Excel": (lambda: frame("excel"), "Excel file, its first sheet"),
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
    assert file.about[0].reason.endswith(
        "check город,страна,y, Москва,Россия,да, Казань,Россия,нет"
    )
    assert file.about[0].reason in read_table(path).notes


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
