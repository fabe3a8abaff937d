"""Output that every terminal can show: signs that its encoding lacks are written in ASCII."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Sequence

from paribus.errors import ParibusError

SIGNS = {
    **dict.fromkeys("—–−━╸╺─", "-"),
    "±": "+/-",
    "×": "x",
    "·": ".",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
    **dict.fromkeys("\u2018\u2019", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
}
HANDLER = "paribus.ascii"


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII for the signs that could not be encoded: a likeness, or a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(
        SIGNS.get(sign, "?") for sign in error.object[error.start : error.end]
    ), error.end


def replace_unknown_signs() -> None:
    """Have standard output and error write signs that their encoding lacks in ASCII, in place of an error."""
    codecs.register_error(HANDLER, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def refuse_undecoded(words: Sequence[str]) -> None:
    """Refuse an argument whose bytes are no text in the locale's encoding: pages could not name it.

    Raises:
        ParibusError: shows it with its bytes.
    """
    for word in words:
        if any("\ud800" <= sign <= "\udfff" for sign in word):
            raise ParibusError(
                "an argument",
                got=f"{os.fsencode(word)!r}, which is no text in {sys.getfilesystemencoding()}",
                expected="text in the encoding of the locale",
                fix="Set a locale such as LC_ALL=C.UTF-8, or rename the file.",
            )


def forget_output() -> None:
    """Send what is still to be written nowhere, as its reader is gone, such as ``head`` after its last line."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
