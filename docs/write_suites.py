#!/usr/bin/env python3
"""Write docs/suites.md from the suites themselves: ``python docs/write_suites.py``."""

from __future__ import annotations

import re
from pathlib import Path

from paribus import Comparison, Suite
from paribus.suites import SUITES

PAGE = Path(__file__).with_name("suites.md")
INTRODUCTION = """\
# Built-in suites

This page is written by `python docs/write_suites.py`; a test fails when it is out of date.

A suite is one page of results: one or more comparisons that belong together. Run one by its name, or one of its
comparisons from a checkout with `-k`:

```sh
paribus run optimizers
pytest benchmarks --benchmark-only -k optimizer_claims-sparse
```

The columns *quick* and *full* are the two budgets, as optimizer steps × paired seeds. *Seconds* are an estimate for the
quick budget on two cores, with the tuned arm where there is one. A task in bold reads your own data
(`--data TASK=PATH`, [data](data.md)). The tasks that are not bold are generated.
"""
HEADER = (
    "| comparison | question | task | network | varies | variants | quick | full | seconds |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def page(suites: tuple[Suite, ...]) -> str:
    """Return the page: an introduction, a list of the suites, and a table for each."""
    contents = [f"- [{suite.name}](#{suite.name}): {suite.title}" for suite in suites]
    return "\n".join([INTRODUCTION, *contents, "", "\n\n".join(map(_section, suites)), ""])


def _section(suite: Suite) -> str:
    rows = [_row(comparison) for comparison in suite.comparisons]
    return "\n".join([f"## {suite.name}", "", f"{suite.title}.", "", HEADER, *rows])


def _row(comparison: Comparison) -> str:
    quick, full = comparison.budgets["quick"], comparison.budgets["full"]
    generated = comparison.task.reader.target.endswith(":refuse_file")
    cells = [
        f"`{comparison.name}`",
        comparison.question,
        comparison.task.name if generated else f"**{comparison.task.name}**",
        f"`{_repeated(comparison.recipe.model.label)}`",
        ", ".join(f"`{path.partition('.')[2]}`" for path in comparison.paths),
        ", ".join(variant.name for variant in comparison.variants()),
        f"{quick.steps} × {quick.seeds}",
        f"{full.steps} × {full.seeds}",
        f"{comparison.seconds('quick'):g}",
    ]
    return f"| {' | '.join(cells)} |"


def _repeated(label: str) -> str:
    """Return the label with lists of one repeated number shortened.

    >>> _repeated("MLP(hidden=[64, 64, 64])")
    'MLP(hidden=[64] * 3)'
    """
    return re.sub(r"\[(\d+)(?:, \1){2,}\]", lambda m: f"[{m[1]}] * {m[0].count(',') + 1}", label)


if __name__ == "__main__":
    PAGE.write_text(page(SUITES), encoding="utf-8")
