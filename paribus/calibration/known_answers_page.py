"""Page of the known answers: what is known, what was seen, and the chance of a false alarm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paribus.calibration.known_answers import KnownAnswerResult
from paribus.report.tables import Line, markdown

INTRODUCTION = (
    "Each comparison here has a known answer: an effect that must be seen, or one that must not. Thresholds are on the "
    "raw effect, with a wide margin, so that a red one means that something is broken and not bad luck. `false alarm` "
    "is the largest chance that a working installation fails it, and where that number comes from."
)


def write_known_answers(judged: Sequence[KnownAnswerResult], out: Path) -> Path:
    """Write ``known_answers.md`` into a folder, which is made if it is not there."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "known_answers.md"
    path.write_text(known_answers(judged), encoding="utf-8", newline="\n")
    return path


def known_answers(judged: Sequence[KnownAnswerResult]) -> str:
    """Return the whole page."""
    red = [j.known_answer.name for j in judged if not j.green]
    summary = f"**Red: {', '.join(red)}.**" if red else f"**All {len(judged)} are green.**"
    group = (
        f"{summary} A working installation would have a red one among these in at most "
        f"{100 * sum(j.false_alarm for j in judged):.2g} % of runs."
    )
    blocks = ["# Known answers", INTRODUCTION, group, markdown([_line(j) for j in judged])]
    return "\n\n".join(blocks) + "\n"


def _line(judged: KnownAnswerResult) -> Line:
    return {
        "known answer": judged.known_answer.name,
        "known": f"{judged.known_answer.text} ({judged.known_answer.source})",
        "seen": judged.seen,
        "reads": "green" if judged.green else "**RED**",
        "red would be": judged.threshold,
        "false alarm": f"{judged.false_alarm:.1g}: {judged.evidence}",
    }
