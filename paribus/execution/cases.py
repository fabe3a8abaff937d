"""Cases: the variants of comparisons, on each device and in each arm, that tests and tables are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from paribus.errors import ParibusError
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import ARMS, Arm

if TYPE_CHECKING:
    from paribus.execution.settings import Settings

DEVICES = ("cpu", "cuda")


class Case(NamedTuple):
    """Names of one variant of a comparison of a suite, in one arm on one device.

    A `Study` has the suites that the names are of.
    """

    suite: str
    comparison: str
    device: str
    arm: Arm
    variant: str

    @property
    def arm_key(self) -> tuple[str, str, str, Arm]:
        """Names that all cases of an arm of a comparison on a device share."""
        return self.suite, self.comparison, self.device, self.arm

    @property
    def name(self) -> str:
        """Name in tests, such as ``optimizers-adam-cpu``, ``optimizers-adam-tuned-cpu`` or ``images-pooling-max-cpu``.

        A comparison that is named as its suite is left out.
        """
        comparison = [] if self.comparison == self.suite else [self.comparison]
        variant = self.variant.replace(" × ", "+").replace(" ", "_")
        arm = [] if self.arm == "default" else [self.arm]
        return "-".join([self.suite, *comparison, variant, *arm, self.device])


def cases(suites: Iterable[Suite]) -> list[Case]:
    """Return every case of the suites on every device, the baseline of each comparison and arm first."""
    listed = list(suites)
    return [
        Case(suite.name, comparison.name, device, arm, variant.name)
        for device in DEVICES
        for suite in listed
        for comparison in suite.comparisons
        for arm in arms(comparison)
        for variant in comparison.variants()
    ]


def selected(
    suites: Iterable[Suite], settings: Settings, among: Iterable[Case] | None = None
) -> list[Case]:
    """Return the cases of the suites that the settings ask for: by device, arm, and trials at the budget.

    Args:
        suites: whose cases.
        settings: what the user chose.
        among: cases to choose from; None takes all.

    Raises:
        ParibusError: the tuned arm alone is asked for where none is declared.
    """
    listed = list(suites)
    given = cases(listed) if among is None else list(among)
    tuned_here = {
        (suite.name, comparison.name)
        for suite in listed
        for comparison in suite.comparisons
        if comparison.tuning is not None and settings.budget in comparison.tuning.trials
    }
    chosen = [
        case
        for case in given
        if case.device in settings.devices
        and case.arm in settings.arms
        and (case.arm == "default" or (case.suite, case.comparison) in tuned_here)
    ]
    if settings.arm == "tuned" and given and not chosen:
        raise ParibusError(
            "arm",
            got=f"'tuned', and no selected comparison is tuned at budget {settings.budget!r}",
            expected="a comparison that declares trials",
            fix="Use --paribus-arm both, or another budget.",
        )
    return chosen


def arms(comparison: Comparison) -> tuple[Arm, ...]:
    """Return the arms that a comparison declares."""
    return ARMS if comparison.tuning is not None else ARMS[:1]
