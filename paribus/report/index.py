"""Index of all pages: each question with its answer, in a line, and what was skipped and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from paribus.analysis.claim_registry import ClaimRecord, in_order, wholes
from paribus.analysis.claims import answer_all
from paribus.analysis.ranking import standings
from paribus.analysis.results import Result
from paribus.report import claims
from paribus.report.answers import answer, in_order_of_verdicts
from paribus.report.explored import index_lines
from paribus.report.formatting import bullets
from paribus.report.margins import margin_phrase
from paribus.report.page import by_suite
from paribus.report.ranking_answer import ranking_answer

HOW = (
    "Each comparison varies one thing and holds all else equal; verdicts compare variants with a baseline over paired "
    "seeds. Margins, below which a difference does not matter, stand beside the baseline's score, its way from the "
    "predictor that learns nothing, and its head-room to a perfect score. [How verdicts are reached](method.md)."
)
MAX_SKIPPED = 20  # reasons for skipping that are listed


def index(
    results: Sequence[Result],
    declared: Sequence[ClaimRecord] = (),
    explored: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> str:
    """Return the whole index.

    Args:
        results: of every comparison and device.
        declared: every claim with its answer, if it has one; empty without a page of them.
        explored: file names of the pages of each suite's multiverse and variance, by suite.
    """
    suites = sorted(by_suite(results).items(), key=lambda item: _order(item[1][0].suite.system))
    lines = [
        line
        for name, of_suite in suites
        for line in (*_suite(name, of_suite), *index_lines(explored.get(name, {})))
    ]
    blocks = ["# Results", HOW if results else "Nothing was run."]
    blocks += ["\n".join(lines)] if lines else []
    return "\n\n".join([*blocks, *_claims(results, declared), *_skipped(results)]) + "\n"


def _order(system: str) -> tuple[bool, int, str]:
    """Return where a system's number puts a suite, those without one last."""
    number = system[1:]
    return (not system, int(number) if number.isdecimal() else 0, system)


def _suite(name: str, results: Sequence[Result]) -> list[str]:
    """Return a line for the suite and one below it for each question with its answer."""
    suite = results[0].suite
    compared = [[r for r in results if r.comparison.name == c.name] for c in suite.comparisons]
    answers = [
        *map(ranking_answer, standings(results)),
        *(f"{answer(of_one)}{margin_phrase(of_one[0])}" for of_one in compared if of_one),
    ]
    contrasts = [c for r in results if not r.skipped for c in r.contrasts.values()]
    contrasts.sort(key=in_order_of_verdicts)
    counts = ", ".join(f"{n} {word}" for word, n in Counter(c.word for c in contrasts).items())
    stated = [*(c for comparison in suite.comparisons for c in comparison.claims), *suite.claims]
    named = ", ".join(sorted({claim.name for claim in stated}, key=in_order))
    remarks = [counts, f"claims {named}" if named else ""]
    about = "; ".join(filter(None, remarks))
    title = f"{suite.system} {suite.title}".strip()
    return [
        f"- [{title}]({name}.md){f': {about}' if about else ''}",
        *(f"  - {text}" for text in answers),
    ]


def _claims(results: Sequence[Result], declared: Sequence[ClaimRecord]) -> list[str]:
    """Return how many claims have which answer."""
    if declared:
        counted, _ = claims.summary(wholes(declared))
        return ["## [All claims](claims.md)", counted]
    answers = Counter(str(a.answer) for r in results if not r.skipped for a in answer_all(r))
    if not answers:
        return []
    counted = ", ".join(f"{count} {name}" for name, count in sorted(answers.items()))
    return ["## Claims", f"On the pages of their suites: {counted}."]


def _skipped(results: Sequence[Result]) -> list[str]:
    """Return devices that were skipped, each with its reason."""
    reasons: dict[str, list[tuple[str, str]]] = {}
    for result in results:
        if result.skipped:
            reasons.setdefault(f"{result.device}: {result.skipped}", []).append(
                (result.suite.name, result.comparison.name)
            )
    count = len({(result.suite.name, result.comparison.name) for result in results})
    lines = [f"{reason} ({_named(names, count)})" for reason, names in reasons.items()]
    more = [f"… and {len(lines) - MAX_SKIPPED} more"] * (len(lines) > MAX_SKIPPED)
    return ["## Skipped", bullets([*lines[:MAX_SKIPPED], *more])] if lines else []


def _named(names: Sequence[tuple[str, str]], count: int) -> str:
    """Name comparisons, each ``(suite, comparison)``: all of several in a phrase."""
    distinct = dict.fromkeys(names)
    if len(distinct) == count > 1:
        return f"all {count} comparisons"
    return ", ".join(comparison for _, comparison in distinct)
