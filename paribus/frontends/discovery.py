"""Suites by their names, or from a file of one's own."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from paribus.errors import ParibusError, error_context

if TYPE_CHECKING:
    from paribus.experiment.suite import Suite


def named_suites() -> dict[str, Suite]:
    """Suites that installed packages offer, by name."""
    return {point.name: point.load() for point in entry_points(group="paribus.suites")}


def find_suite(name: str) -> Suite:
    """A suite by its name, or ``SUITE`` of a Python file.

    Raises:
        ParibusError: there is no such suite or file, or the file defines none.
    """
    if name.endswith(".py"):
        return _suite_of(Path(name))
    known = {point.name: point for point in entry_points(group="paribus.suites")}
    if name not in known:
        raise ParibusError(
            "suite",
            got=repr(name),
            expected=f"one of {', '.join(known)}, or a Python file that defines SUITE",
            fix="paribus list shows what each of them compares.",
        )
    suite: Suite = known[name].load()
    return suite


def add_to_path(name: str) -> None:
    """Have the module of a suite's file found by its name, as workers do; last, so that it shadows nothing."""
    folder = str(Path(name).resolve().parent)
    if name.endswith(".py") and folder not in sys.path:
        sys.path.append(folder)


def _suite_of(path: Path) -> Suite:
    from paribus.experiment.suite import Suite

    if not path.is_file():
        raise ParibusError(
            "file of a suite",
            got=f"{path}, which is not there",
            expected="a Python file",
            fix="Check the path.",
        )
    other = importlib.util.find_spec(path.stem) if path.stem.isidentifier() else None
    taken = other is not None and Path(other.origin or "").resolve() != path.resolve()
    if not path.stem.isidentifier() or taken:
        raise ParibusError(
            f"file of a suite {path}",
            got=f"the name {path.stem!r}" + (", which another module has" if taken else ""),
            expected="a name that can be imported and that no other module has",
            fix="Rename the file, such as my_suite.py.",
        )
    add_to_path(str(path))
    with error_context(
        f"file of a suite {path}",
        expected="a Python file that can be imported",
        fix="Mend what the error names.",
    ):
        found = getattr(importlib.import_module(path.stem), "SUITE", None)
    if not isinstance(found, Suite):
        raise ParibusError(
            f"file of a suite {path}",
            got="no SUITE" if found is None else f"SUITE of type {type(found).__name__}",
            expected="SUITE = paribus.experiment.suite.Suite(...)",
            fix="Define it at the top level of the file.",
        )
    return found
