"""Names that become those of files: refused when they are declared, not when the first page is written."""

from __future__ import annotations

import re

from paribus.errors import ParibusError

# Two names, an arm, a device and the title of a figure make a file's name, which may have 255 bytes.
MAX_BYTES = 72
MAX_TITLE = 90
SHOWN = 20  # letters of a long name that an error shows
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def refuse_file_name(what: str, name: str) -> None:
    """Refuse a name that is no name of a file, or would lead out of the folder that it is written to.

    Args:
        what: that has the name, for the message.
        name: of a suite, a comparison or a task.

    Raises:
        ParibusError: it is empty or long, begins with a dot, or holds a slash or a sign that cannot be shown.
    """
    mistake = _mistake(name, MAX_BYTES) or next((s for s in "/\\" if s in name), "")
    if not mistake and not name.startswith("."):
        return
    raise ParibusError(
        f"name of {what}",
        got=mistake if len(mistake) > 1 else repr(name),
        expected=f"a name for files: at most {MAX_BYTES} bytes, no slash, no control character, no dot in front",
        fix="Rename it; a title or a question may say more.",
    )


def refuse_shown_name(what: str, name: str, max_bytes: int = MAX_BYTES) -> None:
    """Refuse a name that tables cannot show in a line.

    Args:
        what: that has the name, for the message.
        name: of a level, or the title of a table or figure.
        max_bytes: that it may have in UTF-8.

    Raises:
        ParibusError: it is empty or long, or holds a sign that cannot be shown.
    """
    if mistake := _mistake(name, max_bytes):
        raise ParibusError(
            f"name of {what}",
            got=mistake,
            expected=f"a name for tables: at most {max_bytes} bytes, no control character",
            fix="Rename it.",
        )


def refuse_lines(what: str, text: str) -> None:
    """Refuse a sentence of more than one line, of which a page would make a heading or a list.

    Raises:
        ParibusError: it holds a line break or another control character.
    """
    if found := CONTROL.search(text):
        raise ParibusError(
            what,
            got=f"{text[:SHOWN]!r}... with the control character {found[0]!r}",
            expected="a sentence in one line",
            fix="Write it without line breaks.",
        )


def shortened(words: list[str]) -> str:
    """Join as many words as make a name for files.

    >>> shortened(["does", "it", "x" * 72])
    'does-it'
    """
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        if len(longer.encode()) > MAX_BYTES:
            break
        name = longer
    return name


def _mistake(name: str, max_bytes: int) -> str:
    """Return what a name is that no line of a table can hold, or nothing."""
    if not name.strip():
        return "nothing" if not name else "blanks alone"
    if name != name.strip():
        return f"{name[:SHOWN]!r}, with a blank at an end, which nobody sees"
    if CONTROL.search(name):
        return f"{name[:SHOWN]!r}, which holds the control character {CONTROL.search(name)[0]!r}"  # type: ignore[index]
    size = len(name.encode())
    return f"{name[:SHOWN]!r}... of {size} bytes" if size > max_bytes else ""
