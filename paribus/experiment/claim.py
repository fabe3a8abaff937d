"""Claims: hypotheses stated before anything ran."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from paribus.errors import none_of
from paribus.spec import Call, Frozen


class Claim(Frozen):
    """Hypothesis stated before the run; claims of one name are the parts of one, which needs them all.

    Args:
        name: its number, such as ``C5``.
        text: what is claimed, in a sentence.
        variant: the variant that it speaks of.
        relation: what is claimed of it against the reference. ``not_worse`` is non-inferiority within the margin,
            ``identical`` is equality of every pair (within the margin, where one is given). ``above``, ``below`` and
            ``within`` hold the variant's own number against a value.
        reference: the variant that it is held against; None is the baseline.
        value: what the variant's own number is held against, in place of a reference.
        metric: a score that runs record; None is the primary metric.
        measure: makes a number a seed in place of a recorded score, ``(results, variant) -> (seed,)``; the results are
            that of the comparison, or those of every comparison where a suite makes the claim.
        higher_is_better: direction of that score, where it is not a metric of the task.
        margin: margin for ``equivalent``, ``not_worse`` and ``within``, where it is not the metric's own; a difference
            shown to lie inside it refutes the other relations, ``above`` and ``below`` only where it is given.
        arm: the arm that it speaks of, ``default`` or ``tuned``.
        budget: the budget that it speaks of; None is whichever was spent.
        source: who says so.
    """

    name: str
    text: str
    variant: str
    relation: Literal[
        "better", "worse", "equivalent", "not_worse", "identical", "above", "below", "within"
    ]
    reference: str | None = None
    value: float | None = None
    metric: str | None = None
    measure: Call | None = None
    higher_is_better: bool | None = None
    margin: float | None = Field(default=None, gt=0)
    arm: Literal["default", "tuned"] = "default"
    budget: str | None = None
    source: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Claim:
        """Refuse a claim that contradicts itself."""
        alone = self.relation in ("above", "below", "within")
        mistakes = {
            f"{self.relation!r} without a value": alone and self.value is None,
            f"{self.relation!r} and a value": not alone and self.value is not None,
            "a value and a reference": self.value is not None and self.reference is not None,
            "a metric and a measure": self.metric is not None and self.measure is not None,
            "a measure without a direction": self.measure is not None
            and self.relation in ("better", "worse", "not_worse")
            and self.higher_is_better is None,
            f"a measure, {self.relation!r} and no margin": self.measure is not None
            and self.relation in ("equivalent", "not_worse")
            and self.margin is None,
            "'within' without a margin": self.relation == "within" and self.margin is None,
        }
        none_of(
            mistakes,
            f"claim {self.name}",
            expected="one number, and a reference or a value to hold it against",
            fix="Complete the claim; it is answered after training, too late to mend it.",
        )
        return self

    @property
    def alone(self) -> bool:
        """True where a variant's own number is held against a value."""
        return self.value is not None
