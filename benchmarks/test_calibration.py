"""Is the yardstick true? Error rates of the whole procedure where the answers are known; the page is calibration.md.

``pytest benchmarks`` leaves this file out, because it takes long: on two cores that other work shared, what is
trained took 48 minutes, searches of 5 and 50 trials 36, known answers and what is simulated minutes. Name it to run it:
``pytest benchmarks/test_calibration.py``, with ``-k simulated``, ``trained`` or ``known_answers`` for a part.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paribus.calibration import PARTS, REPEATS, KnownAnswerRunner, Repeats, calibrate, repeats
from paribus.calibration.known_answers import KnownAnswer
from paribus.calibration.null_rejections import attainable, rejected
from paribus.calibration.page import write_calibration
from paribus.calibration.rates import Rate
from paribus.execution.settings import Settings
from paribus.frontends.pytest_session import settings_of
from paribus.suites.calibration import ITSELF, UNEQUAL
from paribus.suites.known_answers import KNOWN_ANSWERS

PLAN = Repeats(repeats=2000, seeds=8)
MANY_TRIALS = Repeats(repeats=200, seeds=10)
"""Where a seed has 55 trials and two winners."""
FEW = replace(MANY_TRIALS, repeats=20)
SEEDS = 200
SIMULATED = (
    f"Simulated: {REPEATS} comparisons for each rate, of scores drawn from known distributions and judged by the rule "
    "that judges trained ones; intervals by the functions that it calls. They are the same at every run."
)
TRAINED = (
    f"Trained: {PLAN.repeats} comparisons of {PLAN.seeds} paired seeds ({MANY_TRIALS.repeats} of {MANY_TRIALS.seeds} "
    f"where variants have 5 and 50 trials, {FEW.repeats} where a fault is planted), each of a variant with itself "
    "under two names that part its random streams, through plan, engine, store, statistics and verdict. Data and split "
    "are those of the seed, as in any comparison, and no comparison has these seeds. A count is consistent with its "
    "expected rate and with all between its limits: a true 8 % passes for 5 % in nine of ten cases with 200 "
    "comparisons, and in one of four hundred with 2000."
)
RESERVED = f"Known answers, seed by seed: {SEEDS} seeds that no known answer uses, each by itself."
WHAT = {
    "inert": "a setting that does nothing (dampening without momentum)",
    "live": "a setting that matters (the learning rate)",
}
FAILS = {
    "inert": "a search that lends the winner its luck, such as a test score that was chosen on",
    "live": "trainings that could not show why unequal budgets are refused",
}


def counted(part: str, rates: list[Rate], about: str, config: pytest.Config) -> None:
    """Put a part on the page, and fail if any rate does not lie where it must."""
    write_calibration(part, rates, about, Path(config.getoption("--paribus-out")))
    failed = [f"{rate.name} (n = {rate.n}): {rate.rate:.4f}" for rate in rates if not rate.passed]
    assert not failed, failed


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.benchmark(group="calibration, simulated: seconds")
def test_simulated(part: str, pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Scores from distributions of which the truth is known."""
    rates = benchmark.pedantic(PARTS[part], args=(REPEATS,), rounds=1, iterations=1)
    counted(f"simulated {part}", rates, SIMULATED, pytestconfig)


@pytest.mark.benchmark(group="calibration, trained: seconds")
def test_trained(pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Compare a variant with itself repeatedly, as it is stated and tuned."""
    args = (settings_of(pytestconfig), ITSELF, PLAN)
    rates = benchmark.pedantic(calibrate, args=args, rounds=1, iterations=1)
    counted("trained", rates, TRAINED, pytestconfig)


@pytest.mark.parametrize("kind", UNEQUAL)
@pytest.mark.benchmark(group="calibration, trained: seconds")
def test_trained_unequally(kind: str, pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Compare a variant tuned by five trials with itself tuned by fifty, over settings of no or great effect."""
    args = (settings_of(pytestconfig), kind)
    rate = benchmark.pedantic(_unequal, args=args, rounds=1, iterations=1)
    counted(f"trained unequally, {kind}", [rate], TRAINED, pytestconfig)


def _unequal(settings: Settings, kind: str) -> Rate:
    inert = kind == "inert"
    plan = MANY_TRIALS if inert else FEW
    results = repeats(settings, UNEQUAL[kind], plan, arm="tuned")
    return Rate(
        group="Trained against itself: 5 against 50 trials" if inert else "Wrong on purpose",
        name=f"trained, more trials over {WHAT[kind]}: rejected",
        hits=sum(rejected(result.contrasts.values()) for result in results),
        trials=plan.repeats,
        expected=attainable(plan.seeds),
        rule="equal" if inert else "above",
        fails_if=FAILS[kind],
        n=plan.seeds,
    )


MEASURED = [
    known_answer for known_answer in KNOWN_ANSWERS if known_answer.kind in ("seen", "share")
]


@pytest.mark.parametrize("known_answer", MEASURED, ids=lambda known_answer: known_answer.name)
@pytest.mark.benchmark(group="calibration, known answers: seconds")
def test_known_answers(
    known_answer: KnownAnswer, pytestconfig: pytest.Config, benchmark: Any
) -> None:
    """Measure how often a single seed misses what a known answer must show."""
    measure = KnownAnswerRunner(settings_of(pytestconfig)).measure
    rate = benchmark.pedantic(measure, args=(known_answer, SEEDS), rounds=1, iterations=1)
    counted(f"known answer {known_answer.name}", [rate], RESERVED, pytestconfig)
