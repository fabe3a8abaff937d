"""Encodings of text: marked, UTF-8, UTF-16, or guessed and shown by words to check the guess by."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from paribus.errors import ParibusError

SAVE = "Save the table as comma-separated text in UTF-8."
# UTF-32 first, as its mark begins like that of UTF-16.
MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
LATIN = ("cp1252", "cp1254", "cp1250", "mac_roman", "cp850", "cp437")  # the commoner first
OTHER_SCRIPTS = [
    *("cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
SAMPLE = 200_000  # bytes or characters from which an encoding is guessed
_INVISIBLE = dict.fromkeys((0x200B, 0x2060, 0xFEFF))
_WORD = re.compile(r"[^\W\d_]+")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x19\x1b-\x1f\ufffd]")


class Decoded(NamedTuple):
    """Text of a file.

    Attributes:
        text: without invisible characters, letters with accents each in one character.
        encoding: its name, for a page.
        guess: that the encoding was guessed, with words that show whether rightly; else empty.
    """

    text: str
    encoding: str
    guess: str = ""


def decoded(path: Path, content: bytes) -> Decoded:
    """Return the text that bytes are.

    Raises:
        ParibusError: they are empty, binary, in no encoding that is known, or in two.
    """
    mark = next((m for m in MARKS if content.startswith(m)), None)
    encoding = MARKS[mark] if mark else _unmarked(content) or "utf-8"
    guess = ""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in content or mark:
            raise binary(path) from None
        _refuse_two_encodings(path, content, error.start)
        encoding = _guessed(path, content)
        text = content.decode(encoding)
        words = dict.fromkeys(w for w in re.split(r'[\s,;|"]+', text) if not w.isascii())
        guess = f"the encoding was guessed as {encoding}: check {', '.join([*words][:6])}"
    _refuse_zero_bytes(path, text)
    if not text.strip():
        fix = "Give a file with the columns' names in its first line and a row in each other."
        raise ParibusError(path.name, got="an empty file", expected="a table", fix=fix)
    return Decoded(tidy(text), encoding.removesuffix("-sig").upper(), guess)


def tidy(text: str) -> str:
    """Return text in which what looks equal is equal: accents composed, nothing without a width."""
    return text if text.isascii() else unicodedata.normalize("NFC", text.translate(_INVISIBLE))


def binary(path: Path) -> ParibusError:
    """Return the refusal of what is no text."""
    return ParibusError(path.name, got="binary data", expected="a table in text", fix=SAVE)


def _refuse_zero_bytes(path: Path, text: str) -> None:
    if "\0" not in text:
        return
    if _CONTROL.search(text[:SAMPLE]):
        raise binary(path)
    raise ParibusError(
        f"line {text[: text.index(chr(0))].count(chr(10)) + 1} of {path.name}",
        got="a zero byte",
        expected="text",
        fix="Mend the line, or save the table again.",
    )


def _refuse_two_encodings(path: Path, content: bytes, first: int) -> None:
    """Refuse what is UTF-8 but for a few bytes, the first at ``first``: any other encoding spoils the rest."""
    text = content.decode("utf-8", errors="replace")
    wrong = text.count("\ufffd")
    if sum(not c.isascii() for c in text) - wrong > wrong:
        raise ParibusError(
            f"line {content[:first].count(10) + 1} of {path.name}",
            got="bytes that are no UTF-8, as those of other lines are",
            expected="one encoding throughout",
            fix="Mend the line, or save the table again in UTF-8.",
        )


def _unmarked(content: bytes) -> str | None:
    """Return UTF-16 where zeros stand at every other place alone and the rest is text, else None."""
    first = content[:SAMPLE]
    even, odd = first[::2].count(0), first[1::2].count(0)
    if len(content) % 2 or not even + odd:
        return None
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    try:
        text = content.decode(encoding)[:SAMPLE]
    except UnicodeDecodeError:
        return None
    # A stray zero byte in other text may make one of these, but hardly both.
    table = re.search(r"[\r\n]", text) and re.search(r"[,;\t|]", text)
    return encoding if table and "\0" not in text and not _CONTROL.search(text) else None


def _guessed(path: Path, content: bytes) -> str:
    """Return the encoding in which letters stand as they do in words."""
    lines = [line for line in content.splitlines(keepends=True) if not line.isascii()]
    sample = b"".join(lines)[:SAMPLE]
    if _other_script(sample.decode("cp1252", errors="replace")):
        from charset_normalizer import from_bytes

        # Words alone, as digits and separators between them hide the language.
        words = [piece for piece in re.split(rb"[\0-?]+", sample) if not piece.isascii()]
        best = from_bytes(b" ".join(words), cp_isolation=OTHER_SCRIPTS).best()
        candidates = [best.encoding] if best else []
    else:
        candidates = sorted(LATIN, key=lambda name: _oddities(sample, name))
    fitting = next((name for name in candidates if _fits(content, name)), None)
    if fitting is None:
        raise ParibusError(
            path.name,
            got="bytes that are no text in UTF-8, UTF-16 or any encoding that could be guessed",
            expected="text in UTF-8",
            fix=SAVE,
        )
    return fitting


def _fits(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _other_script(text: str) -> bool:
    """Return whether words are made of letters beyond ASCII, as Cyrillic ones are when read as Western ones."""
    words = "".join(word for word in _WORD.findall(text) if not word.isascii())
    return 5 * sum(not c.isascii() for c in words) > 3 * len(words)


def _oddities(sample: bytes, encoding: str) -> int:
    """Count characters beyond ASCII that stand where none does in words and numbers."""
    text = f" {sample.decode(encoding, errors='replace')} "
    return sum(_is_odd(text[i - 1], c, text[i + 1]) for i, c in enumerate(text) if not c.isascii())


def _is_odd(before: str, char: str, after: str) -> bool:
    kind = unicodedata.category(char)
    if char in "þðÞÐ":  # Icelandic, where Turkish is far commoner
        return True
    if kind[0] == "L":
        return char.isupper() and (before.islower() or (before.isalpha() and after.islower()))
    if kind[0] == "C" or char == "\ufffd":
        return True
    if kind[0] in "SN" and char != "°":
        return after.isalpha()
    return before.isalpha() and after.isalpha() and char not in "’‘·–"  # noqa: RUF001
