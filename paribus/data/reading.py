"""Record of what one column, folder or file became; needs no torch."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """What one column, folder or file became when it was read, for the page of what was read.

    Attributes:
        name: of the column, folder or file.
        became: such as ``number``, ``3 inputs, one a text``, ``class 'dog'``, ``target: 3 classes``, ``left out``.
        reason: why, in a phrase that a person can check, such as ``180 of 180 cells are numbers``.
    """

    name: str
    became: str
    reason: str
