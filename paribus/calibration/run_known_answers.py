"""Training of known answers' comparisons, and measurement of how often single seeds miss."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paribus.calibration.known_answers import KnownAnswer, KnownAnswerResult, effects, inside, judge
from paribus.calibration.rates import Rate
from paribus.calibration.reserved_seeds import Reserved, train_reserved
from paribus.execution.executor import execute
from paribus.execution.settings import Settings
from paribus.runs.curves import rounded_curves
from paribus.runs.run import Run, RunResult

FIRST_SEED = 60_000_000
MEASURED_SEED = 80_000_000
"""Seeds of known answers, and those on which their false alarms are measured: neither are any comparison's."""


@dataclass(frozen=True)
class KnownAnswerRunner:
    """Runner of known answers with the user's settings, at their own numbers of seeds.

    Attributes:
        settings: where runs are kept, the device and the engine.
    """

    settings: Settings

    @property
    def own(self) -> Settings:
        """Settings without what belongs to other comparisons: data, budget and number of seeds."""
        return replace(self.settings, data={}, targets={}, folds=None, budget="quick")

    def check(self, known_answer: KnownAnswer) -> KnownAnswerResult:
        """Train a known answer's comparison, unless it is known, and judge it.

        Raises:
            ParibusError: it cannot be trained, or what should be held equal was not.
        """
        same = known_answer.kind == "identical"
        # Which runs the stacked engine trains together is measured, and a cohort's bits may depend on its size.
        settings = replace(self.own, engine="loop") if same else self.own
        with train_reserved(known_answer.comparison, settings, FIRST_SEED) as reserved:
            again = _again(reserved, known_answer) if same else []
            return judge(known_answer, reserved.result(), again)

    def measure(self, known_answer: KnownAnswer, seeds: int) -> Rate:
        """Count single seeds that miss the limits of a seen effect, or that have the score of a share.

        Raises:
            ParibusError: it cannot be trained, or what should be held equal was not.
        """
        with train_reserved(known_answer.comparison, self.own, MEASURED_SEED, seeds) as reserved:
            on_seeds = effects(known_answer, reserved.result())
        share = known_answer.kind == "share"
        return Rate(
            group="Known answers, seed by seed",
            name=f"{known_answer.name}: {'seeds that have it' if share else 'seeds that miss'}",
            hits=int(on_seeds.sum()) if share else seeds - inside(known_answer, on_seeds),
            trials=seeds,
            expected=_expected(known_answer),
            rule="equal" if share else "at_most",
            fails_if="a chance of false alarm that rests on fewer misses than there are",
        )


def _expected(known_answer: KnownAnswer) -> float:
    """Return the share that is declared beside a known answer."""
    if known_answer.measured is not None:
        return known_answer.measured.misses / known_answer.measured.seeds
    assert known_answer.expected is not None, (
        "only seen effects and shares are measured seed by seed"
    )
    return known_answer.expected


def _again(reserved: Reserved, known_answer: KnownAnswer) -> list[RunResult]:
    """Return the records of the variant's runs as a store keeps them, trained once more whatever this one holds."""
    records: list[RunResult] = []

    def keep(_run: Run, record: RunResult) -> None:
        records.append(replace(record, curves=rounded_curves(record.curves)))

    runs = reserved.runs[known_answer.variant]
    place = reserved.session.study.place.of(runs[0].device)
    for error in execute(runs, jobs=place.jobs, keep=keep, cluster=place.cluster).values():
        raise error
    return records
