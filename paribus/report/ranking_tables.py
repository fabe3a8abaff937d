"""What a page says over all tasks of a suite: ranks, a normalised score, and who reaches targets first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paribus import stats
from paribus.analysis.hypothesis_tests import p_phrase
from paribus.analysis.ranking import TaskRanking, missing
from paribus.analysis.results import Result
from paribus.report import tables
from paribus.report.formatting import interval, listed, number, p_value
from paribus.report.tables import Line
from paribus.report.text import pathless


def blocks(standing: TaskRanking, figures: Mapping[str, str]) -> list[str]:
    """The section over all tasks, first on its page."""
    told = [
        *([] if standing.arm == "default" else [standing.arm]),
        *([] if standing.device == "cpu" else [standing.device]),
    ]
    place = f" ({', '.join(told)})" if told else ""
    return [
        f"## Over {len(standing.units)} tasks{place}: {standing.across.question}",
        summary(standing),
        tables.markdown(variant_lines(standing)),
        tables.markdown(task_lines(standing)),
        *(f"![{title}]({name})" for title, name in figures.items()),
        "\n".join(f"- {text}" for text in method(standing)),
    ]


def withheld(results: Sequence[Result], stood: Sequence[TaskRanking]) -> list[str]:
    """Why there is no such section where too few tasks count; nothing where none was asked for or none is missing."""
    places = {(each.device, each.arm) for each in stood}
    left = [r for r in results if not r.skipped and (r.device, r.arm) not in places]
    why = [(result.comparison.task.name, missing(result)) for result in left]
    told = dict.fromkeys(f"- {task}: {pathless(reason)}." for task, reason in why if reason)
    asked = results[0].suite.across
    if asked is None or not told:
        return []
    return [
        f"## Over all tasks: {asked.question}",
        "Withheld, since fewer than two tasks count:\n\n" + "\n".join(told),
    ]


def summary(standing: TaskRanking) -> str:
    """The outcome in two sentences: whether ranks differ at all, and who differs from the baseline."""
    order = sorted(zip(standing.mean_ranks, standing.variants, strict=True))
    mark = ", exploratory" if standing.exploratory else ""
    ranked = ", ".join(f"{name} {rank:.2f}" for rank, name in order)
    told = [
        f"{name} ranks {'before' if rank < standing.mean_ranks[0] else 'behind'} it ({p_phrase(p)}{mark})"
        for name, rank, p in zip(
            standing.variants, standing.mean_ranks, map(float, standing.p), strict=True
        )
        if p <= 0.05
    ]
    against = listed(told) if told else "nobody's rank can be told from its own"
    found = standing.friedman
    return (
        f"**N = {len(standing.units)} data sets, one unit each.** Mean ranks, 1 the best: {ranked}. That all rank "
        f"alike has {p_phrase(found.p_f)}{mark} (Iman and Davenport's F = {number(found.f)}). Against the baseline "
        f"**{standing.variants[0]}**, Holm-adjusted: {against}."
    )


def variant_lines(standing: TaskRanking) -> list[Line]:
    """A line a variant: mean rank, p against the baseline, interquartile mean, largest shortfall."""
    worst = standing.shortfalls.argmax(axis=0)
    mark = " (exploratory)" if standing.exploratory else ""
    return [
        {
            "variant": name,
            "mean rank": f"{standing.mean_ranks[i]:.2f}",
            "p against baseline": "baseline"
            if i == 0
            else f"{p_value(float(standing.p[i]))}{mark}",
            "interquartile mean": interval(standing.middles[i]),
            "largest shortfall": f"{number(float(standing.shortfalls[worst[i], i]), 2)} "
            f"({standing.units[worst[i]].name})"
            if standing.shortfalls[worst[i], i] > 0
            else "0",
            **_reached(standing, i),
        }
        for i, name in enumerate(standing.variants)
    ]


def _reached(standing: TaskRanking, i: int) -> Line:
    """How often the variant reached the target, and how often before all others or with them."""
    if standing.efforts is None:
        return {}
    ratios, count = standing.efforts[:, i], len(standing.efforts)
    within = stats.profile(ratios, [1.0, 1e300])
    first, ever = (round(float(share) * count) for share in within)
    return {"target reached": f"{ever} of {count}", "reached first": f"{first} of {count}"}


def task_lines(standing: TaskRanking) -> list[Line]:
    """A line a task: each variant's mean score, and its rank."""
    return [
        {
            "task": unit.name,
            "score": tables.heading(unit.result.comparison.primary),
            **{
                name: f"{number(float(score))} ({rank:g})"
                for name, score, rank in zip(standing.variants, unit.scores, ranks, strict=True)
            },
        }
        for unit, ranks in zip(standing.units, standing.ranks, strict=True)
    ]


def method(standing: TaskRanking) -> list[str]:
    """How it was reached, and what it does not say."""
    k = len(standing.variants)
    found = standing.friedman
    told = [
        "Each task gives one rank to each variant, by its mean score over seeds, failed runs at their penalty; ties "
        "share the mean of their places. Seeds make the means steadier; they are no further units.",
        f"Friedman's chi-square is {number(found.chi2)} ({p_phrase(found.p)}), which is conservative; Iman and "
        "Davenport's F is the test to read. Then each variant is held against the baseline, Holm-adjusted over "
        f"{k - 1}, by the normal approximation, which is rough over so few data sets.",
        f"Nemenyi's critical difference for all pairs at once is {standing.distance:.2f} ranks at 5 %, of the {k - 1} "
        "that there can be: over a few data sets it tells apart next to nothing, and a group that it leaves together "
        "is not thereby alike.",
        "The interquartile mean leaves out the lowest and the highest quarter of all runs of all tasks. Scores are "
        f"normalised as was declared: the predictor that learns nothing counts 0, a score of {standing.across.ideal:g} "
        "counts 1. Its 95 % interval redraws runs within each task (2000 times), so it speaks of new seeds on these "
        "tasks, not of new tasks, is a little short where a task has ten runs or fewer, and is not adjusted for "
        "several variants. "
        "The shortfall is what the mean normalised score lacks of the task's best.",
    ]
    if standing.efforts is not None:
        told.append(
            "The profile shows the share of problems (a task and a seed) whose target was reached within so many times "
            "the steps of the fastest; targets are on the validation part and were fixed beforehand, and a target that "
            "was missed is never reached, however far one looks."
        )
    told.append(
        "The tasks were chosen by hand and are small: ranks over them speak of them, and of no population of tasks."
    )
    looked = [unit.name for unit in standing.units if unit.result.exploratory]
    if looked:
        told.append(
            f"**Every p is exploratory**: {listed(looked)} had been looked at before with other seeds, and adding "
            "seeds until a test rejects finds too much."
        )
    return told + [f"Left out: {pathless(reason)}." for reason in standing.left_out]
