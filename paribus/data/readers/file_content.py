"""Content of a table file: unpacked, decoded, or told by name what it is instead."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from paribus.data.readers.encodings import SAVE, decoded
from paribus.data.readers.sheets import Sheet, excel, parquet
from paribus.data.readers.size_limit import most_bytes, refuse_larger
from paribus.errors import ParibusError

PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "zip"}
OTHERS = {
    b"\x28\xb5\x2f\xfd": "a file packed by zstd",
    b"\xd0\xcf\x11\xe0": "an Excel file that is old (xls) or locked by a password",
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
    b"<stata_dta>": "a Stata file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
}
# How other formats of text begin, in small letters.
TEXTS = {
    r"<!doctype|<html|<table": "an HTML page",
    r"<\?xml": "an XML file",
    r"\{\\rtf": "an RTF document",
    r'\{\s*"|\[\s*[\[{]': "a JSON file",
    r"@relation": "an ARFF file",
}
TEXT = "a table in text"
POINTER = "version https://git-lfs"
DEPTH = 3  # of packed files within packed ones
UNPACKED = " once it is unpacked"
UNPACKING_ERRORS = (
    *(OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error),
    *(RuntimeError, ValueError, LookupError, struct.error),  # of passwords, packings, names, dates
)


class Content(NamedTuple):
    """Text of a file, or the sheet that it holds.

    Attributes:
        text: decoded; None where there is a sheet.
        sheet: of an Excel or Parquet file.
        how: format, packing and encoding, for a page.
        note: what a page must print of that, if anything.
    """

    text: str | None
    sheet: Sheet | None
    how: str
    note: str = ""


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        ParibusError: there is none, or it cannot be read.
    """
    try:
        if not (path.is_dir() or stat.S_ISREG(path.stat().st_mode)):
            got = f"{path}, which is a device or a pipe"
        else:
            refuse_larger(path, path.stat().st_size, most_bytes())
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


def content_of(path: Path, content: bytes, packed: tuple[str, ...] = ()) -> Content:
    """Return what a file holds, by its first bytes and not by its name.

    Args:
        path: of the file.
        content: its bytes, unpacked as often as ``packed`` says.
        packed: by what it was packed, the outermost first.

    Raises:
        ParibusError: it is packed or coded in a way that is not read; says which.
    """
    kind = next((kind for mark, kind in PACKED.items() if content.startswith(mark)), None)
    how = "".join(f", packed by {name}" for name in packed)
    members = _members(content) if kind == "zip" else {}
    if "[Content_Types].xml" in members and not any(
        m.startswith(("word/", "ppt/")) for m in members
    ):
        refuse_larger(path, max(members.values()), most_bytes(), UNPACKED)
        sheet = excel(path, content)
        return Content(None, sheet, sheet.how + how, sheet.note)
    if content.startswith(b"PAR1"):
        sheet = parquet(path, content)
        return Content(None, sheet, sheet.how + how, sheet.note)
    if members and all(member.endswith(".npy") for member in members):
        raise ParibusError(path.name, got="NumPy arrays (npz)", expected=TEXT, fix=SAVE)
    if kind and len(packed) < DEPTH:
        return content_of(path, _unpacked(path, kind, content), (*packed, kind))
    _refuse_others(path, content)
    text, encoding, guess = decoded(path, content)
    _refuse_other_texts(path, text)
    return Content(text, None, f"text in {encoding}{how}", guess)


def _refuse_others(path: Path, content: bytes) -> None:
    kind = next((kind for mark, kind in OTHERS.items() if content.startswith(mark)), None)
    if content[257:262] == b"ustar":
        kind = "a tar archive"
    if kind is not None:
        raise ParibusError(path.name, got=kind, expected=TEXT, fix=SAVE)


def _refuse_other_texts(path: Path, text: str) -> None:
    first = text[:400].lstrip().casefold()
    kind = next((kind for begins, kind in TEXTS.items() if re.match(begins, first)), None)
    fix = SAVE
    if first.startswith(POINTER):
        kind, fix = "a pointer of Git LFS, not the data", "Fetch the data by git lfs pull."
    if kind is not None:
        raise ParibusError(path.name, got=kind, expected=TEXT, fix=fix)


def _members(content: bytes) -> dict[str, int]:
    """Return the bytes of each file in a zip archive, by its name, none if it is broken."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {member.filename: member.file_size for member in archive.infolist()}
    except UNPACKING_ERRORS:
        return {}


def _unpacked(path: Path, kind: str, content: bytes) -> bytes:
    try:
        if kind == "zip":
            return _only_member(path, content)
        with {"gzip": gzip, "bzip2": bz2, "xz": lzma}[kind].open(io.BytesIO(content)) as file:
            most = most_bytes()
            unpacked: bytes = file.read(most + 1)
    except UNPACKING_ERRORS as error:
        raise ParibusError(
            path.name,
            got=f"a {kind} file that cannot be unpacked ({error})",
            expected="a whole one",
            fix="Unpack it by hand, or fetch it again.",
        ) from None
    refuse_larger(path, len(unpacked), most, UNPACKED)
    return unpacked


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
        refuse_larger(path, members[0].file_size, most_bytes(), UNPACKED)
        return archive.read(members[0])
