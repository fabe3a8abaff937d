"""Train a control's comparison and hold it against what is known; measure how often single seeds miss."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paribus.calibration.known_answers import KnownAnswer, KnownAnswerResult, effects, inside, judge
from paribus.calibration.rates import Rate
from paribus.calibration.reserved_seeds import Reserved, train_reserved
from paribus.execution.executor import execute
from paribus.execution.settings import Settings
from paribus.runs.run import Run, RunResult

FIRST_SEED = 60_000_000
MEASURED_SEED = 80_000_000
"""Seeds of controls, and those on which their false alarms are measured: neither are any comparison's."""


@dataclass(frozen=True)
class Controlled:
    """Trains controls by the user's settings, at their own numbers of seeds.

    Attributes:
        settings: where runs are kept, the device and the engine.
    """

    settings: Settings

    @property
    def own(self) -> Settings:
        """The settings without what belongs to other comparisons: data, budget and number of seeds."""
        return replace(self.settings, data={}, targets={}, budget="quick")

    def check(self, control: KnownAnswer) -> KnownAnswerResult:
        """Train a control's comparison, unless it is known, and judge it.

        Raises:
            ParibusError: it cannot be trained, or what should be held equal was not.
        """
        same = control.kind == "identical"
        # Which runs the stacked engine trains together is measured, and a cohort's bits may depend on its size.
        settings = replace(self.own, engine="loop") if same else self.own
        with train_reserved(control.comparison, settings, FIRST_SEED) as reserved:
            again = _again(reserved, control) if same else []
            return judge(control, reserved.result(), again)

    def measure(self, control: KnownAnswer, seeds: int) -> Rate:
        """Count single seeds that miss the limits of a seen effect, or that have the score of a share.

        Raises:
            ParibusError: it cannot be trained, or what should be held equal was not.
        """
        with train_reserved(control.comparison, self.own, MEASURED_SEED, seeds) as reserved:
            found = effects(control, reserved.result())
        share = control.kind == "share"
        return Rate(
            group="Controls, seed by seed",
            name=f"{control.name}: {'seeds that have it' if share else 'seeds that miss'}",
            hits=int(found.sum()) if share else seeds - inside(control, found),
            trials=seeds,
            expected=_expected(control),
            rule="equal" if share else "at_most",
            fails_if="a chance of false alarm that rests on fewer misses than there are",
        )


def _expected(control: KnownAnswer) -> float:
    """The share that is declared beside a control."""
    if control.measured is not None:
        return control.measured.misses / control.measured.seeds
    assert control.expected is not None, "only seen effects and shares are measured seed by seed"
    return control.expected


def _again(reserved: Reserved, control: KnownAnswer) -> list[RunResult]:
    """The records of the variant's runs, trained once more whatever the store knows."""
    records: list[RunResult] = []

    def keep(_run: Run, record: RunResult) -> None:
        records.append(record)

    execute(reserved.runs[control.variant], jobs=reserved.session.study.jobs, keep=keep)
    return records
