"""Command ``paribus compare``: folders of results held against the first of them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_compare_options(parser: ArgumentParser) -> None:
    """Add what ``paribus compare`` takes."""
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="folders of results, the first one is the baseline",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="file for the page (default: it is printed)"
    )


def compare(arguments: Namespace) -> int:
    """Hold folders of results against the first of them; status 1 if a score got worse by more than its margin.

    For two versions, devices or commits: same seeds, same data. Nothing is trained.

    Examples:
      paribus compare results/main results/branch
      paribus compare results/main results/latest --out changes.md
    """
    from paribus.analysis.result_set import read_sets
    from paribus.analysis.set_changes import compare_sets

    (first, *others), (name, *names) = read_sets(arguments.folders)
    found = [
        compare_sets(first, other, (name, its_name))
        for other, its_name in zip(others, names, strict=True)
    ]
    from paribus.report.set_changes import page, summary, write_page

    if arguments.out is None:
        sys.stdout.write(page(found))
    else:
        path = write_page(found, arguments.out)
        sys.stdout.write(f"{summary(found)}\npage: {path}\n")
    return int(any(changes.worse for changes in found))
