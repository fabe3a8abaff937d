"""Section of a page over all tasks of a suite: ranks, a normalised score, and who reaches targets first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paribus import stats
from paribus.analysis.new_task import prospects, unpooled
from paribus.analysis.ranking import MIN_TASKS, TaskRanking, missing
from paribus.analysis.results import Result
from paribus.report import tables
from paribus.report.formatting import NOTHING, interval, listed, number, p_equals, p_value, pathless
from paribus.report.ranking_answer import percent
from paribus.report.tables import Line


def blocks(ranking: TaskRanking, figures: Mapping[str, str]) -> list[str]:
    """Return the section over all tasks, first on its page."""
    place = ", ".join(p for p in (ranking.arm, ranking.device) if p not in ("default", "cpu"))
    return [
        f"## Over {len(ranking.units)} tasks{f' ({place})' if place else ''}",
        test_line(ranking),
        tables.markdown(variant_lines(ranking)),
        *_of_a_new_task(ranking),
        tables.markdown(task_lines(ranking)),
        *(f"![{title}]({name})" for title, name in figures.items()),
    ]


def _of_a_new_task(ranking: TaskRanking) -> list[str]:
    """Return what to expect on a new task: how it is told, and a line a variant; or why nothing is told."""
    if reason := unpooled(ranking):
        return [f"[On a new task](method.md#a-new-task): nothing is said, since {reason}."]
    lines = new_task_lines(ranking)
    base = ranking.variants[0]
    if not lines:
        return [
            f"[On a new task](method.md#a-new-task): nothing is said, since none differs from {base} on any."
        ]
    mark = ", exploratory" if ranking.exploratory else ""
    return [
        f"[On a new task](method.md#a-new-task) of this kind{mark}: how probably it does better there than {base}, and "
        "better or worse by more than the margin. Differences are in margins of their task, positive is better; "
        "the typical one is the median over such tasks.",
        tables.markdown(lines),
    ]


def new_task_lines(ranking: TaskRanking) -> list[Line]:
    """Return a line a variant: on how many tasks it is better, by how much typically, and what a new one may bring."""
    return [
        {
            "variant": each.variant,
            "better on": f"{each.better_on} of {len(each.tasks)}",
            "typical difference": interval(each.middle),
            "on a new task, 95 %": f"{_in_margins(each.new.low)} to {_in_margins(each.new.high)}",
            "better": percent(each.better),
            "by more than the margin": percent(each.better_by_margin),
            "worse by more than it": percent(each.worse_by_margin),
        }
        for each in prospects(ranking)
    ]


def _in_margins(effect: float) -> str:
    """Return a number of margins, of which a tenth is as fine as matters."""
    return f"{round(effect, 1) + 0.0:.1f}" if abs(effect) < 10 else f"{effect:.0f}"


def test_line(ranking: TaskRanking) -> str:
    """Return the tests over all tasks in numbers; method.md explains them."""
    friedman, others = ranking.friedman, len(ranking.variants) - 1
    mark = ", exploratory" if ranking.exploratory else ""
    how = "exact" if friedman.exact else "by drawn permutations"
    alike = (
        f"{p_equals(friedman.p)} (Friedman's chi-square = {number(friedman.chi2)}, {how})"
        if len(ranking.units) >= MIN_TASKS
        else f"not tested, since fewer than {MIN_TASKS} tasks count"
    )
    text = (
        f"N = {len(ranking.units)} data sets, one unit each. p below: [ranks](method.md#across-tasks) against "
        f"{ranking.variants[0]}, Holm-adjusted over {others}{mark}. That all rank alike: {alike}{mark}. Nemenyi's "
        f"critical difference of any two, {ranking.distance:.2f} of {others} ranks, has little power over few tasks. "
        "Normalised scores count 0 where a variant scores what the predictor that learns nothing does, and 1 at a "
        f"perfect score of {ranking.across.ideal:g}."
    )
    looked = [unit.name for unit in ranking.units if unit.result.exploratory]
    seen = f" Looked at before with other seeds: {listed(looked)}." if looked else ""
    return text + seen + "".join(f" Left out: {pathless(reason)}." for reason in ranking.left_out)


def withheld(results: Sequence[Result], ranked: Sequence[TaskRanking]) -> list[str]:
    """Return why there is no such section where too few tasks count; nothing where none was asked for or is missing."""
    places = {(each.device, each.arm) for each in ranked}
    left = [r for r in results if not r.skipped and (r.device, r.arm) not in places]
    reasons = [(result.comparison.name, missing(result)) for result in left]
    lines = dict.fromkeys(f"- {task}: {pathless(reason)}." for task, reason in reasons if reason)
    across = results[0].suite.across
    if across is None or not lines:
        return []
    return [
        f"## Over all tasks: {across.question}",
        "Withheld, since fewer than two tasks count:\n\n" + "\n".join(lines),
    ]


def variant_lines(ranking: TaskRanking) -> list[Line]:
    """Return a line a variant: mean rank, p against the baseline, interquartile mean, largest shortfall."""
    worst = ranking.shortfalls.argmax(axis=0)
    return [
        {
            "variant": name,
            "mean rank": f"{ranking.mean_ranks[i]:.2f}",
            "p": NOTHING
            if i == 0 or len(ranking.units) < MIN_TASKS
            else p_value(float(ranking.p[i])),
            "interquartile mean": interval(ranking.middles[i]),
            "largest shortfall": number(float(ranking.shortfalls[worst[i], i]), 2),
            "on": ranking.units[worst[i]].name if ranking.shortfalls[worst[i], i] > 0 else NOTHING,
            **_reached(ranking, i),
        }
        for i, name in enumerate(ranking.variants)
    ]


def _reached(ranking: TaskRanking, i: int) -> Line:
    """Return how often the variant reached the target, and how often before all others or with them."""
    if ranking.efforts is None:
        return {}
    ratios, count = ranking.efforts[:, i], len(ranking.efforts)
    within = stats.profile(ratios, [1.0, 1e300])
    first, ever = (round(float(share) * count) for share in within)
    return {"target reached": f"{ever} of {count}", "reached first": f"{first} of {count}"}


def task_lines(ranking: TaskRanking) -> list[Line]:
    """Return a line a task: each variant's mean score, and its rank."""
    return [
        {
            "task": unit.name,
            "score": tables.heading(unit.result.comparison.primary),
            **{
                name: f"{number(float(score))} ({rank:g})"
                for name, score, rank in zip(ranking.variants, unit.scores, ranks, strict=True)
            },
        }
        for unit, ranks in zip(ranking.units, ranking.ranks, strict=True)
    ]
