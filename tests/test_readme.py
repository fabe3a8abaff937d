"""The README says what the suites say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.frontends.pytest_plugin import OPTIONS
from paribus.suites import SUITES

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
HEAD = (
    "| suite | question | task | network | varies | quick: steps x seeds | full | about | options |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def row(suite: Suite, comparison: Comparison) -> str:
    """A line of the README's table of suites."""
    quick, full = comparison.budgets["quick"], comparison.budgets["full"]
    paths = ", ".join(f"`{path.partition('.')[2]}`" for path in comparison.paths)
    several = len(suite.comparisons) > 1
    name = f"{suite.name}, {comparison.name}" if several else suite.name
    select = f"`-k {suite.name}-{comparison.name}`" if several else f"`-k {suite.name}`"
    cells = [
        f"{suite.system} {name}".strip(),
        comparison.question,
        f"`{comparison.task.name}`",
        comparison.recipe.model.label,
        f"{paths}: {len(comparison.variants())} variants",
        f"{quick.steps} x {quick.seeds}",
        f"{full.steps} x {full.seeds}",
        f"{comparison.seconds('quick'):g} s",
        f"{select}, `--paribus-data {comparison.task.name}=PATH`"
        if not comparison.task.reader.target.endswith(":refuse_file")
        else select,
    ]
    return f"| {' | '.join(cells)} |"


def test_the_table_of_suites_is_that_of_the_suites() -> None:
    """What is between the marks is what this prints, so copy it from the failure."""
    rows = [row(suite, comparison) for suite in SUITES for comparison in suite.comparisons]
    found = re.search(r"<!-- suites: begin .*?-->\n(.*?)<!-- suites: end -->", README, re.DOTALL)
    assert found is not None
    assert "\n".join([HEAD, *rows]) == found[1].strip()


def test_every_option_is_named() -> None:
    assert [name for name in OPTIONS if name not in README] == []


def test_its_python_compiles_and_imports_what_there_is() -> None:
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        imports = [n for n in ast.walk(ast.parse(block)) if isinstance(n, ast.ImportFrom)]
        for node in imports:
            module = __import__(node.module, fromlist=["_"])
            assert [a.name for a in node.names if not hasattr(module, a.name)] == []


def test_nothing_is_left_to_be_filled_in() -> None:
    assert re.findall(r"\b(?:PAGES|BENCH_MINUTES|TODO)\b", README) == []


def test_every_link_leads_somewhere() -> None:
    root = Path(__file__).parents[1]
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [link for link in links if not (root / link).exists()] == []
