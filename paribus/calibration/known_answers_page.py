"""The page of the controls: what is known, what was seen, and how often a sound bench would fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paribus.calibration.known_answers import KnownAnswerResult
from paribus.report.tables import Line, markdown

INTRODUCTION = (
    "Each control is a comparison whose answer is known: an effect that must be seen, or one that must not. Thresholds "
    "stand on the raw effect, with room, so that a red one means that something is broken and not that luck was bad. "
    "`false alarm` is the largest chance that a sound bench fails a control, and where that comes from."
)


def write_controls(judged: Sequence[KnownAnswerResult], out: Path) -> Path:
    """Write ``controls.md`` into a folder, which is made if it is not there."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "controls.md"
    path.write_text(controls(judged), encoding="utf-8", newline="\n")
    return path


def controls(judged: Sequence[KnownAnswerResult]) -> str:
    """The whole page."""
    red = [j.control.name for j in judged if not j.green]
    told = f"**Red: {', '.join(red)}.**" if red else f"**All {len(judged)} are green.**"
    group = (
        f"{told} A sound bench would have a red one among these in at most "
        f"{100 * sum(j.flakes for j in judged):.2g} % of runs."
    )
    blocks = ["# Controls", INTRODUCTION, group, markdown([_line(j) for j in judged])]
    return "\n\n".join(blocks) + "\n"


def _line(judged: KnownAnswerResult) -> Line:
    return {
        "control": judged.control.name,
        "known": f"{judged.control.text} ({judged.control.source})",
        "seen": judged.seen,
        "reads": "green" if judged.green else "**RED**",
        "red would be": judged.threshold,
        "false alarm": f"{judged.flakes:.1g}: {judged.evidence}",
    }
