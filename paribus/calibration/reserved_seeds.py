"""Sessions whose seeds no comparison uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paribus.analysis.results import Result, collect
from paribus.errors import ParibusError
from paribus.execution.cases import Case, cases
from paribus.execution.progress import ProgressBar
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import Arm
from paribus.runs.run import Run


@dataclass(frozen=True)
class Trained:
    """Runs of one arm of a comparison on one device.

    Attributes:
        first: its baseline's cell.
        runs: of each variant, one a seed, the baseline's first.
    """

    first: Case
    runs: Mapping[str, list[Run]]


class Reserved(Session):
    """Session whose seeds start far from those of every comparison.

    Args:
        settings: what the user chose; its number of seeds is not used.
        first: the first seed.
        count: how many there are; None takes those of the comparison's budget.
        progress: shows how far long work has come.
    """

    def __init__(
        self,
        settings: Settings,
        first: int,
        count: int | None = None,
        progress: ProgressBar | None = None,
    ) -> None:
        super().__init__(settings, progress)
        self.first, self.count = first, count

    def seeds(self, comparison: Comparison) -> range:
        """Return the seeds that are compared."""
        count = self.count or comparison.budgets[self.settings.budget].seeds
        return range(self.first, self.first + count)

    def train_all(self, comparison: Comparison, arm: Arm = "default") -> Trained:
        """Train every variant of one arm, unless it is known.

        Raises:
            ParibusError: it cannot be trained.
        """
        alone = Suite(name=comparison.name, title=comparison.name, comparisons=(comparison,))
        device = "cpu" if self.settings.device == "auto" else self.settings.device
        every = [case for case in cases([alone]) if (case.device, case.arm) == (device, arm)]
        self.prepare(every)
        for case in every:
            self.train(case)
        return Trained(every[0], {case.variant: self.runs(case) for case in every})

    def part(self, trained: Trained, part: slice) -> Result:
        """Return the stored result of a comparison, over some of its seeds.

        Args:
            trained: what `train_all` returned.
            part: which of the seeds.

        Raises:
            ParibusError: control broke.
        """
        first = trained.first
        result = collect(
            first.suite,
            self.comparison(first),
            budget=self.settings.budget,
            device=first.device,
            runs={name: runs[part] for name, runs in trained.runs.items()},
            store=self.store,
            failures={},
            arm=first.arm,
        )
        if result.control.broken:
            raise ParibusError(
                f"control of comparison {result.comparison.name!r}",
                got=result.control.broken[0],
                expected="the same for every variant of a seed",
                fix="Draw from the streams of the run alone, or name the difference as the factor.",
            )
        return result
