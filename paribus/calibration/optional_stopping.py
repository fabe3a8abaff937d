"""Looking again and again until something is found: wrong on purpose, and what the rule makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from paribus import stats
from paribus.analysis.verdict import Decision
from paribus.calibration.coverage import COVERAGE, WINS
from paribus.calibration.null_rejections import attainable
from paribus.calibration.rates import Rate
from paribus.calibration.simulated_scores import Floats, Scores, World, generators, judge, normal

ALPHA = 0.05
EVERY = range(5, 51)
SOME = (10, 12, 15, 20, 30)
SEEDS_OF_MEANS = 30


def peeking(repeats: int) -> list[Rate]:
    """Count errors of stopping at the first p < .05, and with remedies: marked looks, the sequential rule."""
    return [
        _wrong(
            "stop at the first p < .05, a t test after every seed from 5 to 50",
            EVERY,
            stats.t_p,
            repeats,
        ),
        _wrong(
            "stop at the first p < .05, sign-flip test at 10, 12, 15, 20 and 30 seeds",
            SOME,
            stats.sign_flip_p,
            repeats,
        ),
        _five_then_six(5 * repeats),
        _by_the_rule(repeats),
        *_sequential(repeats),
    ]


def _wrong(name: str, looks: Sequence[int], test: Callable[[Floats], float], repeats: int) -> Rate:
    hits = sum(
        any(test(d[:n]) <= ALPHA for n in looks)
        for d in (g.standard_normal(looks[-1]) for g in generators(name, repeats))
    )
    fails_if = "a simulation that could not see peeking"
    return Rate("Wrong on purpose", name, hits, repeats, ALPHA, "above", fails_if)


def _five_then_six(repeats: int) -> Rate:
    """Count errors of a first look that no verdict could come of: five seeds, a sixth if they agree, else twenty."""
    name = "look at 5 seeds, stop at 6 if all have one sign, else at 20 by the sign-flip test"
    drawn = (generator.standard_normal(20) for generator in generators(name, repeats))
    hits = sum(stats.sign_flip_p(d[:6]) <= ALPHA or stats.sign_flip_p(d) <= ALPHA for d in drawn)
    fails_if = "a simulation that could not see a look below the least seeds"
    return Rate("Wrong on purpose", name, hits, repeats, ALPHA, "above", fails_if)


def _by_the_rule(repeats: int) -> Rate:
    """Take the same five looks, of which the rule lets only the first one count."""
    world = World("looks", normal(0.0))
    drawn = (world.draw(g, SOME[-1]) for g in generators("looks by the rule", repeats))
    return Rate(
        group="True nulls",
        name="the same five looks by the rule: a verdict that is not marked exploratory",
        hits=sum(any(_counts(scores, n, world) for n in SOME) for scores in drawn),
        trials=repeats,
        expected=attainable(SOME[0]),
        rule="equal",
        fails_if="a later look that counts like the first",
        n=SOME[0],
    )


def _sequential(repeats: int) -> list[Rate]:
    """Count how often the rule that looks after every seed stops by mistake, and its sequence misses."""
    names = (
        "the sequential rule, a look after every seed up to 50: ever stopped",
        "its share of wins",
    )
    nulls = [stats.follow(g.standard_normal(EVERY[-1])) for g in generators(names[0], repeats)]
    shares = [stats.follow(WINS - g.random(EVERY[-1])) for g in generators(names[1], repeats)]
    held = sum(found.low <= WINS <= found.high for found in shares)
    return [
        Rate(
            "True nulls",
            names[0],
            sum(found.stopped for found in nulls),
            repeats,
            ALPHA,
            "at_most",
            "evidence that grows where there is none",
        ),
        Rate(
            COVERAGE,
            "confidence sequence of the share of wins, at every look up to where it stops",
            held,
            repeats,
            1 - ALPHA,
            "at_least",
            "limits that hold at one look only",
        ),
        *_means(repeats),
    ]


def _means(repeats: int) -> list[Rate]:
    """Count how often limits of a bounded mean, looked at after every seed, ever leave it out."""
    skewed = "skewed scores between 0 and 1, limits of their mean after every seed"
    drawn = [g.beta(0.5, 1.5, SEEDS_OF_MEANS) for g in generators(skewed, repeats)]
    truth = 0.25
    bets = [stats.mean_sequence(x, 0.0, 1.0) for x in drawn]
    held = sum(bool(low[-1] <= truth <= high[-1]) for low, high in bets)
    short = sum(
        all(_holds(stats.paired_t_interval(x[:n]), truth) for n in range(5, x.size + 1))
        for x in drawn
    )
    return [
        Rate(
            COVERAGE,
            f"{skewed}: the confidence sequence holds it at all of them",
            held,
            repeats,
            1 - ALPHA,
            "at_least",
            "limits that hold at one look only",
        ),
        Rate(
            "Wrong on purpose",
            f"{skewed}: the t interval holds it at all of them",
            short,
            repeats,
            1 - ALPHA,
            "below",
            "a simulation that could not see limits of one look",
        ),
    ]


def _holds(interval: stats.Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def _counts(scores: Scores, n: int, world: World) -> bool:
    """Return whether a look at the first n seeds tells them apart, unmarked."""
    seen = {name: values[:n] for name, values in scores.items()}
    later = [name for name in seen if n > SOME[0]]
    (contrast,) = judge(seen, world, exploratory=later)
    return contrast.decision in (Decision.better, Decision.worse) and not contrast.reasons
