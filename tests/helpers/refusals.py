"""Messages of refused calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paribus.errors import ParibusError


def refused(function: Callable[..., object], *args: object, **settings: object) -> str:
    """Return the message with which a call is refused."""
    with pytest.raises(ParibusError) as caught:
        function(*args, **settings)
    return str(caught.value)


def perhaps_refused(function: Callable[..., object], *args: object) -> str | None:
    """Return the message with which a call is refused, or None where it is not; nothing else may be raised."""
    try:
        function(*args)
    except ParibusError as error:
        return str(error)
    return None
