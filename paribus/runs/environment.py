"""What code and machine said of themselves when runs were made: put in place of today's, pages can be made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Environment:
    """Facts outside of recipes that decide how runs are named and which of them there are.

    Attributes:
        sources: fingerprints of code, by the modules that they are of.
        torch: major and minor version.
        skipped: why nothing ran on a device, by device.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    torch: str = ""
    skipped: Mapping[str, str] = field(default_factory=dict)


_then: ContextVar[Environment | None] = ContextVar("then", default=None)


def then() -> Environment | None:
    """The machine whose place is taken, or None for this one."""
    return _then.get()


@contextmanager
def as_on(machine: Environment) -> Iterator[None]:
    """Name runs as that machine did, while the context lasts."""
    token = _then.set(machine)
    try:
        yield
    finally:
        _then.reset(token)
