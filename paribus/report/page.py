"""Page of a suite: the answers first, then each comparison's table and figures; details.py holds the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from paribus.analysis.claims import ClaimResult, answer_all, answer_suite
from paribus.analysis.ranking import TaskRanking
from paribus.analysis.results import Result
from paribus.report import (
    claims,
    declarations,
    kept_weights,
    margins,
    method,
    provenance_tables,
    ranking_tables,
    secondary_tables,
    tables,
    what_was_read,
)
from paribus.report.answers import answer
from paribus.report.details import details_name
from paribus.report.explored import page_links
from paribus.report.figures import trade_off
from paribus.report.formatting import bullets, listed
from paribus.report.ranking_answer import ranking_answer
from paribus.report.starts import start_lines
from paribus.runs.run import Predictions

Figures = Mapping[str, str]
"""File names of the figures of one result, by title."""

UNDEFINED = (
    "The training of these seeds ended well, but their test samples give the score no finite value: a part with one "
    "class, a constant target or prediction, or what the score itself makes of them. No verdict rests on such a score, "
    "and means beside it say how many seeds they are of."
)
MAX_BROKEN = 10  # broken pairs that are listed


def page(
    results: Sequence[Result],
    figures: Sequence[Figures],
    csv: str,
    rankings: Sequence[tuple[TaskRanking, Figures]] = (),
    explored: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the page of a suite.

    Args:
        results: of every comparison, in every arm on every device.
        figures: of each result.
        csv: name of the file with all runs.
        rankings: of the variants over all tasks, each with its figures.
        explored: file names of the pages of its multiverse and variance, by what they are.
    """
    suite = results[0].suite
    compared = [[r for r in results if r.comparison.name == c.name] for c in suite.comparisons]
    compared = [found for found in compared if found]
    answers = [*(ranking_answer(r) for r, _ in rankings), *map(answer, compared)]
    blocks = [
        f"# {suite.title}",
        answers[0] if len(answers) == 1 else bullets(answers),
        f"[Details]({details_name(suite.name)}) · {_read_links(results)}[all runs]({csv}) · "
        f"{page_links(explored)}[method]({method.PAGE}) · [all suites](README.md)",
    ]
    for ranking, names in rankings:
        blocks += ranking_tables.blocks(ranking, names)
    blocks += ranking_tables.withheld(results, [ranking for ranking, _ in rankings])
    for found in compared:
        blocks += _comparison(found, results, figures)
    ran = [result for result in results if not result.skipped]
    for device in dict.fromkeys(result.device for result in ran):
        blocks += _suite_claims([r for r in ran if r.device == device])
    return "\n\n".join(blocks) + "\n"


def _read_links(results: Sequence[Result]) -> str:
    """Link to what was read of a user's own data."""
    tasks = list(dict.fromkeys(summary.task for result in results for summary in result.read))
    titles = {
        task: f"what was read for {task}" if len(tasks) > 1 else "what was read" for task in tasks
    }
    return "".join(f"[{titles[task]}]({what_was_read.page_name(task)}) · " for task in tasks)


def _comparison(
    found: Sequence[Result], results: Sequence[Result], figures: Sequence[Figures]
) -> list[str]:
    """Return a comparison's results on each device."""
    blocks = [f"## {found[0].comparison.name}"]
    for arms in tables.by_comparison(found):
        names = [figures[i] for i, r in enumerate(results) if any(r is arm for arm in arms)]
        blocks += _device(arms, names)
    return blocks


def _device(arms: Sequence[Result], figures: Sequence[Figures]) -> list[str]:
    result = arms[0]
    if result.skipped:
        return [f"Skipped on {result.device}: {result.skipped}."]
    places = tables.places_of(arms)
    return [
        setting_line(result),
        *margins.margin_lines(arms),
        *(line for arm in arms for line in broken(arm)),
        *dict.fromkeys(line for arm in arms for line in declarations.warnings(arm)),
        *start_lines(arms[0]),
        tables.markdown(tables.of_arms(arms, lambda arm: tables.score_lines(arm, places))),
        *secondary_tables.second_metric(arms),
        *legend(result),
        *_weights(arms),
        *_tuning_gains(arms),
        *margins.failure_limit_lines(arms),
        *(line for arm in arms for line in _interactions(arm)),
        *_failures(arms),
        *_undefined(arms),
        *_claims(arms),
        *(p for arm, names in zip(arms, figures, strict=True) for p in _pictures(arm, names)),
        *(line for arm in arms for line in (*_trade_off(arm), *_extra(arm))),
    ]


def setting_line(result: Result) -> str:
    """Return what the main table was measured with: device, seeds, budget, and which way differences are turned."""
    at_most = "at most " if result.cap is not None else ""
    return (
        f"On {result.device}: {at_most}{len(result.seeds)} paired seeds, budget `{result.budget}`. "
        f"{_intervals(result)} Difference: {tables.sign(result)}, positive is better."
    )


def _intervals(result: Result) -> str:
    if result.cap is not None:
        return "Share of wins with its confidence sequence; p anytime-valid, Bonferroni-adjusted."
    test = "corrected t" if result.comparison.corrected else "sign-flip"
    return f"Mean ± standard deviation, [95 % interval of the family], {test} p, Holm-adjusted."


def legend(result: Result) -> list[str]:
    """Return the scores of predictors that learn nothing, for scale, and which of two classes counts as positive."""
    scores = secondary_tables.dummy_scores(result)
    dummy = [f"`{name}` {score}" for name, score in scores.items()]
    positive = secondary_tables.positive_class(result)
    sentences = [f"Without any network: {listed(dummy)}."] if dummy else []
    sentences += [f"{result.comparison.primary.name} counts {positive} as positive."] * bool(
        positive
    )
    return [" ".join(sentences)] if sentences else []


def _weights(arms: Sequence[Result]) -> list[str]:
    """Return which weights were scored and how training ended, of each arm."""
    found = [
        f"{'Tuned: ' * (arm.arm == 'tuned')}{line}"
        for arm in arms
        for line in kept_weights.lines(arm)
    ]
    return [bullets(found)] if found else []


def _tuning_gains(arms: Sequence[Result]) -> list[str]:
    """Return what tuning bought each variant, where both arms are there."""
    lines = secondary_tables.tuning_gain_lines(arms)
    if not lines:
        return []
    title = f"### {method.link('What tuning bought', 'tuned-arm')}"
    note = "Each variant tuned against itself at its stated settings, paired by seed; positive: tuning helped."
    return [title, tables.markdown(lines), note]


def broken(result: Result) -> list[str]:
    """Return a warning where control broke."""
    pairs = result.control.broken
    if not pairs:
        return []
    more = [f"… and {len(pairs) - MAX_BROKEN} more."] if len(pairs) > MAX_BROKEN else []
    return [
        "**Control broke, so verdicts are withheld: something else than the factor differs.**",
        bullets(pairs[:MAX_BROKEN]),
        *more,
    ]


def _interactions(result: Result) -> list[str]:
    lines = secondary_tables.interaction_lines(result)
    return [f"### Interactions{_of_arm(result)}", tables.markdown(lines)] if lines else []


def _of_arm(result: Result) -> str:
    return ", tuned" if result.arm == "tuned" else ""


def _failures(arms: Sequence[Result]) -> list[str]:
    lines = tables.of_arms(arms, secondary_tables.failure_lines)
    return ["### Runs that did not complete", tables.markdown(lines)] if lines else []


def _undefined(arms: Sequence[Result]) -> list[str]:
    lines = tables.of_arms(arms, tables.undefined)
    return ["### Scores that are undefined", UNDEFINED, tables.markdown(lines)] if lines else []


def _claims(arms: Sequence[Result]) -> list[str]:
    answers = [answered for arm in arms for answered in answer_all(arm)]
    title = f"### {method.link('Claims', 'claims')}"
    return _claim_blocks(title, claims.mark(arms[0].comparison.name, arms[0].device), answers)


def _suite_claims(results: Sequence[Result]) -> list[str]:
    """Return claims over all comparisons of a suite, on one device."""
    arms = dict.fromkeys(result.arm for result in results)
    answers = [a for arm in arms for a in answer_suite([r for r in results if r.arm == arm])]
    device = results[0].device
    title = f"## {method.link('Claims', 'claims')} over all comparisons, on {device}"
    return _claim_blocks(title, claims.mark("", device), answers)


def _claim_blocks(title: str, mark: str, answers: Sequence[ClaimResult]) -> list[str]:
    if not answers:
        return []
    lines = tables.markdown(secondary_tables.claim_lines(answers))
    described = bullets(method.measures(answers))
    return [mark, title, lines, method.claims_note(answers), *([described] if described else [])]


def _pictures(result: Result, figures: Figures) -> list[str]:
    of = f"{result.comparison.name}{_of_arm(result)}"
    return [f"![{title} of {of}]({name})" for title, name in figures.items()]


def _trade_off(result: Result) -> list[str]:
    lines = trade_off.lines(result)
    if not lines:
        return []
    return [f"### {method.link('Trade-off', 'trade-off')}{_of_arm(result)}", tables.markdown(lines)]


def _extra(result: Result) -> list[str]:
    """Return the comparison's own tables, of the runs that count, each distinct set of runs once."""
    if not result.comparison.tables:
        return []
    rows = [row for row in result.rows if not tables.state(row, result)]
    given: dict[str, list[Predictions]] = {
        name: predictions
        for name, row in provenance_tables.distinct(result, rows).items()
        if (predictions := [*result.predictions(row)])
    }
    if not given:
        return []
    blocks = []
    for title, make in result.comparison.tables.items():
        lines = [{k: str(v) for k, v in line.items()} for line in make(given, result.classes)]
        blocks += [f"### {title}{_of_arm(result)}", tables.markdown(lines)]
    return blocks


def by_suite(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Group results by suite, in the order in which suites first appear."""
    order = list(dict.fromkeys(result.suite.name for result in results))
    ranked = sorted(results, key=lambda result: order.index(result.suite.name))
    return {name: list(found) for name, found in groupby(ranked, key=lambda r: r.suite.name)}
