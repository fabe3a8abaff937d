"""Commands for what paribus keeps: the cache, stores, stores that are damaged, and those of several machines."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from paribus.errors import ParibusError

if TYPE_CHECKING:
    from paribus.data.cache_limits import Entry

KINDS = {
    "steps": "the interpreter of steps in SIMD lanes",
    "recurrent": "kernels of recurrent layers",
    "program": "steps of networks as programs",
    "network": "facts of networks",
    "update": "operations of optimizers",
    "rates": "rates of the machine",
    "lanes": "rates of the machine in SIMD lanes",
    "weights": "weights to start from",
    "suite": "descriptions of installed suites",
}


def add_cache_options(parser: ArgumentParser) -> None:
    """Add the options of ``paribus cache``."""
    parser.add_argument("--clear", action="store_true", help="remove every file of it")
    parser.add_argument(
        "--limit", type=float, metavar="MB", help="megabytes that it may have, from now on"
    )
    parser.add_argument(
        "--days", type=float, metavar="N", help="days without use after which a file is removed"
    )


def add_merge_options(parser: ArgumentParser) -> None:
    """Add the options of ``paribus merge``."""
    parser.add_argument("stores", nargs="+", type=Path, metavar="STORE", help="a store of runs")
    parser.add_argument(
        "--into", type=Path, required=True, metavar="NEW", help="the store that they are added to"
    )


def add_store_options(parser: ArgumentParser) -> None:
    """Add the options of ``paribus store``."""
    parser.add_argument("file", type=Path, metavar="STORE", help="a store of runs")
    parser.add_argument(
        "--check",
        action="store_true",
        help="read all of it, and say what is damaged; it takes 0.1 ms a run",
    )


def cache(arguments: Namespace) -> int:
    """Show the size of the cache; clear it, or limit its size and the age of what is in it.

    It holds what takes seconds to make and is made again where it is missing: programs and
    libraries of the engines, facts of networks, rates of the machine, generated data. Files
    that were not used for 90 days are removed, and those not used for longest beyond 1000 MB.

    Examples:
      paribus cache
      paribus cache --limit 200 --days 30
      paribus cache --clear
    """
    from paribus.data import cache_limits

    folder = _folder()
    for option in ("limit", "days"):
        value = getattr(arguments, option)
        if value is not None and not (value >= 0 and isfinite(value)):
            raise ParibusError(
                f"--{option}",
                got=value,
                expected="a number, at least 0",
                fix="Use --clear to remove all.",
            )
    chosen = cache_limits.limits(folder)
    if arguments.limit is not None or arguments.days is not None:
        days = chosen.days if arguments.days is None else arguments.days
        megabytes = chosen.megabytes if arguments.limit is None else arguments.limit
        chosen = cache_limits.Limits(megabytes, days)
        try:
            cache_limits.set_limits(folder, chosen)
        except OSError as error:
            raise ParibusError(
                "the cache folder",
                got=f"{folder} ({error.strerror})",
                expected="a folder that can be written",
                fix="Name another by the environment variable PARIBUS_CACHE.",
            ) from error
        _said("removed", cache_limits.evict(folder, chosen))
    if arguments.clear:
        _said("removed", cache_limits.clear(folder))
    there = cache_limits.entries(folder)
    _write(f"cache folder: {folder}")
    for line in _table(there):
        _write(line)
    _said("in all", there)
    _write(f"limits: {chosen.megabytes:g} MB, {chosen.days:g} days without use")
    return 0


def store_(arguments: Namespace) -> int:
    """Show how much a store of runs holds, and its last runs; with --check, status 1 if any of it is damaged.

    Examples:
      paribus store results/latest/runs.sqlite
      paribus store results/latest/runs.sqlite --check
    """
    from paribus.execution.progress import ProgressBar
    from paribus.runs.contents import check, contents
    from paribus.runs.store_file import in_words

    path = arguments.file
    there = contents(path)
    _write(f"store: {path} of {there.size / 1e6:.1f} MB")
    for name, count in there.rows.items():
        days = f", kept {' to '.join(there.days)}" if name == "runs" else ""
        _write(f"  {in_words(name)}: {count}{days}")
    for told in there.latest:
        _write(f"  {told}")
    if not arguments.check:
        return 0
    thousands = sum(there.rows.values()) // 1000
    with ProgressBar(shown=thousands > 0).batch(path.name, thousands, 0.0, "thousand rows") as step:
        lost = check(path, step)
    for name, count in lost.items():
        _write(
            f"damaged: {count} of {there.rows[name]} {in_words(name)}; paribus salvage saves the others"
        )
    if not lost:
        _write("damaged: none")
    return int(bool(lost))


def salvage(arguments: Namespace) -> int:
    """Copy what can still be read of a damaged store to a new one; the damaged file stays as it is.

    Example:
      paribus salvage results/latest/runs.sqlite results/latest/runs-saved.sqlite
    """
    from paribus.runs.salvage import salvage as rescue
    from paribus.runs.store_file import in_words

    saved = rescue(arguments.damaged, arguments.into)
    names = dict.fromkeys([*saved.kept, *saved.lost])
    for name in names:
        _write(f"{in_words(name)}: {saved.kept.get(name, 0)} kept, {saved.lost.get(name, 0)} lost")
    _write(f"new store: {arguments.into}; go on with --store {arguments.into}")
    return 0


def merge(arguments: Namespace) -> int:
    """Merge stores of several machines into a new or existing one; the stores themselves stay as they are.

    A run that is in several is kept once; one whose numbers differ is refused, and nothing is merged.

    Example:
      paribus merge laptop/runs.sqlite cluster/runs.sqlite --into all/runs.sqlite
    """
    from paribus.runs.merge import merge as merged
    from paribus.runs.store_file import in_words

    found = merged(arguments.stores, arguments.into)
    for name in dict.fromkeys([*found.added, *found.equal, *found.other]):
        line = f"{in_words(name)}: {found.added[name]} added, {found.equal[name]} there already"
        other = found.other[name]
        _write(f"{line}, {other} there already with other values, which stand" if other else line)
    _write(f"store: {arguments.into}; go on with --store {arguments.into}")
    return 0


def _folder() -> Path:
    from paribus.data.cache import cache_folder

    try:
        return cache_folder()
    except OSError as error:
        raise ParibusError(
            "the cache folder",
            got=str(error),
            expected="a home folder, or another place",
            fix="Name one by the environment variable PARIBUS_CACHE.",
        ) from error


def _table(there: Iterable[Entry]) -> list[str]:
    """Return a line for each kind of file: how many, how large, and when one was last used."""
    by_kind: dict[str, list[Entry]] = defaultdict(list)
    for entry in there:
        by_kind[entry.kind].append(entry)
    return [
        f"  {kind}: {_size(of)}, last used {_day(max(e.used for e in of))}{_about(kind)}"
        for kind, of in sorted(by_kind.items())
    ]


def _about(kind: str) -> str:
    return f" ({KINDS[kind]})" if kind in KINDS else ""


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _said(what: str, of: list[Entry]) -> None:
    _write(f"{what}: {_size(of)}")


def _size(of: list[Entry]) -> str:
    megabytes = sum(entry.size for entry in of) / 1e6
    return f"{len(of)} file{'s' * (len(of) != 1)} of {megabytes:.1f} MB"


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
