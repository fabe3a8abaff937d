"""The comparison: a base task and recipe, the factor that varies, and the claims made before anything ran."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from paribus.errors import ParibusError
from paribus.experiment.recipe import Recipe
from paribus.experiment.task import Metric, Task
from paribus.experiment.tuning import Tuned, Tuning, refuse_untunable
from paribus.spec import Call, Frozen, canonical, replace, to_plain

ROOTS = ("task", "recipe", "metric")


class Factor(Frozen):
    """What varies: a dotted path into the task, the recipe or the metric, and its named levels.

    Args:
        path: such as ``recipe.optimizer``, ``recipe.model.activation`` or ``task.split.imbalance``; ``recipe``,
            ``task`` or ``metric`` alone where levels change different things.
        levels: what stands at the path, by the name that tables show; below a root alone each level maps dotted paths
            to what stands there, ``{"model.dropout": 0.5}``, and one that changes nothing is ``{}``.
    """

    path: str
    levels: dict[str, Any] = Field(min_length=2)

    @field_validator("levels")
    @classmethod
    def _plain_levels(cls, levels: dict[str, Any]) -> dict[str, Any]:
        return {name: to_plain(level) for name, level in levels.items()}

    @model_validator(mode="after")
    def _known_root(self) -> Factor:
        root, _, rest = self.path.partition(".")
        patches = not rest and all(isinstance(level, dict) for level in self.levels.values())
        if root not in ROOTS or not (rest or patches):
            raise ParibusError(
                "path of a factor",
                got=repr(self.path),
                expected="a dotted path into task, recipe or metric",
                fix="Name what varies, such as 'recipe.optimizer'.",
            )
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """The dotted paths that its levels change."""
        if "." in self.path:
            return (self.path,)
        below = dict.fromkeys(path for level in self.levels.values() for path in level)
        return tuple(f"{self.path}.{path}" for path in below)

    def put(self, base: Any, level: str) -> Any:
        """The base with a level in its place."""
        value = self.levels[level]
        if "." in self.path:
            return replace(base, self.path, value)
        for path, new in value.items():
            base = replace(base, f"{self.path}.{path}", new)
        return base


class Claim(Frozen):
    """A hypothesis stated before the run; claims of one name are the parts of one, which needs them all.

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
        slips = {
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
        for slip, made in slips.items():
            if made:
                raise ParibusError(
                    f"claim {self.name}",
                    got=slip,
                    expected="one number, and a reference or a value to hold it against",
                    fix="Complete the claim; it is answered after training, too late to mend it.",
                )
        return self

    @property
    def alone(self) -> bool:
        """Whether it holds a variant's own number against a value."""
        return self.value is not None


class Budget(Frozen):
    """How much is spent on a comparison.

    Args:
        seeds: paired seeds a variant.
        steps: optimizer steps a run.
        seconds: estimated seconds for the whole comparison on two cores.
    """

    seeds: int = Field(ge=1)
    steps: int = Field(ge=1)
    seconds: float = Field(gt=0)


class Variant(Frozen):
    """The base with one level of each factor in its place."""

    name: str
    levels: tuple[str, ...]
    task: Task
    recipe: Recipe
    metric: Metric


class Comparison(Frozen):
    """A controlled comparison: variants differ from the base at the factor's paths and nowhere else.

    Args:
        name: a short name, part of the test's name.
        question: what is asked, in a sentence.
        task, recipe: the base.
        factors: one, or a crossing of two or three.
        baseline: name of the level (levels, for a crossing) that the others are held against.
        budgets: by name, ``quick`` and ``full``; the budget's steps replace those of the base recipe.
        claims: stated before the run.
        metric: a score of a run's stored test predictions, ``(outputs, target, classes=names) -> number``, in place of
            the task's primary metric; variants that differ in it alone share their runs.
        diagnostics: measured at every evaluation, ``(network, part, loss) -> {name: number}``; one with an argument
            ``last`` is given the last step (see `paribus.metrics.diagnostics.LastStep`).
        target: a validation score of the task's primary metric; steps to reach it are counted, a miss is infinite.
        tuning: how every variant is tuned in the tuned arm; without it there is the default arm alone.
        tables: further tables of its page by title, ``(predictions by variant, classes) -> rows``.
        figures: further pictures of its page by title, ``(result) -> figure``, or None where there is nothing to draw.
        frontier: two metrics of the task whose trade-off over the variants is drawn, with what each gives up, or none.
        notes: what a reader of the page should know, a sentence each.
        interaction_scale: of a crossing of two: on what differences of differences are taken, ``score`` or ``log`` (of
            positive scores), each a contrast in the family; None asks for none. Floors and ceilings make interactions
            on one scale and hide them on another, so it is declared beforehand.
        inference: ``dataset`` (new seeds on this data set) or ``population`` (new data, by the corrected t).
    """

    name: str
    question: str
    task: Task
    recipe: Recipe
    factors: tuple[Factor, ...] = Field(min_length=1, max_length=3)
    baseline: tuple[str, ...]
    budgets: dict[str, Budget]
    claims: tuple[Claim, ...] = ()
    metric: Metric | None = None
    diagnostics: tuple[Call, ...] = ()
    target: float | None = None
    tuning: Tuning | None = None
    tables: dict[str, Call] = Field(default_factory=dict)
    figures: dict[str, Call] = Field(default_factory=dict)
    frontier: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    interaction_scale: Literal["score", "log"] | None = None
    inference: Literal["dataset", "population"] = "dataset"

    @model_validator(mode="after")
    def _consistent(self) -> Comparison:
        variants = self.variants()
        names = [variant.name for variant in variants]
        if self.baseline not in [variant.levels for variant in variants]:
            raise ParibusError(
                f"baseline of comparison {self.name!r}",
                got=repr(variant_name(self.baseline)),
                expected=f"one of {', '.join(names)}",
                fix="Name one level of each factor.",
            )
        for claim in self.claims:
            for named in (claim.variant, claim.reference):
                if named is not None and named not in names:
                    raise ParibusError(
                        f"claim {claim.name} of comparison {self.name!r}",
                        got=repr(named),
                        expected=f"one of {', '.join(names)}",
                        fix="Name a variant of this comparison.",
                    )
            self._refuse_unanswerable(claim)
        self._check_frontier()
        self._refuse_uncrossed()
        refuse_uncontrolled(self)
        if self.tuning is not None:
            variants_to_tune = [Tuned(v.name, v.levels, v.recipe) for v in variants]
            refuse_untunable(
                self.tuning, self.name, variants_to_tune, self.paths, list(self.budgets)
            )
        return self

    def _refuse_uncrossed(self) -> None:
        """Refuse interactions of anything but a crossing of two."""
        if self.interaction_scale is not None and len(self.factors) != 2:
            raise ParibusError(
                f"interaction scale of comparison {self.name!r}",
                got=f"{len(self.factors)} factor{'s' * (len(self.factors) > 1)}",
                expected="a crossing of two",
                fix="Leave it out, or cross two factors.",
            )

    def _refuse_unanswerable(self, claim: Claim) -> None:
        """Refuse a claim that no run could answer, before any is made."""
        known = {m.name: m for m in (*self.task.metrics, self.primary)}
        metric = known.get(claim.metric or self.primary.name)
        steps = claim.metric == "steps_to_target"
        margin = claim.margin or (metric.margin if metric else None)
        slips = {
            "the tuned arm of a comparison that is not tuned": claim.arm == "tuned"
            and self.tuning is None,
            "the same variant on both sides": not claim.alone
            and claim.variant == (claim.reference or variant_name(self.baseline)),
            "steps_to_target in a comparison without a target": steps and self.target is None,
            f"steps_to_target and {claim.relation!r}": steps
            and claim.relation not in ("better", "worse"),
            f"the score {claim.metric!r} without a direction": not steps
            and metric is None
            and claim.higher_is_better is None
            and claim.relation in ("better", "worse", "not_worse", "equivalent"),
            f"{claim.relation!r} without a margin": claim.relation in ("not_worse", "equivalent")
            and margin is None,
        }
        for slip, made in slips.items():
            if made:
                raise ParibusError(
                    f"claim {claim.name} of comparison {self.name!r}",
                    got=slip,
                    expected="two variants, a score with a direction, and a margin where one is needed",
                    fix="Complete the claim; it is answered after training, too late to mend it.",
                )

    def _check_frontier(self) -> None:
        """Refuse a trade-off between anything but two metrics of the task."""
        known = [metric.name for metric in self.task.metrics]
        if self.frontier and (len(set(self.frontier)) != 2 or not {*self.frontier} <= {*known}):
            raise ParibusError(
                f"frontier of comparison {self.name!r}",
                got=", ".join(self.frontier),
                expected=f"two of {', '.join(known)}",
                fix="Name two metrics of the task.",
            )

    @property
    def primary(self) -> Metric:
        """The metric on which verdicts rest."""
        return self.metric or self.task.primary

    @property
    def corrected(self) -> bool:
        """Whether it speaks of new data by the corrected t; data drawn anew for every seed are new without it."""
        drawn = self.task.redrawn and not self.task.from_file
        return self.inference == "population" and not drawn

    @property
    def paths(self) -> tuple[str, ...]:
        """The dotted paths that vary."""
        return tuple(path for factor in self.factors for path in factor.paths)

    def interactions(self) -> dict[str, tuple[str, str, str, str]]:
        """Of each interaction, by name, the variants with both levels changed, the first, the second, and neither.

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
        """How many contrasts are declared: each variant with the baseline, and the interactions."""
        combinations = prod(len(factor.levels) for factor in self.factors)
        return combinations - 1 + len(self.interactions())

    def seconds(self, budget: str) -> float:
        """Estimated seconds of both arms on two cores."""
        tuned = self.tuning.seconds.get(budget, 0.0) if self.tuning else 0.0
        return self.budgets[budget].seconds + tuned

    def variants(self) -> tuple[Variant, ...]:
        """Every combination of levels, the baseline first."""
        made = [self._variant(levels) for levels in product(*(f.levels for f in self.factors))]
        return tuple(sorted(made, key=lambda v: v.levels != self.baseline))

    def _variant(self, levels: tuple[str, ...]) -> Variant:
        base: Any = {"task": self.task, "recipe": self.recipe, "metric": self.primary}
        for factor, level in zip(self.factors, levels, strict=True):
            base = factor.put(base, level)
        return Variant(name=variant_name(levels), levels=levels, **base)

    def at(self, budget: str) -> Comparison:
        """The same comparison with the steps of a budget.

        Raises:
            ParibusError: there is no such budget.
        """
        if budget not in self.budgets:
            raise ParibusError(
                f"budget of comparison {self.name!r}",
                got=repr(budget),
                expected=f"one of {', '.join(self.budgets)}",
                fix="Choose one of these with --paribus-budget.",
            )
        return self.model_copy(
            update={"recipe": replace(self.recipe, "steps", self.budgets[budget].steps)}
        )


def variant_name(levels: tuple[str, ...]) -> str:
    """The name that tables show for a combination of levels."""
    return " × ".join(levels)


def refuse_uncontrolled(comparison: Comparison) -> None:
    """Refuse a plan in which two variants differ outside the factor's paths, or not at all.

    Raises:
        ParibusError: names the variant and the paths.
    """
    baseline, *others = comparison.variants()
    for variant in others:
        paths = differences(baseline, variant)
        stray = [p for p in paths if not any(within(p, path) for path in comparison.paths)]
        if stray or not paths:
            raise ParibusError(
                f"variant {variant.name!r} of comparison {comparison.name!r}",
                got=f"differences from the baseline at {', '.join(paths) or 'no path'}",
                expected=f"differences at {', '.join(comparison.paths)} and nowhere else",
                fix="Give every level a value of its own, and vary nothing else.",
            )
    _refuse_twins(comparison)


def _refuse_twins(comparison: Comparison) -> None:
    """Refuse two variants with the same settings, which would count one result twice."""
    seen: dict[str, str] = {}
    for variant in comparison.variants():
        twin = seen.setdefault(
            canonical((variant.task, variant.recipe, variant.metric)), variant.name
        )
        if twin != variant.name:
            raise ParibusError(
                f"variant {variant.name!r} of comparison {comparison.name!r}",
                got=f"the settings of {twin!r}",
                expected="settings of its own",
                fix="Give every level a value of its own.",
            )


class Sides(NamedTuple):
    """What stands at a path in the baseline and in the variant."""

    baseline: Any
    variant: Any


def differences(baseline: Variant, variant: Variant) -> dict[str, Sides]:
    """The dotted paths at which two variants differ: what a page states as having varied."""
    found: dict[str, Sides] = {}
    for root in ROOTS:
        changed = getattr(baseline, root).diff(getattr(variant, root))
        found |= {f"{root}.{_tidy(path)}": Sides(*sides) for path, sides in changed.items()}
    return found


def _tidy(path: str) -> str:
    """``model.kwargs.hidden`` as people write it: ``model.hidden``."""
    return path.replace(".kwargs.", ".").removeprefix("kwargs.")


def within(path: str, root: str) -> bool:
    """Whether a path is the root or lies below it."""
    return path == root or path.startswith(f"{root}.")


class Ranking(Frozen):
    """What is asked over all comparisons of a suite at once, one unit a data set.

    Args:
        question: what is asked, in a sentence.
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
        across: what is asked over all of them at once, their tasks being the units, or None.
    """

    name: str
    title: str
    system: str = ""
    comparisons: tuple[Comparison, ...] = Field(min_length=1)
    claims: tuple[Claim, ...] = ()
    across: Ranking | None = None

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
        """Variants can be ranked over tasks only where each task has the same ones, and each task counts once."""
        names = [[variant.name for variant in c.variants()] for c in self.comparisons]
        tasks = [c.task.name for c in self.comparisons]
        slips = {
            f"{len(names)} comparison": len(names) < 2,
            "comparisons with different variants": any(n != names[0] for n in names),
            f"the tasks {', '.join(tasks)}": len(set(tasks)) < len(tasks),
        }
        for slip, made in slips.items():
            if made and self.across is not None:
                raise ParibusError(
                    f"suite {self.name!r}, across its tasks",
                    got=slip,
                    expected="two or more comparisons, each on a task of its own, with the same variants and baseline",
                    fix="Make them alike, or leave `across` out.",
                )
        return self
