"""One comparison on seeds that no other comparison uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from paribus.analysis.results import Result
from paribus.execution.orchestrate import refuse_broken, trained
from paribus.execution.progress import ProgressBar
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.experiment.comparison import Comparison
from paribus.experiment.tuning import Arm
from paribus.runs.run import Run


@dataclass(frozen=True)
class Reserved:
    """One arm of a comparison, trained on seeds far from those of every comparison.

    Attributes:
        session: whose store holds the runs.
        runs: of each variant, one a seed, the baseline's first.
    """

    session: Session
    runs: dict[str, list[Run]]

    def result(self, part: slice = slice(None)) -> Result:
        """Return what the store holds of the comparison, over all seeds or a part.

        Raises:
            ParibusError: control broke.
        """
        (arm,) = self.session.study.arms
        result = self.session.study.result(arm, part)
        refuse_broken(result)
        return result


@contextmanager
def train_reserved(
    comparison: Comparison,
    settings: Settings,
    first_seed: int,
    count: int | None = None,
    *,
    arm: Arm = "default",
    progress: ProgressBar | None = None,
) -> Iterator[Reserved]:
    """Train every variant of one arm, unless it is in the store, which is open in the context.

    Args:
        comparison: what is trained.
        settings: what the user chose; its number of seeds and their rule are not used.
        first_seed: the first seed.
        count: how many there are; None takes those of the comparison's budget.
        arm: which arm.
        progress: shows how far long work has come.

    Raises:
        ParibusError: it cannot be trained.
    """
    fixed = replace(settings, seeds=count, sequential=False, cap=None)
    with trained(comparison, fixed, progress, arm=arm, first_seed=first_seed) as (session, cases):
        yield Reserved(session, {case.variant: session.study.runs(case) for case in cases})
