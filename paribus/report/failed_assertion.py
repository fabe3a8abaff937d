"""What a failed test of verdicts is shown: the table, each contrast in numbers, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, isfinite

from paribus.analysis.results import Result
from paribus.analysis.verdict import Contrast, Decision, Reason, Size
from paribus.report.formatting import interval, p_equals, plural
from paribus.report.terminal import terminal

MANY = 1000  # seeds, beyond which nobody is sent
UNTRAINED = (
    "Next: neither beats the predictor that learns nothing, so more seeds say nothing: train longer "
    "(--paribus-budget full, or more steps) or at another learning rate."
)
REMEDIES = {
    Reason.floor: UNTRAINED,
    Reason.undefined: "Next: score by a metric that is defined on every test part.",
    Reason.exhausted: "Next: raise the recipe's time_limit; more seeds would be cut short as well.",
    Reason.skipped: "Next: run it where its device is.",
    Reason.failures: (
        "Next: find out why runs diverge; beside a failure nothing is called equivalent, however many seeds there are."
    ),
    Reason.few_seeds_differ: "Next: nearly all seeds tie: score by a finer metric, or run more seeds.",
    Reason.open: "Next: let it add seeds, up to --paribus-cap N.",
}
_ALIKE = (
    "Next: more seeds will hardly show a difference; assert not_worse, or declare a smaller margin."
)
_WON = (
    "Next: the share of seeds won is told, and seeds stopped there: a size, or the direction of the mean, takes a "
    "fixed number of seeds."
)
TOLD = {
    Decision.equivalent: _ALIKE,
    Decision.identical: _ALIKE,
    Decision.wins_more: _WON,
    Decision.wins_less: _WON,
    Decision.unjudged: (
        "Next: state a claim of the two scores and assert its answer; between scores of the same predictions there is "
        "no better."
    ),
}


def verdicts(results: Sequence[Result]) -> str:
    """Return the table of verdicts of each result, and below it every contrast with its interval and next step."""
    parts = []
    for result in results:
        lines = [line for c in result.contrasts.values() for line in (numbers(c), next_step(c))]
        parts.append("\n".join([terminal([result]), "", *lines]))
    return "\n\n".join(parts)


def numbers(contrast: Contrast) -> str:
    """Return a contrast in a line: verdict, difference, interval, p and margin."""
    told = [f"difference {interval(contrast.difference)}"]
    if isfinite(contrast.difference.low) and contrast.decision is not Decision.identical:
        size = contrast.family.size
        whole = f" for all {size} contrasts at once" if size > 1 else ""
        told[0] += f" ({100 * contrast.difference.level:.0f} %{whole})"
    if contrast.tests:
        told.append(p_equals(contrast.p_holm))
    if contrast.margin is None:
        told.append("no margin")
    else:
        no_worse = "" if contrast.not_worse else "not "
        told.append(f"margin {contrast.margin:g}, {no_worse}shown to be no worse by it")
    head = f"{contrast.variant} against {contrast.baseline}: {contrast.label}"
    return "; ".join([head, *told, plural(contrast.n, "seed")])


def next_step(contrast: Contrast) -> str:
    """Return what would tell more: seeds, training, or another question."""
    if Reason.few_seeds in contrast.reasons:
        least = contrast.min_seeds
        return f"Next: {least} seeds are the fewest that can decide: compare(..., seeds={least})."
    for reason in contrast.reasons:
        if reason in REMEDIES:
            return REMEDIES[reason]
    if contrast.decision is Decision.undecided:
        return _more_seeds(contrast)
    if contrast.decision in TOLD:
        return TOLD[contrast.decision]
    if contrast.size is Size.open and contrast.margin is not None:
        ends, margin = contrast.difference, contrast.margin
        seeds = _scaled(contrast.n, ends.high - ends.mean, abs(abs(ends.mean) - margin))
        return f"Next: whether it is more than the margin is open; {seeds} would tell, if the mean stays."
    return (
        "Next: the direction is shown, and more seeds will hardly turn it: change the setting or what is asserted; the "
        "interval says which size can be."
    )


def _more_seeds(contrast: Contrast) -> str:
    """Say how many seeds would tell a difference as large as the one seen, and one of the margin's size."""
    visible, mean = contrast.detectable, abs(contrast.difference.mean)
    if visible is None:
        return "Next: the differences have no spread to plan with: run more seeds."
    if not isfinite(visible):
        return REMEDIES[Reason.few_seeds_differ]
    told = [f"{_scaled(contrast.n, visible, mean)} for one as large as was seen"]
    if contrast.margin is not None:
        told.append(f"{_scaled(contrast.n, visible, contrast.margin)} for one of the margin")
    return (
        f"Next: a difference of {visible:.2g} would have been seen in 80 % of such comparisons; to see it in as many "
        f"takes {', '.join(told)}."
    )


def _scaled(seeds: int, now: float, wanted: float) -> str:
    """Say how many seeds bring a width down, or up, to what is wanted, by the square root law.

    >>> _scaled(10, 0.2, 0.1), _scaled(10, 1.0, 0.0)
    ('about 40 seeds', 'over 1000 seeds')
    """
    needed = seeds * (now / wanted) ** 2 if wanted > 0 else inf
    return f"over {MANY} seeds" if needed > MANY else f"about {max(2, ceil(needed - 1e-9))} seeds"
