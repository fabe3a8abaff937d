"""The page of a suite: verdicts first, evidence after, provenance last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from paribus.analysis.claims import answer_all, answer_suite
from paribus.analysis.ranking import TaskRanking
from paribus.analysis.results import UNEQUAL, Result
from paribus.analysis.verdict import Decision
from paribus.report import (
    claims,
    method,
    origins,
    provenance_tables,
    ranking_tables,
    tables,
    tuning_budget,
)
from paribus.report.figures import trade_off
from paribus.report.formatting import listed
from paribus.report.provenance_tables import distinct
from paribus.runs.run import Predictions
from paribus.spec import digest

Figures = Mapping[str, str]
"""File names of the figures of one result, by what they show."""


def page(
    results: Sequence[Result],
    figures: Sequence[Figures],
    sheet: str,
    stood: Sequence[tuple[TaskRanking, Figures]] = (),
) -> str:
    """The whole page of a suite, from its results on every device and how its variants stand over all tasks."""
    suite = results[0].suite
    blocks = [
        f"# {suite.title}",
        f"All runs, one a row: [{sheet}]({sheet}). [All suites](README.md).",
    ]
    for standing, names in stood:
        blocks += ranking_tables.blocks(standing, names)
    blocks += ranking_tables.withheld(results, [standing for standing, _ in stood])
    paired = list(zip(results, figures, strict=True))
    for comparison in suite.comparisons:
        found = [(r, f) for r, f in paired if r.comparison.name == comparison.name]
        if found:
            blocks += _comparison(found, named=len(suite.comparisons) > 1)
    for device in dict.fromkeys(result.device for result in results if not result.skipped):
        blocks += _suite_claims([r for r in results if r.device == device])
    return "\n\n".join(blocks) + "\n"


def _comparison(found: Sequence[tuple[Result, Figures]], *, named: bool) -> list[str]:
    """Everything of one comparison: each device's results, then what holds for all of them."""
    results = [result for result, _ in found]
    comparison = results[0].comparison
    prefix = f"{comparison.name}: " if named else ""
    blocks = [f"## {prefix}{comparison.question}"]
    for arms in tables.by_comparison(results):
        blocks += _device(
            arms, [names for result, names in found if any(result is a for a in arms)]
        )
    ran = next((result for result in results if not result.skipped), results[0])
    blocks += _control(ran)
    blocks += _data(ran)
    blocks += ["### How the verdicts were reached", bullets(_method(results, ran))]
    return blocks + _provenance([result for result in results if not result.skipped])


def _method(results: Sequence[Result], ran: Result) -> list[str]:
    """What holds for every arm, then how the tuned one was tuned on each device."""
    told = [
        sentence
        for result in results
        if not result.skipped
        for sentence in (
            *(method.looks(result) if result is not ran else ()),
            *tuning_budget.search_sentences(result),
        )
    ]
    tuning = [*dict.fromkeys(told), *tuning_budget.without_tuning(results)]
    return [*method.sentences(ran), *tuning, *method.fuller(ran)]


def _device(arms: Sequence[Result], figures: Sequence[Figures]) -> list[str]:
    result = arms[0]
    if result.skipped:
        return [f"### On {result.device}", f"Skipped on {result.device}: {result.skipped}."]
    return [
        f"### On {result.device}, {_upto(result)}{len(result.seeds)} paired seeds, budget `{result.budget}`",
        *(line for arm in arms for line in broken(arm)),
        *map(summary, arms),
        tables.markdown(tables.of_arms(arms, tables.score_lines)),
        legend(result),
        *(line for arm in arms for line in _interactions(arm)),
        *_failures(arms),
        *_claims(arms),
        *(p for arm, names in zip(arms, figures, strict=True) for p in _pictures(arm, names)),
        "#### Other scores, and time",
        tables.markdown(tables.of_arms(arms, tables.other_lines)),
        TIME,
        *(line for arm in arms for line in (*_frontier(arm), *_extra(arm))),
        *_ledger(arms),
    ]


def _ledger(arms: Sequence[Result]) -> list[str]:
    edges = [note for arm in arms for note in tuning_budget.edge_notes(arm)]
    return [
        "#### Fairness ledger",
        tables.markdown(tables.of_arms(arms, tuning_budget.lines)),
        tuning_budget.NOTE,
        *([f"Winners at an edge of their space:\n\n{bullets(edges)}"] if edges else []),
    ]


def _upto(result: Result) -> str:
    return "" if result.cap is None else "a sequence of "


TIME = (
    "Other scores are means over the runs that finished. Steps to the target tell the algorithm's speed (median over "
    "seeds, a miss being infinite), time of a step the kernels': always a step of the loop, whichever engine "
    "trained, variant and baseline taking turns on one thread, and their ratio with its quartiles over rounds. "
    "Variants are timed at different moments, so the ratios compare them and the microseconds need not. Seconds of "
    "training are the median over runs, which share the machine with others."
)


def summary(result: Result) -> str:
    """The verdicts in a sentence."""
    base, metric = result.baseline.variant.name, tables.heading(result.comparison.primary)
    marks = ["exploratory"] * result.exploratory + [UNEQUAL] * result.unequal
    mark = f" ({'; '.join(marks)})" if marks else ""
    named: dict[str, list[str]] = {f"{decision}{mark}": [] for decision in Decision}
    for contrast in result.contrasts.values():
        named[f"{contrast.decision}{mark}"].append(contrast.variant)
    told = [f"**{decision}**: {listed(names)}" for decision, names in named.items() if names]
    missing = [
        row.variant.name for row in result.rows[1:] if row.variant.name not in result.contrasts
    ]
    told += [f"no verdict: {listed(missing)}"] if missing else []
    arm = "Tuned, against" if result.arm == "tuned" else "Against"
    return f"{arm} **{base}** on {metric}: {'; '.join(told)}."


def broken(result: Result) -> list[str]:
    """A loud line where control broke."""
    if not result.control.broken:
        return []
    return [
        "**Control broke, so verdicts are withheld: something else than the factor differs.**",
        bullets(result.control.broken[:10]),
        *(
            [f"… and {len(result.control.broken) - 10} more."]
            if len(result.control.broken) > 10
            else []
        ),
    ]


def legend(result: Result) -> str:
    """How to read the main table."""
    text = (
        f"Score on the test part: mean ± standard deviation over seeds. Difference: {method.sign(result)}, positive is "
        f"better{_rule(result)}"
    )
    dummy = [f"`{name}` {score}" for name, score in tables.dummy_scores(result).items()]
    return f"{text} References without any network score: {listed(dummy)}." if dummy else text


def _rule(result: Result) -> str:
    """What the columns of the contrasts show, by the rule that was chosen beforehand."""
    if result.cap is not None:
        return (
            ", a mean without an interval. Wins: seeds on which the variant is better up to where the contrast "
            "stopped, and the share's limits for all looks and the whole family at once. p: anytime-valid, of the "
            "signs, Bonferroni-adjusted."
        )
    test = "corrected t" if result.comparison.corrected else "sign-flip"
    return (
        ", with the family's 95 % interval. Wins: seeds on which the variant is better. "
        f"p: {test} test, Holm-adjusted."
    )


def _interactions(result: Result) -> list[str]:
    lines = tables.interaction_lines(result)
    return [f"#### Interactions{_of_arm(result)}", tables.markdown(lines)] if lines else []


def _of_arm(result: Result) -> str:
    """What a heading adds where it stands once an arm."""
    return ", tuned" if result.arm == "tuned" else ""


def _failures(arms: Sequence[Result]) -> list[str]:
    lines = tables.of_arms(arms, tables.failure_lines)
    return ["#### Runs that did not complete", tables.markdown(lines)] if lines else []


def _claims(arms: Sequence[Result]) -> list[str]:
    answers = [answer for arm in arms for answer in answer_all(arm)]
    if not answers:
        return []
    return [
        claims.mark(arms[0].comparison.name, arms[0].device),
        "#### Claims",
        tables.markdown(tables.claim_lines(answers)),
        method.claims_note(answers),
        *filter(None, [bullets(method.measured(answers))]),
    ]


def _suite_claims(results: Sequence[Result]) -> list[str]:
    """Claims over all comparisons of a suite, on one device."""
    arms = dict.fromkeys(result.arm for result in results)
    answers = [a for arm in arms for a in answer_suite([r for r in results if r.arm == arm])]
    if not answers:
        return []
    return [
        claims.mark("", results[0].device),
        f"## Claims over all comparisons, on {results[0].device}",
        tables.markdown(tables.claim_lines(answers)),
        method.claims_note(answers),
        *filter(None, [bullets(method.measured(answers))]),
    ]


def _pictures(result: Result, figures: Figures) -> list[str]:
    of = f"{result.comparison.name}{_of_arm(result)}"
    return [f"![{text} of {of}]({name})" for text, name in figures.items()]


def _frontier(result: Result) -> list[str]:
    lines = trade_off.lines(result)
    return (
        [f"#### Trade-off{_of_arm(result)}", tables.markdown(lines), trade_off.LEGEND]
        if lines
        else []
    )


def _extra(result: Result) -> list[str]:
    """The comparison's own tables, of the runs that count, each distinct set of runs once."""
    if not result.comparison.tables:
        return []
    rows = [row for row in result.rows if not tables.state(row, result)]
    given: dict[str, list[Predictions]] = {
        name: found
        for name, row in distinct(result, rows).items()
        if (found := result.predictions(row))
    }
    if not given:
        return []
    blocks = []
    for title, make in result.comparison.tables.items():
        lines = [{k: str(v) for k, v in line.items()} for line in make(given, result.classes)]
        blocks += [f"#### {title}{_of_arm(result)}", tables.markdown(lines)]
    return blocks


def _control(result: Result) -> list[str]:
    """What varied, what was held equal, and the networks."""
    held = provenance_tables.held_lines(result)
    checked = [f"{text[0].upper()}{text[1:]}" for text in result.control.checked]
    blocks = [
        "### What varied, and what was held equal",
        tables.markdown(provenance_tables.varied_lines(result)),
        _checked(result, checked),
        folded(f"The {len(held)} settings held equal", tables.markdown(held)),
    ]
    for names, lines, total in provenance_tables.networks(result):
        frozen = any(line["parameters"] == "frozen" for line in lines)
        title = f"Network of {listed(names)}: {total} parameters{' that are trained' * frozen}"
        blocks += [folded(title, tables.markdown(lines))] if lines else []
    return blocks + ([bullets(result.comparison.notes)] if result.comparison.notes else [])


def _checked(result: Result, checked: Sequence[str]) -> str:
    if not any(row.known for row in result.rows[1:]):
        return "No pair of runs is there to compare by hash."
    if result.control.broken:
        return (
            "**These should be equal between variants and are not all: see above.**\n\n"
            + bullets(checked)
        )
    if not checked:
        return "Split, order and initial weights may all differ with the factor, so none was compared by hash."
    return "Compared by hash for every seed and found equal in every variant:\n\n" + bullets(
        checked
    )


def _data(result: Result) -> list[str]:
    lines = origins.data_lines(result)
    if not lines:
        return []
    remarks = origins.notes(result)
    return ["### Data", tables.markdown(lines), *([bullets(remarks)] if remarks else [])]


def _provenance(results: Sequence[Result]) -> list[str]:
    blocks = ["### Where the numbers come from"] if results else []
    for arms in tables.by_comparison(results):
        blocks += [block for arm in arms for block in _origins(arm)]
        blocks += [f"To make it again:\n\n```\n{method.command(*arms)}\n```"]
    return blocks


def _origins(result: Result) -> list[str]:
    keys = sorted({r.key for row in result.rows for r in (*row.known, *row.tried)})
    if not keys:
        return []
    tuned = " of the tuned arm, trials included," if result.arm == "tuned" else ""
    about = f"{len(keys)} runs{tuned} on {result.device}, digest of their keys `{digest(keys)}`:"
    return [about, tables.markdown(origins.provenance_lines(result))]


def bullets(items: Iterable[str]) -> str:
    """Items as a list."""
    return "\n".join(f"- {item}" for item in items)


def folded(title: str, block: str) -> str:
    """A block that a reader opens."""
    return f"<details><summary>{title}</summary>\n\n{block}\n\n</details>"


def by_suite(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results by suite, in the order in which suites first appear."""
    order = list(dict.fromkeys(result.suite.name for result in results))
    ranked = sorted(results, key=lambda result: order.index(result.suite.name))
    return {name: list(found) for name, found in groupby(ranked, key=lambda r: r.suite.name)}
