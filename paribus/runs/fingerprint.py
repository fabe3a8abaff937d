"""Fingerprints of runs: a hash of the source that a run reaches, so that editing that code invalidates its results."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import FunctionType

from paribus.errors import ParibusError
from paribus.local_code import MARK, Code, read_code, registered
from paribus.runs.environment import Environment
from paribus.spec import Call, Frozen

# What users import to compare; a network that does so depends on none of what it offers by that.
OWN_INTERFACE = frozenset({"paribus", "paribus.api"})
# The module that trains a run, by engine.
ENGINES = {
    "loop": "paribus.training.loop",
    "stacked": "paribus.engines.vmapped.fit",
    "stacked-compiled": "paribus.engines.simd.trainer",
}


def fingerprint(
    specs: Iterable[Frozen], engine: str = "loop", environment: Environment | None = None
) -> str:
    """Hash the engine's code and all local code that the specs' callables are defined in or import.

    Local means neither the standard library nor an installed distribution. Tables of cases are not reached by any
    callable, so adding a variant to a suite invalidates nothing.

    Args:
        specs: what is to be run.
        engine: one of `ENGINES`.
        environment: remembers every fingerprint that it is asked for; a recorded one makes none.

    Raises:
        ParibusError: the environment is a recorded one, and no fingerprint of these modules was recorded.
    """
    modules = {ENGINES[engine]}.union(*map(_parts, specs))
    name = " ".join(sorted(modules))
    if environment is None:
        return _of(modules)
    if name not in environment.sources:
        if environment.recorded:
            raise ParibusError(
                "evidence of runs",
                got=f"none of code in {name}",
                expected=f"one of {len(environment.sources)} sets of modules that were recorded",
                fix="The suite has changed since: make the runs again, with --paribus-evidence.",
            )
        environment.sources[name] = _of(modules)
    return environment.sources[name]


@lru_cache(256)
def _parts(spec: Frozen) -> frozenset[str]:
    """Return the names of the sources of all callables in a spec."""
    return frozenset(_part(each.target) for each in calls(spec))


def _part(target: str) -> str:
    """Return the name of a callable's source: its module, or its own name where it is of a notebook or script."""
    return target if MARK in target else target.partition(":")[0]


def _of(parts: set[str]) -> str:
    local = [code for part in sorted(parts) if MARK in part and (code := local_code(part))]
    modules = {part for part in parts if MARK not in part}.union(*(c.modules for c in local))
    sources = {module: local_sources(module) for module in modules}
    installed = {module.partition(".")[0] for module, found in sources.items() if not found}
    versions = _versions(frozenset(installed - {"torch", *OWN_INTERFACE}))
    return _hash(frozenset().union(*sources.values()), (*versions, *(c.digest for c in local)))


def local_code(target: str) -> Code | None:
    """Code of a callable of a notebook or script; None for data, which the name already holds the hash of."""
    found = registered(target)
    return read_code(found) if isinstance(found, FunctionType | type) else None


def unhashed(specs: Iterable[Frozen]) -> tuple[str, ...]:
    """Names of values that code of a notebook or script uses and that cannot be hashed."""
    targets = dict.fromkeys(c.target for spec in specs for c in calls(spec) if MARK in c.target)
    found = [code.unhashed for target in targets if (code := local_code(target))]
    return tuple(dict.fromkeys(name for names in found for name in names))


@cache
def _versions(packages: frozenset[str]) -> tuple[str, ...]:
    """Return name and version of the distributions that installed code comes from; the key has torch's apart."""
    if not packages:
        return ()
    owners = packages_distributions()
    names = {name for package in packages for name in owners.get(package, ())}
    return tuple(sorted(f"{name}=={version(name)}" for name in names))


def calls(value: object) -> Iterator[Call]:
    """Yield every `Call` within a spec."""
    if isinstance(value, Call):
        yield value
    if isinstance(value, Frozen):
        for name in type(value).model_fields:
            yield from calls(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from calls(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from calls(item)


def _hash(paths: frozenset[Path], versions: tuple[str, ...] = ()) -> str:
    sha = hashlib.sha256("".join(versions).encode())
    for text in sorted(_text_digest(path) for path in paths):
        sha.update(text.encode())
    return sha.hexdigest()[:16]


def _text_digest(path: Path) -> str:
    """Return the hash of a file as this process first read it.

    Raises:
        ParibusError: it has changed since, so that code and file may differ.
    """
    first, stamp = _first_read(path)
    if path.exists() and stamp != _stamp(path) and first != _digest(path):
        raise ParibusError(
            f"source file {path}",
            got="a change since this process first read it",
            expected="the file that the code in use was loaded from",
            fix="Restart Python, so that the changed code is what is trained.",
        )
    return first


@cache
def _first_read(path: Path) -> tuple[str, tuple[int, int]]:
    return _digest(path), _stamp(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_mtime_ns, about.st_size


@cache
def local_sources(module: str) -> frozenset[Path]:
    """Return the files of a module and of everything local that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = None if name in OWN_INTERFACE else _source(name)
        if path is not None and path not in found:
            found.add(path)
            # A kernel is built from sources beside its caller.
            found.update(p for p in path.parent.iterdir() if p.suffix in (".cpp", ".hpp"))
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            waiting.extend(_imports(path, package))
    return frozenset(found)


@cache
def _source(module: str) -> Path | None:
    """Return the file of a local module, or None for a module that is built in, installed or not there."""
    # Looking inside a package imports it, so an installed one is recognised by its own path, before that.
    package = module.partition(".")[0]
    outermost = _spec(package)
    places = outermost and outermost.submodule_search_locations
    if outermost is None or (places and not ours(package) and all(map(_is_installed, places))):
        return None
    spec = _spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return None if _is_installed(spec.origin) and not ours(package) else Path(spec.origin).resolve()


def ours(package: str) -> bool:
    """Return whether a package is paribus, which counts even if installed: an upgrade invalidates its results."""
    return package == __name__.partition(".")[0]


def _spec(module: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None


def _is_installed(place: str) -> bool:
    return any(Path(place).resolve().is_relative_to(root) for root in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    roots = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    roots += [*site.getsitepackages(), site.getusersitepackages()]
    # An environment's own prefix may lie inside a checkout, so the prefix itself must not count.
    return tuple(Path(r).resolve() for r in roots if r and Path(r).resolve() != Path(sys.prefix))


@cache
def _imports(path: Path, package: str) -> frozenset[str]:
    """Return the dotted names that a file of this package may import, relative ones resolved."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            kept = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*kept, *([node.module] if node.module else [])])
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(names)
