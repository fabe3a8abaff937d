"""Suites by name or from a file, and descriptions of them that need no torch."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paribus.errors import ParibusError, error_context

if TYPE_CHECKING:
    from paribus.experiment.suite import Suite

BUILT_IN = "paribus.suites"  # by name, because nothing in the package imports suites
CATALOGUE = "catalogue.json"
GROUP = "paribus.suites"  # of entry points, by which other packages offer suites

Description = list[dict[str, Any]]
"""Comparisons of a suite: question, task, names of variants, estimated seconds of the quick budget."""


def described_suites() -> dict[str, Description]:
    """Return descriptions of the built-in suites and of other packages', by name, without importing torch for them.

    Those of the built-in suites are a file; another package's are kept in the cache, under the hash of its sources.
    """
    return _catalogue() | {point.name: _described(point) for point in entry_points(group=GROUP)}


def built_in_tasks(suites: Iterable[str]) -> set[str] | None:
    """Return the names of the tasks of built-in suites; None where another suite is among them."""
    catalogue = _catalogue()
    chosen = [*suites]
    if not all(name in catalogue for name in chosen):
        return None
    return {comparison["task"] for name in chosen for comparison in catalogue[name]}


def suite_locations() -> dict[str, str]:
    """Return where suites are defined, ``module:attribute`` by name."""
    built_in = {name: f"{BUILT_IN}.{name}:SUITE" for name in _catalogue()}
    return built_in | {point.name: point.value for point in entry_points(group=GROUP)}


def named_suites() -> dict[str, Suite]:
    """Return the built-in suites and those that installed packages offer, by name."""
    return {name: _load(location) for name, location in suite_locations().items()}


def describe(suite: Suite) -> Description:
    """Return what ``paribus list`` shows of a suite."""
    return [
        {
            "question": comparison.question,
            "task": comparison.task.name,
            "variants": [variant.name for variant in comparison.variants()],
            "seconds": comparison.seconds("quick"),
        }
        for comparison in suite.comparisons
    ]


def find_suite(name: str) -> Suite:
    """Return a suite by its name, or ``SUITE`` of a Python file.

    Raises:
        ParibusError: there is no such suite or file, or the file defines none.
    """
    refuse_unknown(name)
    return _suite_of(Path(name)) if name.endswith(".py") else _load(suite_locations()[name])


def refuse_unknown(name: str) -> None:
    """Refuse a name that no suite has and a file that is not there, without importing torch.

    Raises:
        ParibusError: there is no such suite or file.
    """
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise ParibusError(
                "file of a suite",
                got=f"{name}, which is not there",
                expected="a Python file",
                fix=f"Check the path; the working directory is {Path.cwd()}.",
            )
    elif name not in (known := suite_locations()):
        raise ParibusError(
            "suite",
            got=repr(name),
            expected=f"one of {', '.join(known)}, or a Python file that defines SUITE",
            fix="paribus list shows what each of them compares.",
        )


def add_to_path(name: str) -> None:
    """Put the folder of a suite's file first on the path, as Python does for a script: workers use the same path.

    Raises:
        ParibusError: its name cannot be imported, or another module has it or that of a package beside it.
    """
    if not name.endswith(".py"):
        return
    path = Path(name).resolve()
    other = importlib.util.find_spec(path.stem) if path.stem.isidentifier() else None
    taken = other is not None and Path(other.origin or "").resolve() != path
    if not path.stem.isidentifier() or taken:
        raise ParibusError(
            f"file of a suite {name}",
            got=f"the name {path.stem!r}" + (", which another module has" if taken else ""),
            expected="a name that can be imported and that no other module has",
            fix="Rename the file, such as my_suite.py.",
        )
    folder = str(path.parent)
    if sys.path[0] != folder:
        sys.path.insert(0, folder)
    _refuse_shadowed(path)


def _refuse_shadowed(path: Path) -> None:
    """Refuse a file that names a package beside it where Python finds another one of that name.

    It does so if the other one is imported already, or if this one alone has no ``__init__.py``.

    Raises:
        ParibusError: names both packages.
    """
    # Bytes that are no UTF-8 are refused where it is imported.
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    packages = [p for p in path.parent.glob("*/") if re.search(rf"\b{re.escape(p.name)}\.\w", text)]
    for package in packages:
        spec = importlib.util.find_spec(package.name) if any(package.glob("*.py")) else None
        found = [
            Path(place).resolve() for place in (spec and spec.submodule_search_locations) or ()
        ]
        if spec is not None and package not in found:
            raise ParibusError(
                f"package {package.name!r} of the suite in {path}",
                got=f"{found[0] if found else spec.origin}, which Python finds under that name",
                expected=str(package),
                fix="Rename it, or give it an __init__.py if it has none.",
            )


def _suite_of(path: Path) -> Suite:
    from paribus.experiment.suite import Suite

    add_to_path(str(path))
    with error_context(
        f"file of a suite {path}",
        expected=f"a Python file that can be imported, with modules of its own in {path.resolve().parent}",
        fix="Correct what the error names.",
        kind=BaseException,
    ):
        found = getattr(importlib.import_module(path.stem), "SUITE", None)
    if not isinstance(found, Suite):
        raise ParibusError(
            f"file of a suite {path}",
            got="no SUITE" if found is None else f"SUITE of type {type(found).__name__}",
            expected="SUITE = paribus.Suite(...)",
            fix="Define it at the top level of the file.",
        )
    return found


def _load(location: str) -> Suite:
    with error_context(
        f"suite at {location}",
        expected="a suite of an installed package, which can be imported",
        fix="Update the package, or remove it.",
        kind=BaseException,
    ):
        suite: Suite = EntryPoint("", location, GROUP).load()
    return suite


def _catalogue() -> dict[str, Description]:
    described: dict[str, Description] = json.loads(
        files(BUILT_IN).joinpath(CATALOGUE).read_text(encoding="utf-8")
    )
    return described


def _described(point: EntryPoint) -> Description:
    """Return the description of another package's suite, from the cache if its sources are the same."""
    from paribus.data.cache import cached_text

    sources = hashlib.sha256(point.value.encode())
    for path in _sources(point.module.partition(".")[0]):
        sources.update(path.read_bytes())
    described: Description = json.loads(
        cached_text(
            f"suite-{sources.hexdigest()}.json", lambda: json.dumps(describe(_load(point.value)))
        )
    )
    return described


def _sources(package: str) -> list[Path]:
    """Return the Python files of a package or module, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return []
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    return sorted(path for folder in folders for path in folder.rglob("*.py")) or [
        Path(spec.origin or "")
    ]
