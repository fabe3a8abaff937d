"""Verdicts as a terminal shows them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from paribus.analysis.claims import answer_all
from paribus.analysis.results import Result
from paribus.report.kept_weights import lines
from paribus.report.tables import by_comparison, heading, sign, undefined, verdict_table

WIDTH = 100


def terminal(results: Sequence[Result]) -> str:
    """Return a table for each comparison and device, the answers to its claims, and what was skipped."""
    return "\n\n".join(map(_table, by_comparison(results)))


def wrap(text: str) -> str:
    """Return a sentence on lines that a terminal shows whole."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(arms: Sequence[Result]) -> str:
    result = arms[0]
    name = result.suite.name
    if result.comparison.name != name:
        name += f", {result.comparison.name}"
    head = f"{name} on {result.device}"
    if result.skipped:
        return f"{head}: skipped, {result.skipped}"
    broken = [text for arm in arms for text in arm.control.broken]
    warning = ["CONTROL BROKE, verdicts are withheld:", *broken[:3]]
    return "\n".join(
        [
            f"{head}, {len(result.seeds)} seeds: {result.comparison.question}",
            *(warning if broken else []),
            verdict_table(*arms).to_markdown(index=False, tablefmt="simple", disable_numparse=True),
            f"{heading(result.comparison.primary)}; difference: {sign(result)}, positive is better",
            *(wrap(line) for line in lines(result)),
            *(
                f"undefined: {line['score']} of {line['variant']} (seeds: {line['seeds']})"
                for arm in arms
                for line in undefined(arm)
            ),
            *(
                f"{a.claim.name} {a.answer}: {a.claim.text}"
                for arm in arms
                for a in answer_all(arm)
            ),
        ]
    )
