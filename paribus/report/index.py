"""The index of all pages: every verdict, every claim's answer, and what was skipped and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from paribus.analysis.claim_registry import ClaimRecord, in_order, wholes
from paribus.analysis.claims import ClaimResult, answer_all
from paribus.analysis.ranking import standings
from paribus.analysis.results import Result
from paribus.analysis.verdict import Decision
from paribus.report import claims, method, ranking_tables, tables
from paribus.report.formatting import NOTHING
from paribus.report.page import broken, bullets, by_suite, summary

HOW = (
    "Each comparison varies one thing and holds all else equal. A verdict (`better`, `worse`, `equivalent`, "
    "`undecided`) compares a variant with the baseline over paired seeds; how it was reached stands on the page. "
    "`visible` is the smallest difference that would have been seen in 80 % of such comparisons."
)


def index(results: Sequence[Result], declared: Sequence[ClaimRecord] = ()) -> str:
    """The whole index.

    Args:
        results: of every comparison and device.
        declared: every claim with what is known of it, if there is a page of them.
    """
    blocks = ["# Results", HOW if results else "Nothing was run.", *_contents(results)]
    for name, found in by_suite(results).items():
        blocks.append(f"## [{found[0].suite.title}]({name}.md)")
        blocks += [ranking_tables.summary(standing) for standing in standings(found)]
        for arms in tables.by_comparison(found):
            if not arms[0].skipped:
                blocks += _arms(arms)
    return (
        "\n\n".join([*blocks, *_claims(results), *_all_claims(declared), *_skipped(results)]) + "\n"
    )


def _contents(results: Sequence[Result]) -> list[str]:
    """Every suite with how its verdicts and claims came out, in the order of the systems' numbers."""
    suites = sorted(by_suite(results).items(), key=lambda item: _place(item[1][0].suite.system))
    lines = [_content(name, found) for name, found in suites]
    return ["## Contents", tables.markdown(lines)] if lines else []


def _place(system: str) -> tuple[bool, int, str]:
    """Where a system's number puts a suite, those without one last."""
    number = system[1:]
    return (not system, int(number) if number.isdecimal() else 0, system)


def _content(name: str, found: Sequence[Result]) -> tables.Line:
    suite = found[0].suite
    ran = [result for result in found if not result.skipped]
    verdicts = Counter(c.decision for result in ran for c in result.contrasts.values())
    said = [*(c for comparison in suite.comparisons for c in comparison.claims), *suite.claims]
    return {
        "system": suite.system or NOTHING,
        "suite": f"[{suite.title}]({name}.md)",
        "comparisons": str(len({result.comparison.name for result in found})),
        "verdicts": ", ".join(f"{verdicts[d]} {d}" for d in Decision if verdicts[d]) or NOTHING,
        "claims": "; ".join(sorted({claim.name for claim in said}, key=in_order)) or NOTHING,
    }


def _arms(arms: Sequence[Result]) -> list[str]:
    result = arms[0]
    return [
        f"**{title(result)}**: {result.comparison.question} {len(result.seeds)} seeds, budget `{result.budget}`. "
        f"Score: {tables.heading(result.comparison.primary)}; difference: {method.sign(result)}, positive is better.",
        *(line for arm in arms for line in broken(arm)),
        tables.markdown(tables.verdict_table(*arms).to_dict("records")),  # type: ignore[arg-type]
        *map(summary, arms),
    ]


def title(result: Result) -> str:
    """A comparison and its device."""
    return f"{result.comparison.name} on {result.device}"


def _claims(results: Sequence[Result]) -> list[str]:
    lines: list[tables.Line] = []
    answers: list[ClaimResult] = []
    for result in results:
        if not result.skipped:
            found = answer_all(result)
            answers += found
            tuned = ", tuned" if result.arm == "tuned" else ""
            place = {"where": f"{title(result)}{tuned}"}
            lines += [{**place, **line} for line in tables.claim_lines(found)]
    return ["## Claims", tables.markdown(lines), method.claims_note(answers)] if lines else []


def _all_claims(declared: Sequence[ClaimRecord]) -> list[str]:
    if not declared:
        return []
    counted, _ = claims.summary(wholes(declared))
    return ["## [All claims](claims.md)", counted]


def _skipped(results: Sequence[Result]) -> list[str]:
    """Devices that were skipped with their reason, and rows without numbers."""
    reasons: dict[str, list[tuple[str, str]]] = {}
    for result in results:
        if result.skipped:
            reasons.setdefault(f"{result.device}: {result.skipped}", []).append(
                (result.suite.name, result.comparison.name)
            )
    count = len({(result.suite.name, result.comparison.name) for result in results})
    told = [f"{why} ({_named(names, count)})" for why, names in reasons.items()]
    told += [
        f"{title(result)}, {row.variant.name}{', tuned' * (result.arm == 'tuned')}: {why}"
        for result in results
        if not result.skipped
        for row in result.rows
        if (why := tables.state(row, result))
    ]
    return ["## Not in these tables", bullets(told)] if told else []


def _named(names: Sequence[tuple[str, str]], count: int) -> str:
    """Comparisons, each ``(suite, comparison)``, as a line names them: all of several in a phrase."""
    found = dict.fromkeys(names)
    if len(found) == count > 1:
        return f"all {count} comparisons"
    return ", ".join(comparison for _, comparison in found)
