"""Facts that the verdicts of a result rest on, in numbers; method.md, written beside the pages, explains each."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePath

from paribus import stats
from paribus.analysis.claim_registry import false_support_of
from paribus.analysis.claims import ClaimResult
from paribus.analysis.results import Result
from paribus.experiment.primary_score import asked_score
from paribus.report.formatting import listed, plural
from paribus.report.secondary_tables import has_dummy
from paribus.report.tables import sign
from paribus.report.tuning_budget import search_facts

PAGE = "method.md"
"""File beside the pages that explains the method; docs/ holds the same text."""


def text() -> str:
    """Return the text of method.md."""
    return (Path(__file__).parent / PAGE).read_text(encoding="utf-8")


def link(title: str, section: str) -> str:
    """Return a link to a section of method.md."""
    return f"[{title}]({PAGE}#{section})"


def facts(result: Result) -> list[tuple[str, str]]:
    """Return what the verdicts of a result rest on: a linked name and a value each."""
    comparison = result.comparison
    seeds = ", ".join(map(str, result.seeds[:3])) + (", …" if len(result.seeds) > 3 else "")
    counts = sorted({len(row.runs) for row in result.rows})
    if result.cap is not None:
        number = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        rule = [
            (
                link("seeds", "sequences-of-seeds"),
                f"{number} of at most {result.cap}, added until a contrast stops",
            ),
            (
                link("test", "sequences-of-seeds"),
                f"bets on signs, stopped at {comparison.family / 0.05:g}",
            ),
            ("smallest number of seeds to stop", str(stats.min_seeds_to_stop(comparison.family))),
        ]
    else:
        rule = [
            (link("seeds", "pairs"), f"{len(result.seeds)} ({seeds})"),
            (
                link("test", "tests"),
                "corrected t" if comparison.corrected else "sign-flip permutation",
            ),
            (link("equivalence margin", "equivalence"), _margin(result)),
            ("smallest number of seeds for a verdict", str(stats.min_seeds(comparison.family))),
        ]
    return [
        *rule,
        (link("verdicts speak of", "what-verdicts-speak-of"), scope(result)),
        (link("family", "families"), _family(result)),
        ("difference", f"{sign(result)}, positive is better"),
        (link("failed run scores", "failed-runs"), _penalty(result)),
        *_scale(result),
        *_disagreement(result),
        *_looks(result),
        *search_facts(result),
        *_larger_budgets(result),
    ]


def scope(result: Result) -> str:
    """Return what the verdicts speak of, judged by the hashes that the runs left."""
    records = result.baseline.present
    if len({str(r.hashes.get("data")) for r in records}) > 1:
        return "new data of this kind; a seed draws the data"
    if result.comparison.corrected:
        return (
            f"new data of this kind, by a variance of 1/n + {result.correction:.3g} in place of 1/n"
        )
    if len({str(r.hashes.get("split")) for r in records}) > 1:
        return "this data set, not new data; a seed draws the split"
    return "this split of this data set"


def _margin(result: Result) -> str:
    metric = result.comparison.primary
    return "none" if metric.margin is None else f"±{metric.margin:g} {metric.unit}".rstrip()


def _family(result: Result) -> str:
    family, crossed = result.comparison.family, len(result.comparison.interactions())
    also = f" and {plural(crossed, 'interaction')}" if crossed else ""
    return (
        f"{plural(family - crossed, 'contrast')} with {result.baseline.variant.name}{also} on "
        f"{result.comparison.primary.name}"
    )


def _penalty(result: Result) -> str:
    dummy = next(iter(result.comparison.task.dummy))
    penalty = f"`{dummy}`, which learns nothing," if has_dummy(result) else "the worst known score"
    return f"the worse of {penalty} and its pair's other score"


def _scale(result: Result) -> list[tuple[str, str]]:
    scale = result.comparison.interaction_scale
    if scale is None:
        return []
    return [
        (
            link("interactions on", "interactions"),
            f"the {'logarithm of the ' * (scale == 'log')}score",
        )
    ]


def _disagreement(result: Result) -> list[tuple[str, str]]:
    """Return the variants whose interval reaches across zero beside a verdict that it does not."""
    across = [
        c.variant
        for c in result.contrasts.values()
        if c.decision in ("better", "worse") and c.difference.low <= 0 <= c.difference.high
    ]
    return (
        [(link("interval holds zero beside a verdict", "intervals"), listed(across))]
        if across
        else []
    )


def _looks(result: Result) -> list[tuple[str, str]]:
    if not result.exploratory:
        return []
    earlier = listed(str(n) for n in result.looks[:-1])
    return [(link("looks", "looks"), f"**{len(result.looks)}**, before with {earlier} seeds")]


def _larger_budgets(result: Result) -> list[tuple[str, str]]:
    """Return what each larger budget of the comparison would add."""
    comparison = result.comparison
    here = comparison.budgets.get(result.budget)
    trials = comparison.tuning.trials if comparison.tuning else {}
    larger = []
    for name, budget in comparison.budgets.items():
        if here is None or budget.seeds * budget.steps <= here.seeds * here.steps:
            continue
        more = result.cap is None and budget.seeds > len(result.seeds)
        parts = [f"{budget.seeds} seeds"] * more
        parts += [f"{budget.steps} steps a run"] * (budget.steps > here.steps)
        parts += [f"searches of {trials[name]} trials"] if name in trials else []
        larger += [(f"budget `{name}`", f"would give {listed(parts)}")] if parts else []
    return larger


def claims_note(answers: Sequence[ClaimResult]) -> str:
    """Return how many claims rest on tests of their own, and how many false supports that lets through."""
    chances = [false_support_of(answer.claim) for answer in answers if answer.single]
    single = link("single test", "claims")
    if not chances:
        tested = any(false_support_of(answer.claim) for answer in answers)
        rest = (
            "they take the family's verdict, and any false one in a family has a chance of at most 5 %"
            if tested
            else "what they say is read off"
        )
        return f"No claim here rests on a {single}: {rest}."
    return (
        f"{len(chances)} of {len(answers)} {'rests' if len(chances) == 1 else 'rest'} on a {single} at 5 %: expected "
        f"false supports at most {sum(chances):.3g}, each at 2.5 %, or 5 % where equivalent or no worse is claimed."
    )


def measures(answers: Sequence[ClaimResult]) -> list[str]:
    """Describe each measure of these claims by the first sentence of its own docstring."""
    answered = [a.claim.measure for a in answers if a.claim.measure and not a.untested]
    descriptions = {}
    for target, call in {call.target: call for call in answered}.items():
        name, doc = target.partition(":")[2].replace("_", " "), inspect.getdoc(call.resolve())
        if doc:
            first = " ".join(doc.partition("\n\n")[0].replace("``", "`").split())
            descriptions[name] = first.removeprefix("Return ")
    return [f"`{name}`: {doc[0].lower()}{doc[1:]}" for name, doc in descriptions.items()]


ABOUT_DATA = ("group", "problem", "test", "inputs", "panel")


def command(*arms: Result) -> str:
    """Return the command that makes this comparison again, in the arms that are shown."""
    result, task = arms[0], arms[0].comparison.task
    words = ["pytest", "benchmarks", "--benchmark-only", "-k", result.suite.name]
    rule = ["--paribus-sequential", "--paribus-cap", str(result.cap)]
    words += rule if result.cap is not None else ["--paribus-seeds", str(len(result.seeds))]
    words += ["--paribus-budget", result.budget]
    words += ["--paribus-device", result.device, *_engine_words(arms), *_tuned_words(arms)]
    if result.comparison.inference == "population":
        words += ["--paribus-inference", "population"]
    if (score := asked_score(result.comparison)) is not None:
        words += ["--paribus-metric", score]
    if task.path is not None:
        words += ["--paribus-data", f"{task.name}={PurePath(task.path).name}"]
    if task.target is not None:
        words += ["--paribus-target", f"{task.name}={task.target}"]
    for option in ABOUT_DATA if task.path is not None else ():
        if (value := task.reader.kwargs.get(option)) is not None:
            shown = PurePath(value).name if option == "test" else value
            words += [f"--paribus-{option}", f"{task.name}={shown}"]
    if "folds" in task.split.kwargs:
        words += ["--paribus-folds", str(task.split.kwargs["folds"])]
    return shlex.join(words)


def _engine_words(arms: Sequence[Result]) -> list[str]:
    """Return the engine, where one trained every run, compiled or not, and whether its bits must repeat."""
    runs = [run for arm in arms for row in arm.rows for run in row.runs]
    engines = {run.engine.split("-")[0] for run in runs}
    words = ["--paribus-engine", *engines] if len(engines) == 1 else []
    return [*words, *["--paribus-deterministic"] * any(run.deterministic for run in runs)]


def _tuned_words(arms: Sequence[Result]) -> list[str]:
    """Return the arm, where one was left out, and the trials, where they are not the declared ones."""
    tuning, budget = arms[0].comparison.tuning, arms[0].budget
    if tuning is None or budget not in tuning.trials:
        return []
    words = ["--paribus-arm", arms[0].arm] if len(arms) == 1 else []
    searches = [r.searched.search for arm in arms for r in arm.rows if r.searched]
    trials = {search.trials for search in searches}
    declared = tuning.trials[budget]
    asked = isinstance(declared, int) and trials and trials != {declared}
    return [*words, *(["--paribus-trials", str(*trials)] if asked else [])]
