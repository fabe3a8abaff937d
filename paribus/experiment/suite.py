"""Suites: comparisons that belong together and share a page."""

from __future__ import annotations

from pydantic import Field, model_validator

from paribus.errors import ParibusError, none_of
from paribus.experiment.claim import Claim
from paribus.experiment.comparison import Comparison
from paribus.experiment.names import refuse_file_name, refuse_lines
from paribus.spec import Frozen


class Ranking(Frozen):
    """Question over all comparisons of a suite at once, one observation a data set.

    Args:
        question: the question in a sentence.
        ideal: the score that counts as one when scores are normalised; that of the first dummy predictor counts as
            zero.
    """

    question: str
    ideal: float = 0.0


class Suite(Frozen):
    """Comparisons that belong together and share a page.

    Args:
        name: what ``-k`` selects.
        title: the page's heading.
        system: the system's number in the plan, such as ``S2``, if it has one.
        comparisons: at least one.
        claims: on a measure over all comparisons at once, of variants that each of them has.
        across: question over all of them at once, each task being one observation, or None.
    """

    name: str
    title: str
    system: str = ""
    comparisons: tuple[Comparison, ...] = Field(min_length=1)
    claims: tuple[Claim, ...] = ()
    across: Ranking | None = None

    @model_validator(mode="after")
    def _named(self) -> Suite:
        refuse_file_name("a suite", self.name)
        refuse_lines(f"title of suite {self.name!r}", self.title)
        return self

    @model_validator(mode="after")
    def _apart(self) -> Suite:
        names = [comparison.name for comparison in self.comparisons]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ParibusError(
                f"comparisons of suite {self.name!r}",
                got=f"{names.count(twice)} of the name {twice!r}",
                expected="a name of its own for each, by which its runs and its figures are told apart",
                fix="Give each a name.",
            )
        return self

    @model_validator(mode="after")
    def _answerable(self) -> Suite:
        shared = set.intersection(*({v.name for v in c.variants()} for c in self.comparisons))
        for claim in self.claims:
            named = [claim.variant, *([] if claim.alone else [claim.reference])]
            strays = [repr(name) for name in named if name not in shared]
            if strays or claim.measure is None:
                raise ParibusError(
                    f"claim {claim.name} of suite {self.name!r}",
                    got=", ".join(strays) or "no measure",
                    expected="a measure, and variants that every comparison of the suite has",
                    fix="State it in one comparison, or name what all of them share.",
                )
        return self

    @model_validator(mode="after")
    def _alike(self) -> Suite:
        """Refuse a ranking over tasks that differ in their variants or repeat."""
        names = [[variant.name for variant in c.variants()] for c in self.comparisons]
        tasks = [c.task.name for c in self.comparisons]
        mistakes = {
            f"{len(names)} comparison": len(names) < 2,
            "comparisons with different variants": any(n != names[0] for n in names),
            f"the tasks {', '.join(tasks)}": len(set(tasks)) < len(tasks),
        }
        if self.across is not None:
            none_of(
                mistakes,
                f"suite {self.name!r}, across its tasks",
                expected="two or more comparisons, each on a task of its own, with the same variants and baseline",
                fix="Make them alike, or leave `across` out.",
            )
        return self
