"""README fits on a screen, and the command line's page names every option."""

from __future__ import annotations

import re
from pathlib import Path

from paribus.execution.settings import OPTIONS
from paribus.suites import SUITES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text("utf-8")


def test_it_is_short() -> None:
    assert len(README.split()) < 1200
    assert len(README.splitlines()) < 150


def test_its_first_example_has_ten_lines() -> None:
    (first, *_) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in first.splitlines() if line]) <= 12


def test_it_names_suites_that_exist() -> None:
    topics = re.findall(r"\| \[(\w+)\]\(", README)
    assert len(topics) == 12
    assert set(topics) <= {suite.name for suite in SUITES}


def test_every_option_is_documented() -> None:
    assert [name for name in OPTIONS if f"`--{name}" not in COMMAND_LINE] == []


def test_an_answer_stands_on_the_page_that_it_links() -> None:
    """The verdict named in a row of the topics occurs on the reference page of the row."""
    rows = re.findall(r"^\| [^|]+\? \| ([^|]+) \| \[\w+\]\((\S+)\) \|$", README, re.MULTILINE)
    for answer, page in rows:
        words = set(re.findall(r"better|worse|equivalent|undecided|macro", answer))
        text = (ROOT / page).read_text("utf-8")
        assert [word for word in words if word not in text] == []
    assert len(rows) == 12
