"""Source files of a user's suites, for workers on machines that lack them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from paribus.execution.same_versions import PACKAGES
from paribus.experiment.suite import Suite
from paribus.local_code import MARK
from paribus.runs.fingerprint import calls, local_sources


def code_of(suites: Iterable[Suite]) -> dict[str, bytes]:
    """Return the local source files that the callables of suites reach, by their paths below the one of imports.

    Local means neither the standard library, nor an installed distribution, nor paribus, which workers have.
    """
    modules = {
        call.target.partition(":")[0]
        for suite in suites
        for comparison in suite.comparisons
        for call in calls(comparison)
        if MARK not in call.target
    }
    paths = {path for module in modules for path in local_sources(module)}
    own = [*_own_folders()]
    found: dict[str, bytes] = {}
    for path in sorted(p for p in paths if not any(p.is_relative_to(folder) for folder in own)):
        root = _root(path)
        if root is not None:
            for each in (path, *_packages(path, root)):
                found[each.relative_to(root).as_posix()] = each.read_bytes()
    return found


def _own_folders() -> Iterator[Path]:
    for package in PACKAGES:
        spec = find_spec(package)
        yield from (Path(p).resolve() for p in (spec and spec.submodule_search_locations) or ())


def _root(path: Path) -> Path | None:
    """Return the folder on the path of imports that a file is found from; the innermost of several."""
    folders = [Path(entry).resolve() for entry in sys.path]
    around = [folder for folder in folders if path.is_relative_to(folder)]
    return max(around, key=lambda folder: len(folder.parts), default=None)


def _packages(path: Path, root: Path) -> Iterator[Path]:
    """Yield the files of the packages that a module lies in."""
    for folder in path.parents:
        if folder == root:
            return
        if (folder / "__init__.py").is_file():
            yield folder / "__init__.py"
