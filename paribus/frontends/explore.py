"""Commands that ask how far a verdict reaches: variance by source, and verdicts over a grid of choices."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from paribus.errors import at_least, one_of
from paribus.experiment.grid import MAX_SETTINGS, Grid, check_grid, parsed
from paribus.frontends.discovery import find_suite, refuse_unknown
from paribus.frontends.early_checks import refuse_early

if TYPE_CHECKING:
    from paribus.execution.settings import Settings
    from paribus.experiment.suite import Suite

DRAWS, MIN_DRAWS = 10, 4


def add_explored(
    variance_: ArgumentParser, multiverse_: ArgumentParser, suite: dict[str, Any]
) -> None:
    """Add the suite and the options that these commands have besides those of every run."""
    for parser in (variance_, multiverse_):
        parser.add_argument("suite", **suite)
        parser.add_argument(
            "--compare", metavar="NAME", help="one comparison of the suite (default: all)"
        )
        parser.add_argument(
            "--engine",
            default="auto",
            metavar="auto|loop|stacked",
            help="how to train: one run at a time, or all at once (default: auto, all at once where that can be)",
        )
    variance_.add_argument(
        "--draws",
        type=int,
        default=DRAWS,
        metavar="N",
        help=f"how often each source is drawn anew (default: {DRAWS})",
    )
    variance_.add_argument(
        "--arm",
        default="default",
        choices=("default", "tuned", "both"),
        help="each variant at its stated settings, tuned, or both (default: default)",
    )
    multiverse_.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="PATH=VALUE,VALUE",
        help="a choice and its values, such as recipe.steps=250,1000; may be repeated (default: the suite's grid)",
    )
    multiverse_.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="paired seeds of each setting (default: 10, or more where a verdict needs them)",
    )
    multiverse_.add_argument(
        "--max-settings",
        type=int,
        default=MAX_SETTINGS,
        metavar="N",
        help=f"most combinations of values (default: {MAX_SETTINGS})",
    )


def explored_suite(arguments: Namespace) -> Suite:
    """Return the suite that is asked for, of its comparisons one where one is named; refuse what can be early.

    Raises:
        ParibusError: an option cannot be used, or there is no such suite or comparison.
    """
    refuse_unknown(arguments.suite)
    if "draws" in arguments:
        at_least("--draws", arguments.draws, MIN_DRAWS, fix=f"Leave it out for {DRAWS}.")
    else:
        at_least("--max-settings", arguments.max_settings, 2, fix="A grid has two or more.")
        check_grid(parsed(arguments.over), arguments.max_settings)
    refuse_early(vars(arguments), [arguments.suite])
    suite = find_suite(arguments.suite)
    if arguments.compare is None:
        return suite
    names = [comparison.name for comparison in suite.comparisons]
    one_of(
        "--compare", arguments.compare, names, fix="Name one comparison, or leave it out for all."
    )
    kept = tuple(c for c in suite.comparisons if c.name == arguments.compare)
    return suite.model_copy(update={"comparisons": kept, "claims": (), "across": None})


def variance(suite: Suite, settings: Settings, draws: int) -> int:
    """Train what is needed, write the page and tell where the spread comes from."""
    from paribus.execution.progress import ProgressBar
    from paribus.execution.variance import variance_by_source
    from paribus.report.variance import VarianceReport

    parts = variance_by_source(suite, settings, draws, ProgressBar())
    report = VarianceReport(suite.title, tuple(parts))
    sys.stdout.write(f"{report}\npage: {report.report(settings.out)}\n".replace("**", ""))
    return 0


def multiverse(suite: Suite, settings: Settings, over: Grid, max_settings: int) -> int:
    """Train what is needed, write the page and tell in how many settings each verdict holds."""
    from paribus.execution.multiverse import multiverse as over_settings
    from paribus.execution.progress import ProgressBar
    from paribus.report.multiverse import MultiverseReport

    parts = over_settings(suite, settings, over, max_settings, ProgressBar())
    report = MultiverseReport(suite.title, tuple(parts))
    sys.stdout.write(f"{report}\npage: {report.report(settings.out)}\n".replace("**", ""))
    return 0
