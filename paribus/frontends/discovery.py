"""Suites by their names, or from a file of one's own."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from paribus.errors import ParibusError, error_context

if TYPE_CHECKING:
    from paribus.experiment.suite import Suite


BUILT_IN = "paribus.suites"  # found by name, because nothing in the package imports suites


def suite_locations() -> dict[str, str]:
    """Return where suites are defined, ``module:attribute`` by name: the built-in ones, then other packages'."""
    names = importlib.import_module(BUILT_IN).NAMES
    built_in = {name: f"{BUILT_IN}.{name}:SUITE" for name in names}
    return built_in | {point.name: point.value for point in entry_points(group="paribus.suites")}


def named_suites() -> dict[str, Suite]:
    """Return the built-in suites and those that installed packages offer, by name."""
    return {name: _load(target) for name, target in suite_locations().items()}


def _load(target: str) -> Suite:
    suite: Suite = EntryPoint("", target, "").load()
    return suite


def find_suite(name: str) -> Suite:
    """Return a suite by its name, or ``SUITE`` of a Python file.

    Raises:
        ParibusError: there is no such suite or file, or the file defines none.
    """
    if name.endswith(".py"):
        return _suite_of(Path(name))
    locations = suite_locations()
    if name not in locations:
        raise ParibusError(
            "suite",
            got=repr(name),
            expected=f"one of {', '.join(locations)}, or a Python file that defines SUITE",
            fix="paribus list shows what each of them compares.",
        )
    return _load(locations[name])


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
