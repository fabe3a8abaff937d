"""Versions of what decides a training's numbers, to be compared with those of workers on other machines."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("paribus", "paribus.models", "paribus.suites")  # a checkout has them in three folders


@cache
def versions() -> str:
    """Return what this process has, in words: versions, and a hash of paribus's own sources."""
    torch = metadata.version("torch").partition("+")[0]
    python = ".".join(map(str, sys.version_info[:2]))
    return f"paribus {metadata.version('paribus')} (sources {_sources()}), torch {torch}, Python {python}"


def _sources() -> str:
    """Return a hash of the sources of paribus, wherever they lie."""
    found: set[str] = set()
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations if spec else None) or ():
            for path in Path(folder).rglob("*.[ch]*pp"):
                found.add(hashlib.sha256(path.read_bytes()).hexdigest())
            for path in Path(folder).rglob("*.py"):
                found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()[:8]
