"""Claims: hypotheses stated before anything ran."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from paribus.errors import none_of
from paribus.spec import Call, Frozen

# Relations that can be read off numbers that are no sample; the others ask for a test.
READ_OFF = ("better", "worse", "identical", "above", "below")


class Claim(Frozen):
    """Hypothesis stated before the run; claims of one name are the parts of one, which needs them all.

    Args:
        name: its number, such as ``C5``.
        text: the claim in a sentence.
        variant: the variant that the claim is about.
        relation: how it compares with the reference. ``better`` and ``worse`` claim a direction, however small;
            ``better_by`` claims a size: better by more than the margin. ``not_worse`` is non-inferiority within the
            margin, ``identical`` is equality of every pair (within the margin, where one is given). ``above``,
            ``below`` and ``within`` compare the variant's own number with a value, ``identical`` may.
        reference: the variant that it is compared with; None is the baseline.
        value: number that the variant's own is compared with, in place of a reference. It has a reason, which the text
            states: a closed form, or a source.
        metric: score that runs record; None is the primary metric. Of a curve ``name@0`` is the start, ``name@last``
            the end, whichever weights are kept, and ``name@mean`` the mean.
        measure: computes numbers in place of a recorded score, one a unit, ``(results, variant) -> (unit,)``; results
            are those of the comparison, or of every comparison where a suite makes the claim.
        unit: what the claim speaks of, and so what is counted: seeds of one task, or tasks, over the seeds of which the
            measure has averaged.
        fact: how the number comes about where it is no sample: a count, or one machine's clock. Its answer is read off
            and no p is given.
        higher_is_better: direction of that score, where it is not a metric of the task.
        margin: margin for ``better_by``, ``equivalent``, ``not_worse`` and ``within``, where not the metric's own.
        arm: the arm that the claim is about, ``default`` or ``tuned``.
        budget: the budget that the claim is about; None is any.
        source: publication that states it.
    """

    name: str
    text: str
    variant: str
    relation: Literal[
        "better",
        "better_by",
        "worse",
        "equivalent",
        "not_worse",
        "identical",
        "above",
        "below",
        "within",
    ]
    reference: str | None = None
    value: float | None = None
    metric: str | None = None
    measure: Call | None = None
    unit: Literal["seed", "task"] = "seed"
    fact: str = ""
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
            f"{self.relation!r} and a value": not alone
            and self.relation != "identical"
            and self.value is not None,
            "a value and a reference": self.value is not None and self.reference is not None,
            "a metric and a measure": self.metric is not None and self.measure is not None,
            "a measure without a direction": self.measure is not None
            and self.relation in ("better", "better_by", "worse", "not_worse")
            and self.higher_is_better is None,
            f"a measure, {self.relation!r} and no margin": self.measure is not None
            and self.relation in ("better_by", "equivalent", "not_worse")
            and self.margin is None,
            "'within' without a margin": self.relation == "within" and self.margin is None,
            "tasks as units without a measure": self.unit == "task" and self.measure is None,
            f"a fact and {self.relation!r}": bool(self.fact) and self.relation not in READ_OFF,
        }
        none_of(
            mistakes,
            f"claim {self.name}",
            expected="one number, and a reference or a value to compare it with",
            fix="Complete the claim; it is answered after training, when it is too late to correct it.",
        )
        return self

    @property
    def alone(self) -> bool:
        """True where a variant's own number is compared with a value."""
        return self.value is not None
