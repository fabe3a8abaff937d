"""Names of months in the languages in which spreadsheets commonly write them."""

from __future__ import annotations

import re
import unicodedata

_NAMES = (
    "january januar jänner janvier enero gennaio ene gen janv",
    "february februar februari février febrero febbraio févr",
    "march märz mrz mars marzo mär maart",
    "april avril abril aprile avr abr",
    "may mai mayo maggio mag mei",
    "june juni juin junio giugno giu",
    "july juli juillet julio luglio juil lug",
    "august août agosto ago augustus aug",
    "september septembre septiembre settembre sept set",
    "october oktober octobre octubre ottobre okt ott",
    "november novembre noviembre",
    "december dezember décembre diciembre dicembre dez déc dic",
)
ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OF = re.compile(r"\s+del?\s+", re.IGNORECASE)  # as in 1 de marzo de 2021
_WORD = re.compile(r"[^\W\d_]{3,}\.?")


def _plain(word: str) -> str:
    """Return a word in small letters, without accents and the point of an abbreviation."""
    apart = unicodedata.normalize("NFD", word.casefold().rstrip("."))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


_NUMBERS = {
    **{_plain(name): i for i, names in enumerate(_NAMES, 1) for name in names.split()},
    **{name.casefold(): i for i, name in enumerate(ENGLISH, 1)},
}


def month_of(name: str) -> int | None:
    """Return the number of a month by its name, None where it is none.

    >>> month_of("März"), month_of("févr."), month_of("Mon")
    (3, 2, None)
    """
    return _NUMBERS.get(_plain(name.strip()))


def in_english(text: str) -> str:
    """Return a text with the names of months in English, shortened.

    >>> in_english("1. März 2021"), in_english("2021-03-01T00:00Z")
    ('1. Mar 2021', '2021-03-01T00:00Z')
    """

    def english(match: re.Match[str]) -> str:
        month = month_of(match[0])
        return match[0] if month is None else ENGLISH[month - 1]

    return _WORD.sub(english, _OF.sub(" ", text))
