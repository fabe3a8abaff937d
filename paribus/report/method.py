"""What a page says of how the verdicts came about, in sentences made from the comparison and its records."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Sequence
from pathlib import PurePath

from paribus import stats
from paribus.analysis.claims import ClaimResult
from paribus.analysis.results import Result
from paribus.report.formatting import listed
from paribus.report.tables import has_dummy


def sentences(result: Result) -> list[str]:
    """The method, a sentence or two a point."""
    if result.cap is not None:
        return [*_sequence(result), *_interactions(result), _failures(result), *looks(result)]
    return [
        _pairs(result),
        _contrasts(result),
        *_interactions(result),
        _equivalence(result),
        _interval(result),
        _failures(result),
        *looks(result),
    ]


def sign(result: Result) -> str:
    """Which way differences are turned, so that positive is better."""
    base = result.baseline.variant.name
    if result.comparison.primary.higher_is_better:
        return f"variant minus {base}"
    return f"{base} minus variant"


def _sequence(result: Result) -> list[str]:
    """How seeds were added, what stops a contrast, and what may not be said after it stopped."""
    family = _family(result)
    counts = sorted({len(row.runs) for row in result.rows})
    given = f"{counts[0]} to {counts[-1]} seeds" if len(counts) > 1 else f"{counts[0]} seeds"
    wanted = result.comparison.family / 0.05
    return [
        f"**Seeds were added until the evidence was there**, up to {result.cap}: a rule chosen beforehand, under which "
        "looking after every seed costs nothing. Runs are paired by seed, in the order of the seeds; variants have "
        f"{given}, since one whose contrasts have stopped is given no more. {scope(result)}",
        f"{family} Each is a sequence of bets on the sign of the next difference that is not zero: the wealth after n "
        "of them, S positive, is 2^n B(S + 1, n - S + 1), which has mean one where either sign is as likely, and ever "
        f"reaches {wanted:g} in any of them with a chance of at most 5 %. There the contrast stops, `better` by more "
        "wins and `worse` by more losses; p is one over the largest wealth, times the size of the family. The fewest "
        f"seeds that can stop one are {stats.min_seeds_to_stop(result.comparison.family)}.",
        "It speaks of the share of seeds that a variant wins, and not of its mean: the share's limits are a confidence "
        "sequence, which holds at every look and for all of the family at once with 95 % confidence. Since seeds stop "
        "because of what they say, a mean difference leans outward and has no interval, nothing is called "
        "`equivalent`, and claims that rest on other tests are not answered.",
    ]


def _family(result: Result) -> str:
    """What is looked at together."""
    family, crossed = result.comparison.family, len(result.comparison.interactions())
    others = family - crossed
    beside = f" and {crossed} interaction{'s' * (crossed > 1)}" if crossed else ""
    return (
        f"The family is {others} contrast{'s' * (others > 1)} with {result.baseline.variant.name}{beside} on "
        f"{result.comparison.primary.name}."
    )


def _pairs(result: Result) -> str:
    seeds = ", ".join(map(str, result.seeds[:3])) + (", …" if len(result.seeds) > 3 else "")
    return (
        f"Every variant was trained with the same {len(result.seeds)} seeds ({seeds}) and runs are paired by seed. "
        f"{scope(result)}"
    )


def scope(result: Result) -> str:
    """What the seeds speak of, judged by the hashes that the runs left."""
    records = result.baseline.known
    if len({str(r.hashes.get("data")) for r in records}) > 1:
        return (
            "A seed draws the data, the initial weights, the order and the noise anew, so the seeds speak of new data "
            "of this kind."
        )
    if result.comparison.corrected:
        return (
            "A seed draws the split, the initial weights, the order and the noise anew. **This page speaks of new "
            "data** of the same kind, not only of new seeds on this data set: the parts come from one data set and "
            "overlap, so p, equivalence and intervals come from the t of Nadeau and Bengio (Machine Learning 52, "
            f"2003), whose variance is 1/n + {result.correction:.3g} in place of 1/n: the ratio of test to training "
            "samples is added."
        )
    if len({str(r.hashes.get("split")) for r in records}) > 1:
        return (
            "A seed draws the split, the initial weights, the order and the noise anew. The parts come from one data "
            "set and overlap, so the seeds speak of this data set and not of new data."
        )
    return (
        "A seed draws the initial weights, the order and the noise anew; data and split are the same for every seed, "
        "so the seeds speak of this split of this data set."
    )


def _contrasts(result: Result) -> str:
    return (
        f"{_family(result)} p comes from {_test(result)} The least "
        f"number of seeds that can reach a verdict is {stats.min_seeds(result.comparison.family)}."
    )


def _test(result: Result) -> str:
    if result.comparison.corrected:
        return (
            "the corrected t test over the paired differences, Holm-adjusted over the family; at most 0.05 is `better` "
            "or `worse`."
        )
    return (
        "the exact sign-flip permutation test over the paired "
        "differences, Holm-adjusted over the family; at most 0.05 is `better` or `worse`. It is a test that the "
        "differences are symmetric about zero: rare failures break that symmetry even where means agree."
    )


def _interactions(result: Result) -> list[str]:
    scale = result.comparison.interaction_scale
    if scale is None:
        return []
    on = {
        "score": "the score itself",
        "log": "the logarithm of the score, where it compares ratios",
    }
    margin = (
        ""
        if scale == "score"
        else " The margin holds for the score, so none is called absent on this scale."
    )
    return [
        "An interaction is, for each seed, the difference of two differences: what both changes do, less what the "
        "first does alone, less what the second does alone. Positive means that together they do more than the sum "
        f"of both. It was declared on {on[scale]}; on another scale it may differ. A variant at the floor could fall "
        "no further, which makes an interaction or hides one, so where any of the four does not beat the predictor "
        f"that learns nothing the interaction is `undecided (floor)`.{margin}"
    ]


def _equivalence(result: Result) -> str:
    metric = result.comparison.primary
    if metric.margin is None:
        return "No margin was declared for this metric, so nothing is called `equivalent`."
    return (
        f"`equivalent` needs the mean difference inside ±{metric.margin:g} {metric.unit}".rstrip()
        + ", a margin declared beforehand: two one-sided t tests, Holm-adjusted, looked at first. All else is "
        "`undecided`, beside the smallest mean difference that would have been seen in 80 % of such comparisons."
    )


def _interval(result: Result) -> str:
    kind = "corrected" if result.comparison.corrected else "paired"
    return (
        f"Intervals are {kind} t intervals, Bonferroni-widened so that all of the family cover at once with 95 % "
        f"confidence. Differences are {sign(result)}, so that positive means better than the baseline; `±` is the "
        f"standard deviation over seeds.{_disagreement(result)}"
    )


def _disagreement(result: Result) -> str:
    """A sentence where an interval reaches across zero beside a verdict that it does not."""
    across = [
        c.variant
        for c in result.contrasts.values()
        if c.decision in ("better", "worse") and c.difference.low <= 0 <= c.difference.high
    ]
    if not across:
        return ""
    return (
        f" For {listed(across)} the interval holds zero although the verdict does not: Holm's steps and the "
        "permutation test see a little more than a Bonferroni t interval does. Take it as a close call."
    )


def _failures(result: Result) -> str:
    dummy = next(iter(result.comparison.task.dummy))
    penalty = f"the score of the predictor that learns nothing (`{dummy}`)"
    if not has_dummy(result):
        penalty = "the worst score known"
    return (
        f"A diverged run scores the worse of {penalty} and the worst finisher of its seed, so that failing never "
        "pays. Where neither variant nor baseline beats that predictor by the margin the verdict is `undecided "
        "(floor)` and no p is looked at; where no seed differs it is `undecided (ceiling)`."
    )


def looks(result: Result) -> list[str]:
    """A warning where the result was looked at before with other seeds."""
    if not result.exploratory:
        return []
    earlier = listed(str(n) for n in result.looks[:-1])
    tuned = "tuned " if result.arm == "tuned" else ""
    return [
        f"**This is look number {len(result.looks)}**: the {tuned}result was looked at before with {earlier} seeds. "
        "Adding seeds until a test rejects finds too much, so what this look finds is marked `exploratory` and answers "
        "no claim that rests on a verdict."
    ]


def claims_note(answers: list[ClaimResult] | tuple[ClaimResult, ...]) -> str:
    """How many claims rest on tests of their own, and how many false supports that lets through."""
    single, all_of_them = sum(a.single for a in answers), len(answers)
    told = "Claims were declared before anything ran. `refuted` means that the opposite, or equivalence, was shown. "
    if not single:
        return f"{told}None rests on a single test outside the family."
    rest = "rests" if single == 1 else "rest"
    return (
        f"{told}{single} of {all_of_them} {rest} on a single test at 5 % outside the family: if no such claim were "
        f"true, at most {0.05 * single:.2g} would be expected to find false support."
    )


def measured(answers: Sequence[ClaimResult]) -> list[str]:
    """What each measure is that claims speak of, by the name that their evidence gives it, as its own docs say it."""
    spoken = [a.claim.measure for a in answers if a.claim.measure and not a.silent]
    calls = {call.target: call for call in spoken}
    told = {}
    for target, call in calls.items():
        name, text = target.partition(":")[2].replace("_", " "), inspect.getdoc(call.resolve())
        if text:
            told[name] = " ".join(
                text.removeprefix("Return ").partition("\n\nArgs:")[0].replace("``", "`").split()
            )
    return [f"`{name}`: {text[0].lower()}{text[1:]}" for name, text in told.items()]


def fuller(result: Result) -> list[str]:
    """What each larger budget of the comparison would add."""
    comparison = result.comparison
    here = comparison.budgets.get(result.budget)
    trials = comparison.tuning.trials if comparison.tuning else {}
    told = []
    for name, budget in comparison.budgets.items():
        if here is None or budget.seeds * budget.steps <= here.seeds * here.steps:
            continue
        more = result.cap is None and budget.seeds > len(result.seeds)
        longer = budget.steps > here.steps
        given = [f"{budget.seeds} seeds in place of {len(result.seeds)}"] * more
        given += [f"{budget.steps} steps a run in place of {here.steps}"] * longer
        given += [f"searches of {trials[name]} trials"] if name in trials else []
        told += [f"The budget `{name}` would give {listed(given)}."] if given else []
    return told


def command(*arms: Result) -> str:
    """The command that makes this comparison again, in the arms that are shown."""
    result, task = arms[0], arms[0].comparison.task
    words = ["pytest", "benchmarks", "--benchmark-only", "-k", result.suite.name]
    rule = ["--paribus-sequential", "--paribus-cap", str(result.cap)]
    words += rule if result.cap is not None else ["--paribus-seeds", str(len(result.seeds))]
    words += ["--paribus-budget", result.budget]
    words += ["--paribus-device", result.device, *_engine_words(arms), *_tuned_words(arms)]
    if result.comparison.inference == "population":
        words += ["--paribus-inference", "data"]
    if task.path is not None:
        words += ["--paribus-data", f"{task.name}={PurePath(task.path).name}"]
    if task.target is not None:
        words += ["--paribus-target", f"{task.name}={task.target}"]
    return shlex.join(words)


def _engine_words(arms: Sequence[Result]) -> list[str]:
    """The engine, where one trained every run, compiled or not."""
    engines = {run.engine.split("-")[0] for arm in arms for row in arm.rows for run in row.runs}
    return ["--paribus-engine", *engines] if len(engines) == 1 else []


def _tuned_words(arms: Sequence[Result]) -> list[str]:
    """The arm, where one was left out, and the trials, where they are not the declared ones."""
    tuning, budget = arms[0].comparison.tuning, arms[0].budget
    if tuning is None or budget not in tuning.trials:
        return []
    words = ["--paribus-arm", arms[0].arm] if len(arms) == 1 else []
    searches = [r.searched.search for arm in arms for r in arm.rows if r.searched]
    trials = {search.trials for search in searches}
    declared = tuning.trials[budget]
    asked = isinstance(declared, int) and trials and trials != {declared}
    return [*words, *(["--paribus-trials", str(*trials)] if asked else [])]
