"""Details behind the page of a suite: other scores, budgets, settings, networks, data, method and provenance."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.util import find_spec

from paribus.analysis.results import Result
from paribus.report import (
    margins,
    method,
    provenance_tables,
    secondary_tables,
    settings_tables,
    tables,
    tuning_budget,
)
from paribus.report.formatting import bullets


def details_name(suite: str) -> str:
    """Return the name of the file with the details of a suite."""
    return f"{suite}-details.md"


def details(results: Sequence[Result]) -> str:
    """Return the details of a suite, from its results in every arm on every device."""
    suite = results[0].suite
    ran = [result for result in results if not result.skipped]
    blocks = [f"# {suite.title}: details", f"[Verdicts]({suite.name}.md) · [method]({method.PAGE})"]
    for comparison in suite.comparisons:
        of_one = [result for result in ran if result.comparison.name == comparison.name]
        if of_one:
            blocks += [f"## {comparison.name}", *_varied(of_one[0])]
        for arms in tables.by_comparison(of_one):
            blocks += _device(arms)
    return "\n\n".join([*blocks, *(_shared(ran) if ran else [])]) + "\n"


def _device(arms: Sequence[Result]) -> list[str]:
    """Return other scores and the budget of a comparison on one device."""
    spaces = [line for arm in arms for line in tuning_budget.space_lines(arm)]
    device = arms[0].device
    return [
        f"### {method.link('Other scores and time', 'budget-and-time')}, on {device}",
        tables.markdown(tables.of_arms(arms, secondary_tables.other_lines)),
        f"### {method.link('Budget', 'budget-and-time')} of each variant, on {device}",
        tables.markdown(tables.of_arms(arms, tuning_budget.budget_lines)),
        *([tables.markdown(spaces)] if spaces else []),
        *_firmness(arms, device),
        *_margins(arms, device),
    ]


def _firmness(arms: Sequence[Result], device: str) -> list[str]:
    """Return what is left of each direction without any one seed, and what other tests say."""
    lines = tables.of_arms(arms, secondary_tables.fragility_lines)
    if not lines:
        return []
    title = method.link("Fragility", "fragility")
    return [f"### {title} of each direction, on {device}", tables.markdown(lines)]


def _margins(arms: Sequence[Result], device: str) -> list[str]:
    """Return what would be said of each contrast at other margins."""
    lines = tables.of_arms(arms, margins.curve_lines)
    if not lines:
        return []
    title = method.link("Other margins", "margins")
    return [f"### {title}, on {device}", tables.markdown(lines)]


def _varied(result: Result) -> list[str]:
    """Return what varied, what was compared by hash, and the comparison's notes."""
    notes = result.comparison.notes
    return [
        "### What varied",
        tables.markdown(settings_tables.varied_lines(result)),
        _checked(result),
        *([bullets(notes)] if notes else []),
    ]


def _checked(result: Result) -> str:
    if not any(row.present for row in result.rows[1:]):
        return "No pair of runs is there to compare by hash."
    if result.control.broken:
        return (
            f"**Should be equal between variants and is not**: {'; '.join(result.control.checked)}."
        )
    if not result.control.checked:
        return "Split, order and initial weights may all differ with the factor, so none was compared by hash."
    return f"Equal by hash in every variant, for every seed: {'; '.join(result.control.checked)}."


def _shared(results: Sequence[Result]) -> list[str]:
    """Return what comparisons share: settings, networks, data, method, provenance, commands."""
    held = settings_tables.shared_lines(results, settings_tables.held_settings, "setting")
    facts = settings_tables.shared_lines(results, lambda result: _facts(result, results), "")
    runs = settings_tables.shared_lines(results, provenance_tables.provenance, "")
    again = "\n".join(dict.fromkeys(filter(None, map(_again, tables.by_comparison(results)))))
    return [
        "## Settings held equal",
        tables.markdown(held),
        *(
            block
            for names, lines, total in provenance_tables.networks(results)
            for block in (_network_title(names, lines, total), tables.markdown(lines))
        ),
        *_data(results),
        "## How the verdicts were reached",
        tables.markdown(facts),
        "## Where the numbers come from",
        *([tables.markdown(runs)] if runs else []),
        *([f"To make it again:\n\n```\n{again}\n```"] if again else []),
    ]


def _again(arms: Sequence[Result]) -> str:
    """Return the command that makes a comparison again; nothing for data of a program, which no command reads."""
    command, suite = method.command(*arms), arms[0].suite.name
    if arms[0].comparison.task.source.target.startswith("memory:"):
        return ""
    if find_spec(f"paribus.suites.{suite}") is not None:
        return command
    built_in = f"pytest benchmarks --benchmark-only -k {shlex.quote(suite)}"
    return command.replace(built_in, "paribus run FILE_OF_THE_SUITE.py").replace(
        " --paribus-", " --"
    )


def _facts(result: Result, results: Sequence[Result]) -> list[tuple[str, str]]:
    arms = [r for r in results if r.comparison.name == result.comparison.name]
    return [*method.facts(result), *tuning_budget.untuned(arms)]


def _network_title(names: str, lines: Sequence[tables.Line], total: str) -> str:
    frozen = any(line["parameters"] == "frozen" for line in lines)
    return f"## Network of {names}: {total} parameters{' that are trained' * frozen}"


def _data(results: Sequence[Result]) -> list[str]:
    lines, notes = provenance_tables.data_lines(results), provenance_tables.data_notes(results)
    if not lines:
        return []
    return ["## Data", tables.markdown(lines), *([bullets(notes)] if notes else [])]
