"""Comparisons: a base task and recipe, the factors that vary, and what is claimed of them."""

from __future__ import annotations

import re
from itertools import product
from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from paribus.errors import ParibusError, one_of
from paribus.experiment.claim import Claim
from paribus.experiment.factor import Factor
from paribus.experiment.names import shortened
from paribus.experiment.recipe import Recipe
from paribus.experiment.task import Metric, Task
from paribus.experiment.tuning import Tuning
from paribus.experiment.validation import refuse_inconsistent
from paribus.experiment.variant import Variant, variant_name
from paribus.spec import Call, Frozen, replace

# Words of a question that name its files.
NAME_WORDS = 10
DEFAULT_SEEDS = 10


class Budget(Frozen):
    """Seeds, steps and seconds that a comparison may take.

    Args:
        seeds: paired seeds a variant.
        steps: optimizer steps a run.
        seconds: estimated seconds for the whole comparison on two cores; forecasts alone rest on it, and correct
            themselves as runs are finished.
    """

    seeds: int = Field(ge=1)
    steps: int = Field(ge=1)
    seconds: float = Field(default=10, gt=0)

    def __init__(self, seeds: int, steps: int, seconds: float = 10) -> None:
        fields: dict[str, Any] = {"seeds": seeds, "steps": steps, "seconds": seconds}
        super().__init__(**fields)


class Comparison(Frozen):
    """Controlled comparison: variants differ from the base at the factor's paths and nowhere else.

    Args:
        question: the question in a sentence.
        task, recipe: the base.
        factors: one, or a crossing of two or three; a single one may be given as ``factor``.
        name: a short name, part of the test's name; made of the question if none is given.
        baseline: name of the level (levels, for a crossing) that the others are compared with; the first if none is
            given.
        budgets: by name, ``quick`` and ``full``; the budget's steps replace those of the base recipe, which stay where
            none are given.
        claims: stated before the run.
        metric: a score of a run's stored test predictions, ``(outputs, target, classes=names) -> number``, in place of
            the task's primary metric; variants that differ in it alone share their runs.
        diagnostics: measured at every evaluation, ``(network, subset, loss) -> {name: number}``; one with an argument
            ``last`` is given the last step (see `paribus.metrics.diagnostics.LastStep`).
        target: a validation score of the task's primary metric; steps to reach it are counted, a miss is infinite.
        tuning: how every variant is tuned in the tuned arm; without it there is the default arm alone.
        tables: further tables of its page by title, ``(predictions by variant, classes) -> rows``.
        figures: further figures of its page by title, ``(result) -> figure``, or None where there is nothing to draw.
        frontier: two metrics of the task whose trade-off over the variants is drawn, or none.
        keep_reason: why the weights at the end of training are scored, where the recipe keeps those; or why the best
            ones are the question itself, as in a search, of whose end nothing is told then. For the page.
        notes: sentences for the reader of the page.
        turns: what of its answer turns between its budgets, for the page, as in "at 300 steps A is ahead, at 2000 B".
        interaction_scale: of a crossing of two: on what differences of differences are taken, ``score`` or ``log`` (of
            positive scores), each a contrast in the family; None asks for none. Floors and ceilings make interactions
            on one scale and hide them on another, so it is declared beforehand.
        inference: ``dataset`` (new seeds on this data set) or ``population`` (new data, by the corrected t).
        multiverse: choices that its variants hold equal, by path, over which ``paribus multiverse`` asks the question
            again; a text such as ``x0.1`` stands for a multiple of what each variant declares.
    """

    unsaid_defaults: ClassVar[frozenset[str]] = frozenset({"multiverse", "turns"})

    question: str
    task: Task
    recipe: Recipe
    factors: tuple[Factor, ...] = Field(min_length=1, max_length=3)
    name: str = ""
    baseline: tuple[str, ...] = ()
    budgets: dict[str, Budget] = Field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    metric: Metric | None = None
    diagnostics: tuple[Call, ...] = ()
    target: float | None = None
    tuning: Tuning | None = None
    tables: dict[str, Call] = Field(default_factory=dict)
    figures: dict[str, Call] = Field(default_factory=dict)
    frontier: tuple[str, ...] = ()
    keep_reason: str = ""
    notes: tuple[str, ...] = ()
    turns: str = ""
    interaction_scale: Literal["score", "log"] | None = None
    inference: Literal["dataset", "population"] = "dataset"
    multiverse: dict[str, tuple[Any, ...]] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, given: Any) -> Any:
        """Fill in what may be left out, and write a single factor or level as a tuple."""
        if not isinstance(given, dict):
            return given
        fields = dict(given)
        if "factor" in fields:
            if "factors" in fields:
                raise ParibusError(
                    "factors of a comparison",
                    got="factor= and factors=",
                    expected="one of the two",
                    fix="Write factor=Factor(...) for one, factors=(...) for up to three.",
                )
            fields["factors"] = (fields.pop("factor"),)
        if isinstance(fields.get("baseline"), str):
            fields["baseline"] = (fields["baseline"],)
        if isinstance(fields.get("question"), str):
            words = re.findall(r"\w+", fields["question"].lower())
            fields.setdefault("name", shortened(words[:NAME_WORDS]) or "comparison")
        factors = fields.get("factors")
        if isinstance(factors, tuple | list) and all(isinstance(f, Factor) for f in factors):
            fields.setdefault("baseline", tuple(next(iter(f.levels)) for f in factors))
        if isinstance(recipe := fields.get("recipe"), Recipe):
            steps = Budget(seeds=DEFAULT_SEEDS, steps=recipe.steps)
            fields.setdefault("budgets", {"quick": steps, "full": steps})
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> Comparison:
        refuse_inconsistent(self)
        return self

    @property
    def primary(self) -> Metric:
        """Metric on which verdicts rest."""
        return self.metric or self.task.primary

    @property
    def corrected(self) -> bool:
        """True where inference to new data needs the corrected t; data drawn anew for every seed do not."""
        drawn = self.task.redrawn and not self.task.from_file
        return self.inference == "population" and not drawn

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths that vary."""
        return tuple(path for factor in self.factors for path in factor.paths)

    def interactions(self) -> dict[str, tuple[str, str, str, str]]:
        """Return each interaction's variants by name: both levels changed, the first, the second, and neither.

        A name is the two levels that are changed from the baseline's, such as ``kaiming : batch norm``.
        """
        if self.interaction_scale is None:
            return {}
        first, second = self.baseline
        changed = [
            [level for level in factor.levels if level != held]
            for factor, held in zip(self.factors, self.baseline, strict=True)
        ]
        fours = {
            f"{a} : {b}": ((a, b), (a, second), (first, b), (first, second))
            for a, b in product(*changed)
        }
        return {
            name: (
                variant_name(both),
                variant_name(one),
                variant_name(other),
                variant_name(neither),
            )
            for name, (both, one, other, neither) in fours.items()
        }

    @property
    def family(self) -> int:
        """Number of declared contrasts: each variant with the baseline, and the interactions."""
        combinations = prod(len(factor.levels) for factor in self.factors)
        return combinations - 1 + len(self.interactions())

    def seconds(self, budget: str) -> float:
        """Return the estimated seconds of both arms on two cores."""
        tuned = self.tuning.seconds.get(budget, 0.0) if self.tuning else 0.0
        return self.budgets[budget].seconds + tuned

    def variants(self) -> tuple[Variant, ...]:
        """Return every combination of levels, the baseline first."""
        made = [self._variant(levels) for levels in product(*(f.levels for f in self.factors))]
        return tuple(sorted(made, key=lambda v: v.levels != self.baseline))

    def _variant(self, levels: tuple[str, ...]) -> Variant:
        base: Any = {"task": self.task, "recipe": self.recipe, "metric": self.primary}
        for factor, level in zip(self.factors, levels, strict=True):
            base = factor.put(base, level)
        return Variant(name=variant_name(levels), levels=levels, **base)

    def at(self, budget: str) -> Comparison:
        """Return the same comparison with the steps of a budget.

        Raises:
            ParibusError: there is no such budget.
        """
        one_of(
            f"budget of comparison {self.name!r}",
            budget,
            self.budgets,
            fix="Choose one of these with --paribus-budget.",
        )
        return self.model_copy(
            update={"recipe": replace(self.recipe, "steps", self.budgets[budget].steps)}
        )
