"""Family of contrasts as declared beforehand."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paribus import stats


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Declaration of a family of contrasts, made before anything runs.

    Args:
        baseline: the variant that all others are compared with.
        higher_is_better: direction of the metric.
        size: number of contrasts declared, whether or not all of them were run.
        margin: largest difference that does not matter, in the units of the score; without one
            nothing is ever `equivalent`.
        alpha: chance of any false verdict of one kind in the family.
        correction: test size over training size; counts only where `new_data` is set.
        new_data: whether the verdict speaks of new data, by the corrected t, or of this dataset.
        metric: its name, for the page.
    """

    baseline: str
    higher_is_better: bool
    size: int
    margin: float | None = None
    alpha: float = 0.05
    correction: float = 0.0
    new_data: bool = False
    metric: str = ""

    def __post_init__(self) -> None:
        """Refuse what could only fail later, on the first contrast with two pairs."""
        stats.min_seeds(self.size, self.alpha)
        stats.check_correction(self.correction)
        if self.margin is not None:
            stats.check_margin(self.margin)

    def without_margin(self) -> Family:
        """Return the same family without its margin, for scores on another scale."""
        return replace(self, margin=None)

    @property
    def min_seeds(self) -> int:
        """Seeds without which no contrast of the family can reach a verdict."""
        return stats.min_seeds(self.size, self.alpha)

    @property
    def ratio(self) -> float:
        """Correction in force: zero when inferring to this data set."""
        return self.correction if self.new_data else 0.0
