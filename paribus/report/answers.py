"""Answers to the questions of comparisons and rankings, a sentence or two each, composed from their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from paribus.analysis.results import Result, Row
from paribus.analysis.target_steps import median_steps, target_steps
from paribus.analysis.tuning_gain import tuning_gains
from paribus.analysis.verdict import Contrast, Decision, Reason, Size
from paribus.experiment.variant import within
from paribus.report.formatting import in_prose, listed, number, pathless, plural
from paribus.report.kept_weights import improving
from paribus.report.tables import mean_scores, state

MAX_SCORES = 4  # variants of one verdict up to which their scores are named
FAILED = ("diverged", "exhausted", "skipped")


def answer(results: Sequence[Result]) -> str:
    """Answer a comparison's question from its results in every arm, on every device.

    Args:
        results: of one comparison, one or more.
    """
    question = results[0].comparison.question
    ran = [result for result in results if not result.skipped]
    if not ran:
        reasons = (f"skipped on {r.device}, {pathless(r.skipped)}" for r in results)
        return f"**{question}** Not answered: {'; '.join(dict.fromkeys(reasons))}."
    devices = list(dict.fromkeys(result.device for result in ran))
    sentences = []
    for device in devices:
        place = f"On {device}: " if len(devices) > 1 else ""
        arms = [result for result in ran if result.device == device]
        sentences.append(place + " ".join(_arm(result, arms) for result in arms))
    turns = results[0].comparison.turns
    if turns and not results[0].comparison.task.from_file:
        sentences.append(f"The answer depends on the budget: {turns}.")
    return f"**{question}** {' '.join(sentences)}"


def _arm(result: Result, arms: Sequence[Result]) -> str:
    """Tell the outcome of one arm; the first one names score and seeds."""
    first = result is arms[0]
    settings = {"default": "stated settings", "tuned": "tuned"}[result.arm]
    named = len(arms) > 1 or result.arm == "tuned"
    parts = [*_unfinished(result), *([settings] if named else [])]
    if first:
        seeds = (
            f"up to {len(result.seeds)} seeds" if result.cap else plural(len(result.seeds), "seed")
        )
        parts += [f"test {result.comparison.primary.name}{_weights(result)}", seeds]
    context = ", ".join(parts)
    speed = _speed(result) if first else ""
    worse = _worse_than_stated(arms) if result.arm == "tuned" else ""
    return f"{context[0].upper()}{context[1:]}: {outcome(result)}.{speed}{worse}"


def _unfinished(result: Result) -> list[str]:
    """Say after how many steps this is, where a variant was still improving then."""
    steps, still = _steps(result), list(improving(result))
    if not still or not steps:
        return []
    names = (
        listed(map(in_prose, still))
        if len(still) <= MAX_SCORES
        else f"{len(still)} of {len(result.rows)}"
    )
    return [f"after {steps} ({names} still improving)"]


def _weights(result: Result) -> str:
    """Say which weights were scored, of a training of how many steps."""
    steps = _steps(result)
    if result.comparison.metric is not None or not steps or "recipe.keep" in result.control.varied:
        return f", {steps}" if steps else ""
    if result.comparison.recipe.keep == "best":
        return f" of the best weights in {steps}"
    return f" at the last of {steps}"


def _steps(result: Result) -> str:
    """Name the optimizer steps of a run, where they are the same for all variants."""
    varied = any(within("recipe.steps", path) for path in result.control.varied)
    return "" if varied else plural(result.comparison.recipe.steps, "step")


def _speed(result: Result) -> str:
    """Tell the median steps to the target of a few variants, the fastest first."""
    comparison = result.comparison
    rows = [row for row in result.rows if not state(row, result)]
    if comparison.target is None or not 1 < len(rows) <= MAX_SCORES + 1 or result.control.broken:
        return ""
    steps = {row.variant.name: target_steps(comparison, row) for row in rows}
    fastest = sorted(rows, key=lambda row: (np.median(steps[row.variant.name]), row.variant.name))
    texts = {r.variant.name: median_steps(steps[r.variant.name], r) for r in fastest}
    if all(text == "never" for text in texts.values()):
        return ""
    shown = listed(f"{in_prose(name)} {text}" for name, text in texts.items())
    metric = comparison.task.primary.name
    return f" Median steps to a validation {metric} of {comparison.target:g}: {shown}."


def _worse_than_stated(arms: Sequence[Result]) -> str:
    """Name the variants that tuning made worse, and what their trials were judged by, which is why."""
    worse = [n for n, c in tuning_gains(arms).items() if c.decision is Decision.worse]
    if not worse:
        return ""
    row = next(arm for arm in arms if arm.arm == "tuned").row(worse[0])
    size = row.present[0].data.get("validation") if row.present else None
    why = ""
    if row.searched is not None and size:
        trials = row.searched.search.trials
        why = f": the best of {trials} scores on {size} validation samples is probably the luckiest, too"
    names, whose = listed(map(in_prose, worse)), "its" if len(worse) == 1 else "their"
    return f" Tuning made {names} worse than {whose} stated settings{why}."


def outcome(result: Result) -> str:
    """Tell the verdicts of one arm on one device in a phrase.

    Variants are named by verdict, each with its failed runs; where verdicts are withheld the phrase says why.
    """
    if result.control.broken:
        return "no verdict, because control broke: something besides the factor differs between variants"
    base = result.baseline
    if reason := state(base, result):
        return f"no verdict, because the baseline {in_prose(base.variant.name)} has no result ({reason})"
    if all(not row.count("completed") for row in result.rows):
        return "no verdict, because no run of any variant completed"
    contrasts = [
        result.contrasts[r.variant.name] for r in result.rows if r.variant.name in result.contrasts
    ]
    contrasts.sort(key=lambda c: (*in_order_of_verdicts(c), _reason(c)))
    phrases = [
        _phrase(key, list(group), result)
        for key, group in groupby(contrasts, key=lambda c: (c.word, _reason(c)))
    ]
    without = [row for row in result.rows[1:] if row.variant.name not in result.contrasts]
    phrases += [
        f"{in_prose(row.variant.name)} has no result ({state(row, result)})" for row in without
    ]
    marks = []
    if result.exploratory:
        marks.append("exploratory, since it was looked at before with other seeds")
    if result.unequal:
        marks.append("unequal numbers of trials")
    marked = f" ({'; '.join(marks)})" if marks else ""
    return "; ".join([*phrases, *_interactions(result)]) + marked


OF_MEANS = (Reason.mean_opposite, Reason.mean_within)


def in_order_of_verdicts(contrast: Contrast) -> tuple[int, int]:
    """Return what sorts by direction, the clear before the open before the slight."""
    sizes = [Size.beyond, Size.open, Size.within]
    return list(Decision).index(contrast.decision), sizes.index(contrast.size)


def _reason(contrast: Contrast) -> str:
    """Return why a contrast is undecided, or what its mean says beside its wins; no remarks that hold for all."""
    if contrast.decision is Decision.undecided:
        return contrast.reason
    return next((str(reason) for reason in contrast.reasons if reason in OF_MEANS), "")


def _phrase(key: tuple[str, str], contrasts: Sequence[Contrast], result: Result) -> str:
    """Tell what one verdict says of the variants that have it."""
    word, why = key
    decision, size = contrasts[0].decision, contrasts[0].size
    names = listed(f"{_named(result.row(c.variant))}{_fragile(c)}" for c in contrasts)
    base = _named(result.baseline)
    one = len(contrasts) == 1
    if decision in (Decision.wins_more, Decision.wins_less):
        more = "more" if decision is Decision.wins_more else "fewer"
        though = f", though {why}" if why else ""
        return f"{names} {'wins' if one else 'win'} on {more} seeds than {base}{though}"
    if decision in (Decision.better, Decision.worse):
        scores = _scores(contrasts, result)
        small = f", by less than the margin of {_margin(result)}" if size is Size.within else ""
        return f"{names} {_is(one, result)} {word} than {base}{scores}{small}"
    if decision is Decision.equivalent:
        bound = f"no difference beyond the margin of {_margin(result)}"
        return f"{names} {'is' if one else 'are'} equivalent to {base} ({bound})"
    if decision is Decision.identical:
        return f"{names} {'scores' if one else 'score'} exactly as {base} on every seed"
    if decision is Decision.unjudged:
        others = "is another score" if one else "are other scores"
        scores = _scores(contrasts, result)
        return f"{names} {others} than {base}{scores}, and no score is better than another"
    return _undecided(names, base, contrasts, result)


def _is(one: bool, result: Result) -> str:
    """Return the verb: where splits differ a score may be better because the test is easier, not the network."""
    if any(within("task.split", path) for path in result.comparison.paths):
        return "scores" if one else "score"
    return "is" if one else "are"


def _margin(result: Result) -> str:
    metric = result.comparison.primary
    return f"{metric.margin:g} {metric.unit}".rstrip()


def _undecided(names: str, base: str, contrasts: Sequence[Contrast], result: Result) -> str:
    """Tell why variants are undecided, all for the same reason."""
    reason = next(iter(contrasts[0].reasons), None)
    text = contrasts[0].reason
    one = len(contrasts) == 1
    if reason in (Reason.floor, Reason.undefined):
        return _scoreless(names, base, contrasts, result)
    if reason in (Reason.few_seeds, Reason.few_seeds_differ):
        return f"too few seeds for a verdict on {names} ({text.partition(': ')[2]})"
    if reason is Reason.open:
        return (
            f"seeds so far leave open whether {names} {'differs' if one else 'differ'} from {base}"
        )
    if reason in (None, Reason.no_margin, Reason.unequal_budgets):
        return f"no difference from {base} was shown for {names}, nor its absence"
    return f"no verdict on {names} ({text})"


def _scoreless(names: str, base: str, contrasts: Sequence[Contrast], result: Result) -> str:
    """Tell why no difference is looked at: nobody learned anything, or seeds have no score."""
    first = contrasts[0]
    if Reason.floor in first.reasons:
        dummy = next(iter(result.comparison.task.dummy))
        beaten = f"neither {base} nor" if len(contrasts) == 1 else f"none of {base},"
        return f"{beaten} {names} beats the predictor that learns nothing (`{dummy}`) by the margin"
    seeds = f"{first.undefined} of {first.n + first.undefined} seeds"
    return (
        f"no verdict on {names}, because {result.comparison.primary.name} is undefined on {seeds}"
    )


def _scores(contrasts: Sequence[Contrast], result: Result) -> str:
    """Name the mean scores of a few variants and of the baseline."""
    if len(contrasts) > MAX_SCORES:
        return ""
    means = mean_scores(result)
    if not {result.baseline.variant.name, *(c.variant for c in contrasts)} <= means.keys():
        return ""
    shown = listed(number(means[c.variant]) for c in contrasts)
    return f" ({shown} against {number(means[result.baseline.variant.name])})"


def _fragile(contrast: Contrast) -> str:
    """Return a mark of a direction that few seeds carry."""
    firmness = contrast.fragility
    return " (fragile)" if firmness is not None and firmness.fragile else ""


def _named(row: Row) -> str:
    """Name a variant, with how many of its runs failed."""
    failures = [
        f"{row.count(kind)} of {len(row.runs)} {kind}" for kind in FAILED if row.count(kind)
    ]
    name = in_prose(row.variant.name)
    return f"{name} ({', '.join(failures)})" if failures else name


def _interactions(result: Result) -> list[str]:
    """Tell which interactions were found."""
    signs = {
        Decision.better: "more",
        Decision.wins_more: "more",
        Decision.worse: "less",
        Decision.wins_less: "less",
    }
    return [
        f"together, {name} do {signs[contrast.decision]} than the sum of both"
        for name, contrast in result.interactions.items()
        if contrast.decision in signs
    ]
