"""Answer to a question over all tasks: what to expect on a new one, and which ranks differ."""

from __future__ import annotations

from collections.abc import Sequence

from paribus.analysis.new_task import Prospect, prospects
from paribus.analysis.ranking import MIN_TASKS, TaskRanking
from paribus.report.formatting import listed, p_equals, plural

PROBABLE = 0.75
"""Probability from which something is called probable: odds of three to one."""


def ranking_answer(ranking: TaskRanking) -> str:
    """Answer the question of a ranking: a new task first, then ranks against the baseline, then mean ranks."""
    place = ", ".join(
        part for part in (ranking.arm, ranking.device) if part not in ("default", "cpu")
    )
    mark = " (exploratory)" if ranking.exploratory else ""
    mean_ranks = sorted(zip(ranking.mean_ranks, ranking.variants, strict=True))
    ranks = ", ".join(f"{name} {rank:.2f}" for rank, name in mean_ranks)
    expected = new_task(prospects(ranking), ranking.variants[0], steps(ranking))
    return (
        f"**{ranking.across.question}**{f' ({place})' if place else ''} {expected}Over {len(ranking.units)} tasks "
        f"{_told_apart(ranking)}{mark}. Mean ranks, 1 the best: {ranks}."
    )


def steps(ranking: TaskRanking) -> str:
    """Name the optimizer steps of a run, where they are the same on all tasks."""
    counts = {unit.result.comparison.recipe.steps for unit in ranking.units}
    return f"within {plural(counts.pop(), 'step')}, " if len(counts) == 1 else ""


def new_task(expected: Sequence[Prospect], baseline: str, after: str = "") -> str:
    """Tell in a sentence what to expect on a new task, with a blank after it; nothing where nothing is expected.

    Args:
        expected: a prospect for each variant.
        baseline: its name.
        after: within how many steps each is trained, with a comma after it.

    >>> new_task([], "sgd")
    ''
    """
    order = sorted(expected, key=lambda each: -each.better)
    parts = []
    better = [f"{e.variant} ({percent(e.better)})" for e in order if e.better >= PROBABLE]
    worse = [
        f"{e.variant} ({percent(1 - e.better)})"
        for e in reversed(order)
        if 1 - e.better >= PROBABLE
    ]
    open_still = [
        f"{e.variant} (better with {percent(e.better)})"
        for e in order
        if max(e.better, 1 - e.better) < PROBABLE
    ]
    if better:
        parts.append(f"{listed(better)} would probably do better than {baseline}")
    if worse:
        parts.append(f"{listed(worse)} would probably do worse than {baseline}")
    if open_still:
        parts.append(f"it is open whether {listed(open_still)} would do better than {baseline}")
    return f"On a new task of this kind, {after}{'; '.join(parts)}. " if parts else ""


def percent(probability: float) -> str:
    """Return a probability in whole percent, which is as well as it is known; none is certain.

    >>> percent(0.934), percent(0.9999), percent(0.0)
    ('93 %', 'over 99 %', 'under 1 %')
    """
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def _told_apart(ranking: TaskRanking) -> str:
    """Tell which variants' ranks differ from the baseline's."""
    if len(ranking.units) < MIN_TASKS:
        return f"ranks are not tested, since fewer than {MIN_TASKS} tasks count"
    base = ranking.variants[0]
    against = [
        f"{name} ranks {'before' if rank < ranking.mean_ranks[0] else 'behind'} {base} ({p_equals(float(p))})"
        for name, rank, p in zip(ranking.variants, ranking.mean_ranks, ranking.p, strict=True)
        if p <= 0.05
    ]
    return listed(against) if against else f"no other rank can be told from that of {base}"
