"""Links to the pages that tell how far a suite's verdicts reach, where its folder holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TOLD = {
    "multiverse": "in how many settings its verdicts hold",
    "variance": "which source of randomness its spread comes from",
}
"""What each page tells; its file is ``SUITE-multiverse.md`` or ``SUITE-variance.md``."""


def explored_pages(suite: str, out: Path) -> dict[str, str]:
    """Return the file names of a suite's pages that a folder holds, by what they are."""
    files = {kind: f"{suite}-{kind}.md" for kind in TOLD}
    return {kind: file for kind, file in files.items() if (out / file).is_file()}


def index_lines(explored: Mapping[str, str]) -> list[str]:
    """Return a line of the index for each page."""
    return [f"  - [{kind.title()}]({file}): {TOLD[kind]}" for kind, file in explored.items()]


def page_links(explored: Mapping[str, str]) -> str:
    """Return the links of a suite's page, each before a dot in the middle."""
    return "".join(f"[{kind}]({file}) · " for kind, file in explored.items())
