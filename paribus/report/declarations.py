"""Declarations on a page: when what it asks was sealed, and whether runs that answer it had been seen by then."""

from __future__ import annotations

from paribus.analysis.declaration import Seal
from paribus.analysis.results import Result
from paribus.report.formatting import listed, plural

UNSEALED = "not sealed before its runs"


def told(seal: Seal | None) -> str:
    """Return when a declaration was sealed, its hash, and whether its runs had been made or seen by then."""
    if seal is None:
        return UNSEALED
    if not seal.when:
        return (
            f"hash `{seal.digest}`, **not sealed before its runs**: {_others(seal.changed)} from what was sealed on "
            f"{_minute(seal.earlier)}"
        )
    own = f"hash `{seal.digest}`, sealed on {_minute(seal.when)}"
    if seal.changed:
        return (
            f"{own}, **after its runs were seen**: {_others(seal.changed)} from what was sealed on "
            f"{_minute(seal.earlier)}"
        )
    if seal.made_before:
        return f"{own}, when {seal.made_before} of its {plural(seal.runs, 'run')} had been made"
    return f"{own}, before its first run"


def warnings(result: Result) -> list[str]:
    """Return a warning where what is asked was changed after runs that answer it had been seen.

    Other seeds alone are a look, which verdicts are marked for; another rule came with another version of paribus.
    """
    seal = result.seal()
    if seal is None or not {*seal.changed} - {"seeds", "rule"}:
        return []
    return [
        f"**Declared after its runs were seen**: {_others(seal.changed)} from what was sealed on "
        f"{_minute(seal.earlier)}, and may have been chosen by what the runs show."
    ]


def _others(parts: tuple[str, ...]) -> str:
    """Return that these parts differ; each of their names is a plural but `rule` and `tuning`."""
    one = len(parts) == 1 and parts[0] in ("rule", "tuning")
    return f"{listed(parts)} {'differs' if one else 'differ'}"


def _minute(when: str) -> str:
    return f"{when[:10]} {when[11:16]} UTC"
