"""Content of a table file: unpacked, decoded, or told by name what it is instead."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd

PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "zip"}
OTHERS = {
    b"\x28\xb5\x2f\xfd": "a file packed by zstd",
    b"\xd0\xcf\x11\xe0": "an old Excel file (xls)",
    b"ARROW1": "an Arrow or Feather file",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "a SQLite database",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x93NUMPY": "a NumPy array",
    b"\x80": "a pickle",
    b"$FL2": "an SPSS file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
}
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
SAMPLE = 200_000  # bytes from which an encoding is guessed
MAX_UNPACKED = 4 << 30
SAVE = "Save the table as comma-separated text in UTF-8."


class Content(NamedTuple):
    """Text of a file, or the frame that it holds.

    Attributes:
        text: decoded; None where there is a frame.
        frame: of an Excel or Parquet file.
        how: format, packing and encoding, for a page.
        guess: what was guessed of the encoding, with words that show whether the guess is right.
    """

    text: str | None
    frame: pd.DataFrame | None
    how: str
    guess: str = ""


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        ParibusError: there is none, or it cannot be read.
    """
    try:
        if not (path.is_dir() or stat.S_ISREG(path.stat().st_mode)):
            got = f"{path}, which is a device or a pipe"
        else:
            return path.read_bytes()
    except FileNotFoundError:
        got = f"nothing at {path}"
    except IsADirectoryError:
        got = f"a folder at {path}"
    except OSError as error:
        got = f"{path}, which cannot be read ({error.strerror})"
    raise ParibusError(
        "a table file", got=got, expected="a file that can be read", fix="Check the path."
    )


def content_of(path: Path, content: bytes) -> Content:
    """Return what a file holds, by its first bytes and not by its name.

    Raises:
        ParibusError: it is packed or coded in a way that is not read; says which.
    """
    packed = next((kind for mark, kind in PACKED.items() if content.startswith(mark)), None)
    if packed == "zip" and _is_excel(content):
        return Content(None, _excel(path, content), "Excel file, its first sheet")
    if content.startswith(b"PAR1"):
        return Content(None, _parquet(path, content), "Parquet file")
    how = f", packed by {packed}" if packed else ""
    if packed:
        content = _unpacked(path, packed, content)
    for mark, kind in OTHERS.items():
        if content.startswith(mark):
            raise ParibusError(path.name, got=kind, expected="a table in text", fix=SAVE)
    text, encoding, guess = _decoded(path, content)
    return Content(text, None, f"text in {encoding}{how}", guess)


def _is_excel(content: bytes) -> bool:
    return b"[Content_Types].xml" in content[:4096] or b"xl/" in content


def _unpacked(path: Path, kind: str, content: bytes) -> bytes:
    try:
        if kind == "zip":
            return _only_member(path, content)
        with {"gzip": gzip, "bzip2": bz2, "xz": lzma}[kind].open(io.BytesIO(content)) as file:
            unpacked: bytes = file.read(MAX_UNPACKED)
            return unpacked
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise ParibusError(
            path.name,
            got=f"a {kind} file that cannot be unpacked ({error})",
            expected="a whole one",
            fix="Unpack it by hand, or fetch it again.",
        ) from None


def _only_member(path: Path, content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [
            m for m in archive.infolist() if not (m.is_dir() or m.filename.startswith("__MACOSX"))
        ]
        if len(members) != 1:
            raise ParibusError(
                path.name,
                got=f"a zip archive of {len(members)} files",
                expected="one table",
                fix="Unpack it, and name one of its files.",
            )
        return archive.read(members[0])


def _decoded(path: Path, content: bytes) -> tuple[str, str, str]:
    """Return the text, the encoding, and what was guessed of it."""
    mark = next((m for m in MARKS if content.startswith(m)), None)
    encoding = MARKS[mark] if mark else _unmarked(content)
    try:
        text, guess = content.decode(encoding or "utf-8"), ""
    except UnicodeDecodeError:
        if b"\0" in content:
            raise _binary(path) from None
        text, encoding = _guessed(path, content)
        shown = ", ".join(dict.fromkeys(w for w in text.split() if not w.isascii()))[:80]
        guess = f"the encoding was guessed as {encoding}: check {shown}"
    if "\0" in text:
        raise _binary(path)
    if not text.strip():
        fix = "Give a file with the columns' names in its first line and a row in each other."
        raise ParibusError(path.name, got="an empty file", expected="a table", fix=fix)
    names = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "utf-16": "UTF-16"}
    return text, names.get(encoding or "utf-8", (encoding or "").upper()), guess


def _binary(path: Path) -> ParibusError:
    return ParibusError(path.name, got="binary data", expected="a table in text", fix=SAVE)


def _unmarked(content: bytes) -> str | None:
    """Return UTF-16 where every other byte of the beginning is zero, else None."""
    first = content[:400]
    if len(first) < 4 or first.count(0) < len(first) // 3:
        return None
    if not any(first[::2]):
        return "utf-16-be"
    return None if any(first[1::2]) else "utf-16-le"


def _guessed(path: Path, content: bytes) -> tuple[str, str]:
    """Return the text and its encoding, guessed from the lines that are not plain ASCII."""
    from charset_normalizer import from_bytes

    lines = [line for line in content.splitlines(keepends=True) if not line.isascii()]
    best = from_bytes(b"".join(lines)[:SAMPLE]).best()
    encoding = best.encoding if best else "cp1252"
    western = _readable(content, "cp1252")
    # Where both give the same letters, the commoner name is told.
    if western is not None and western == content.decode(encoding, errors="replace"):
        encoding = "cp1252"
    text = _readable(content, encoding) or western
    if text is None:
        raise ParibusError(
            path.name,
            got="bytes that are no text in UTF-8, UTF-16 or any encoding that could be guessed",
            expected="text in UTF-8",
            fix=SAVE,
        )
    return text, encoding


def _readable(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _excel(path: Path, content: bytes) -> pd.DataFrame:
    import pandas as pd

    _need("openpyxl", path, "an Excel file", "excel")
    return _frame(
        path, "Excel", lambda: pd.read_excel(io.BytesIO(content), dtype=object, na_filter=False)
    )


def _parquet(path: Path, content: bytes) -> pd.DataFrame:
    import pandas as pd

    _need("pyarrow", path, "a Parquet file", "parquet")
    return _frame(
        path, "Parquet", lambda: pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)
    )


def _frame(path: Path, kind: str, read: Any) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = read()
    except Exception as error:  # noqa: BLE001 - these libraries raise anything of a broken file
        raise ParibusError(
            path.name,
            got=f"a file that begins like {kind} and cannot be read ({f'{error}'.splitlines()[0][:80]})",
            expected=f"a whole {kind} file",
            fix=SAVE,
        ) from None
    return frame


def _need(module: str, path: Path, kind: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise ParibusError(
            path.name,
            got=f"{kind}, and no {module} to read it",
            expected=f"{module}, or a table in text",
            fix=f"Install it by pip install 'paribus[{extra}]', or save the table as CSV.",
        )
