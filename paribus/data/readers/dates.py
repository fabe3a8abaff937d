"""Dates and times of day as people write them."""

from __future__ import annotations

import re

from paribus.data.readers.month_names import in_english

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?\s?(?:[ap]\.?m\.?)?"
_DATE = re.compile(
    rf"""(?:(?:[a-z]{{3,9}}\.?,?\s)?(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})|\d{{4}}[-/]\d{{1,2}}
    |\d{{1,2}}[\s.-]*{_MONTH}[\s,-]*\d{{2,4}}|{_MONTH}\s*\d{{1,2}},?\s*\d{{4}}|{_MONTH}[\s-]?\d{{4}})
    (?:[t\s]+\d{{1,2}}:\d{{2}}.*)?|{_CLOCK})""",
    re.VERBOSE | re.IGNORECASE,
)


def is_date(text: str) -> bool:
    """Return whether a text is a date, a month of a year or a time of day."""
    return bool(_DATE.fullmatch(in_english(text.strip())))
