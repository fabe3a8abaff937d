"""CSV files that no reader takes, refused by all of them with the same message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from paribus.data.readers.image_table import read_image_table
from paribus.data.readers.series import read_series
from paribus.data.readers.table import read_table
from tests.helpers.refusals import refused

TABLE = "expected a table. Give a file with the columns' names in its first line and a row in each other."
TEXT = "expected a table in text. Save the table as comma-separated text in UTF-8."
WHOLE = "expected a whole one. Unpack it by hand, or fetch it again."
HEADER = "expected the columns' names. Put a line with the columns' names above the rows."
TITLE = (
    "which looks like a title or a comment, expected the columns' names. "
    "Take the lines above the columns' names out."
)
NAMES = "Save the table with the columns' names in its first line."
COMMAS = "expected 2, as many as there are columns. Mend the line, and put quotes round text that holds a comma."

every_reader = pytest.mark.parametrize("read", [read_table, read_series, read_image_table])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", f"t.csv: got an empty file, {TABLE}"),
        (" \r\n\n", f"t.csv: got an empty file, {TABLE}"),
        (
            "x,y\n",
            "t.csv: got the columns' names alone, expected at least one row below them. Give a file with rows.",
        ),
        (
            b"PK\x03\x04\0\0x,y\n",
            f"t.csv: got a zip file that cannot be unpacked (File is not a zip file), {WHOLE}",
        ),
        (b"x,y\n\0\0\x01\xfe", f"t.csv: got binary data, {TEXT}"),
        (b"\x89PNG\r\n\x1a\n\xff", f"t.csv: got a PNG image, {TEXT}"),
        (
            b"\x1f\x8b\x08\0",
            f"t.csv: got a gzip file that cannot be unpacked (Compressed file ended before the "
            f"end-of-stream marker was reached), {WHOLE}",
        ),
        (
            "5.1,3.5,setosa\n4.9,3.0,setosa\n6.0,2.2,virginica\n",
            f"first line of t.csv: got '5.1', which looks like a value, {HEADER}",
        ),
        (
            "red,small,yes\nred,large,no\nblue,small,yes\n",
            f"first line of t.csv: got 'red', which looks like a value, {HEADER}",
        ),
        (
            "what,x,y\na,1,2\nb,2,3\nTotal:,3,5\n",
            "line 4 of t.csv: got 'Total:', which looks like a total of the lines above, expected a sample in each "
            "line. Take the line out.",
        ),
        (
            'x,y\n"1,0\n2,1\n',
            "line 2 of t.csv: got a quote that is never closed, expected values with commas between them. "
            "Mend the line, or save the table as CSV again.",
        ),
        (
            "1,2,0\n3,4,1\n",
            f"first line of t.csv: got numbers (1, 2, 0), expected the columns' names. {NAMES}",
        ),
        (
            "x,x,y\n1,2,0\n",
            f"first line of t.csv: got 'x' more than once, expected a different name for each column. {NAMES}",
        ),
        (
            "Measured in May\nx,y\n1,0\n2,0\n",
            f"first line of t.csv: got 'Measured in May', {TITLE}",
        ),
        ("# by us, 2024\nx,v,y\n1,2,0\n", f"first line of t.csv: got '# by us,2024', {TITLE}"),
        ("Our table,,\nx,v,y\n1,2,0\n", f"first line of t.csv: got 'Our table', {TITLE}"),
        (
            "n1,257,k1\nn2,300,k2\nn3,12,k1\n",
            f"first line of t.csv: got 'n1', which looks like a value, {HEADER}",
        ),
        (
            "x,y\n1,a\n2,b\nx,y\n3,a\n",
            "line 4 of t.csv: got the columns' names once more, expected a sample in each line. Take the line out.",
        ),
        (
            "what,x,y\na,1,2\nb,2,3\nGrand total,3,5\n",
            "line 4 of t.csv: got 'Grand total', which looks like a total of the lines above, expected a sample in "
            "each line. Take the line out.",
        ),
        (
            "x y\n1 0\n2 1\n",
            "t.csv: got one column, 'x y', whose name holds blanks, expected columns with commas, semicolons, tabs or "
            "bars between them. Save the table with one of these between its columns.",
        ),
        (
            b"x,y\n1,a\n2,\0\n",
            "line 3 of t.csv: got a zero byte, expected text. Mend the line, or save the table again.",
        ),
        (
            "x,y\n1,Köln\n2,Lübeck\n3,Gr".encode() + b"\xfc" + b"n\n",
            "line 4 of t.csv: got bytes that are no UTF-8, as those of other lines are, expected one encoding "
            "throughout. Mend the line, or save the table again in UTF-8.",
        ),
        ("<!DOCTYPE html><p>Not found</p>\n", f"t.csv: got an HTML page, {TEXT}"),
        ('[{"x": 1, "y": "a"}]', f"t.csv: got a JSON file, {TEXT}"),
        (
            "version https://git-lfs.github.com/spec/v1\nsize 12\n",
            "t.csv: got a pointer of Git LFS, not the data, expected a table in text. Fetch the data by git lfs pull.",
        ),
        (bytes(257) + b"ustar", f"t.csv: got a tar archive, {TEXT}"),
        ("x,y\n1,0\n2,0,3\n", f"line 3 of t.csv: got 3 values, {COMMAS}"),
        ("x,y\n1,0\n\n2\n", f"line 4 of t.csv: got 1 value, {COMMAS}"),
        (
            'x,y\n"' + "a" * 200_000 + '",0\n',
            "line 2 of t.csv: got a cell of over 131072 characters, as a quote that is never closed makes one, "
            "expected values with commas between them. Mend the line, or save the table as CSV again.",
        ),
    ],
)
@every_reader
def test_what_is_no_csv_file_is_refused(
    tmp_path: Path, read: Callable[..., object], content: str | bytes, message: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refused(read, path) == message


@every_reader
def test_a_column_that_is_not_there_is_refused(tmp_path: Path, read: Callable[..., object]) -> None:
    path = tmp_path / "t.csv"
    header = ",".join(f"c{i}" for i in range(25))
    path.write_text(f"{header},when\n{header},2011-01-31\n")
    message = refused(read, path, target="y")
    assert " column of t.csv: got 'y', expected one of c0, c1, " in message
    assert message.endswith(
        "c18, c19 and 6 more. Check the spelling against the first line of the file."
    )


@every_reader
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, read: Callable[..., object]) -> None:
    for path, got in ((tmp_path / "no.csv", "nothing at"), (tmp_path, "a folder at")):
        assert refused(read, path) == (
            f"a table file: got {got} {path}, expected a file that can be read. Check the path."
        )


@every_reader
def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[..., object]
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    path = tmp_path / "t.csv"
    path.touch()
    assert refused(read, path) == (
        f"a table file: got {path}, which cannot be read (Permission denied), expected a file that can be read. "
        "Check the path."
    )
