"""Page of a soak: who was killed when, and what was left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.parts import add_part
from paribus.report.tables import markdown

if TYPE_CHECKING:
    from benchmarks.soak.kills import Tally

PHASES = ("start-up", "training", "all trained", "step times", "pages")
INTRODUCTION = """\
A small comparison was started, killed (SIGKILL) at a random moment, and started again, until a command came to its end;
then the same from an empty store, over and over. `loop` and `stacked` are `paribus run` by either engine, `cases` is
pytest, which times steps, too, and `dask` trains on a cluster of two workers. A kill of `commit` is one of the driver
that waited for the next write to the store.

A fault is, after any kill: a store that does not pass SQLite's check, or records their checksums; a committed run that
is lost, changed or trained again; a process or a temporary file that is left; a traceback. And at the end: pages and
data that are not those of an undisturbed command, times apart (for stacks: to rounding)."""


def write_page(out: Path, way: str, tally: Tally, seed: int) -> None:
    """Put what one way came to into ``soak.json`` in a folder, and write the page from all of them."""
    measured = {
        "seed": seed,
        "kills": [[*key, number] for key, number in sorted(tally.kills.items())],
        **{name: value for name, value in vars(tally).items() if name != "kills"},
    }
    parts = add_part(out / "soak.json", way, measured)
    (out / "soak.md").write_text(page_text(parts), encoding="utf-8", newline="\n")


def page_text(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the whole page."""
    kills = [_row(way, target, part) for way, part in parts.items() for target in _targets(part)]
    counted = [
        {
            "way": way,
            "seed": f"{part['seed']}",
            "kills": f"{sum(number for *_, number in part['kills'])}",
            "commands": f"{part['commands']}",
            "stores": f"{part['rounds']}",
            "runs committed": f"{part['committed']}",
            "trainings begun": f"{part['begun']}",
            "begun after their commit": f"{part['again']}",
            "unfinished files of the cache": f"{part['unfinished']}",
            "faults": f"{len(part['faults'])}",
        }
        for way, part in parts.items()
    ]
    faults = [f"- {way}, {fault}" for way, part in parts.items() for fault in part["faults"]]
    text = ["# Soak", INTRODUCTION, "## Kills", markdown(kills), "## What came of it"]
    return "\n\n".join([*text, markdown(counted), *faults]) + "\n"


def _targets(part: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(target for target, _, _ in part["kills"]))


def _row(way: str, target: str, part: Mapping[str, Any]) -> dict[str, str]:
    numbers = {phase: number for who, phase, number in part["kills"] if who == target}
    phases = {phase: f"{numbers.get(phase, 0)}" for phase in PHASES}
    return {"way": way, "killed": target, **phases, "all": f"{sum(numbers.values())}"}
