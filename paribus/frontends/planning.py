"""Command ``paribus plan``: how many seeds and seconds a comparison needs."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from paribus.errors import ParibusError
from paribus.frontends.discovery import find_suite, refuse_unknown, suite_locations
from paribus.frontends.score_table import add_table_options, sheet_of

if TYPE_CHECKING:
    from paribus.analysis.planning import SeedPlan

LATEST = Path("results/latest")
OF_TABLES = ("baseline", "lower_is_better", "variant", "seed", "score")
"""Options that say what the columns of a table are; of a suite all of that is declared."""


def add_plan_options(parser: ArgumentParser) -> None:
    """Add what ``paribus plan`` takes."""
    parser.add_argument(
        "suite",
        nargs="?",
        metavar="SUITE",
        help="name of a suite, or a file that defines SUITE (default: all that the pilot holds)",
    )
    parser.add_argument(
        "--pilot",
        type=Path,
        metavar="PATH",
        help=f"folder of pages, or a table of scores as judge reads it (default: {LATEST})",
    )
    parser.add_argument(
        "--effect",
        type=float,
        metavar="E",
        help="difference whose direction is to be told, in units of the score (default: the margin)",
    )
    add_table_options(parser, required=False)


def plan(arguments: Namespace) -> int:
    """Say how many seeds and seconds a comparison needs, from the spread of scores that exist already.

    For each contrast: seeds with which four of five comparisons tell the direction
    of a difference of E, and seeds with which they show of two equal variants that
    they differ by less than M. Both are simulated by the rule that gives verdicts.

    Examples:
      paribus run optimizers --seeds 6 --out results/pilot
      paribus plan optimizers --pilot results/pilot
      paribus plan --pilot results/reference --effect 0.01
      paribus plan --pilot scores.csv --baseline adam --margin 0.01
    """
    _refuse(arguments)
    pilot = LATEST if arguments.pilot is None else arguments.pilot
    plans = _of_folder(pilot, arguments) if pilot.is_dir() else [str(_of_table(pilot, arguments))]
    sys.stdout.write("\n\n".join(plans) + "\n")
    return 0


def _refuse(arguments: Namespace) -> None:
    """Refuse options that contradict each other or have no value that can be used."""
    for name in ("effect", "margin"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < inf:
            raise ParibusError(
                f"--{name}",
                got=value,
                expected="a positive number, in units of the score",
                fix="Leave it out for what the suite declares.",
            )
    if arguments.suite is not None:
        refuse_unknown(arguments.suite)
    pilot = LATEST if arguments.pilot is None else arguments.pilot
    if not pilot.exists():
        raise ParibusError(
            "--pilot",
            got=f"{pilot}, which is not there",
            expected="a folder of pages, or a table of scores",
            fix="Make one first, such as by paribus run SUITE --seeds 6, and name its folder with --pilot.",
        )
    if pilot.is_dir():
        given = [
            f"--{name.replace('_', '-')}"
            for name in OF_TABLES
            if getattr(arguments, name) not in (None, False, name)
        ]
        if given:
            raise ParibusError(
                given[0],
                got=f"it for {pilot}, a folder",
                expected="it for a table of scores, since a suite declares what is compared",
                fix="Leave it out, or name a table with --pilot.",
            )
    elif arguments.suite is not None or arguments.baseline is None:
        raise ParibusError(
            "--pilot",
            got=f"{pilot}, a table, {'without --baseline' if arguments.suite is None else 'beside a suite'}",
            expected="a table with the name of its baseline, or a suite with a folder of pages",
            fix=f"Write paribus plan --pilot {pilot} --baseline NAME.",
        )


def _of_table(path: Path, arguments: Namespace) -> SeedPlan:
    from paribus.analysis.planning import plan_contrasts
    from paribus.analysis.verdict import decide

    sheet = sheet_of(path, arguments)
    contrasts = decide(
        sheet.scores,
        baseline=sheet.baseline,
        higher_is_better=not arguments.lower_is_better,
        margin=arguments.margin,
        failure_score=0.0,  # no score is missing
        metric=arguments.score,
    )
    title = f"How many seeds? From the spreads of {len(sheet.seeds)} in {path}."
    return plan_contrasts(contrasts, title=title, effect=arguments.effect)


def _of_folder(folder: Path, arguments: Namespace) -> list[str]:
    """Return the plan of each arm of the suite, or of all suites that the folder holds, or why an arm has none.

    Raises:
        ParibusError: none of them has a plan.
    """
    names = [arguments.suite] if arguments.suite else _suites_in(folder)
    from paribus.analysis.pilot import pilot_arms
    from paribus.analysis.planning import plan_contrasts

    plans, refusals = [], []
    for name in names:
        try:
            arms = list(pilot_arms(find_suite(name), folder))
        except ParibusError as error:
            refusals.append(error)
            plans.append(f"{name}\nNo plan: {error.what}: {error.got}.")
            continue
        for arm in arms:
            title = f"{arm.title}: how many seeds? From the spreads of {arm.seeds} in {folder}."
            try:
                plan = plan_contrasts(
                    arm.contrasts,
                    title=title,
                    effect=arguments.effect,
                    margin=arguments.margin,
                    seconds=arm.seconds,
                )
                plans.append(str(plan))
            except ParibusError as error:
                refusals.append(error)
                plans.append(f"{title}\nNo plan: {error.what}: {error.got}.")
    if refusals and len(refusals) == len(plans):
        raise refusals[0]
    return plans


def _suites_in(folder: Path) -> list[str]:
    """Return the suites whose runs a folder lists."""
    names = [name for name in suite_locations() if (folder / f"{name}.csv").is_file()]
    if not names:
        raise ParibusError(
            "--pilot",
            got=f"{folder}, which lists the runs of no suite",
            expected="a folder of pages, with a file such as optimizers.csv",
            fix="Name the suite too if it is a file of your own, or another folder.",
        )
    return names
