"""S20: grid, random and Bayesian search at one budget of trials."""

from __future__ import annotations

from importlib.util import find_spec

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, Task, call
from paribus.spec import replace
from paribus.suites.tasks.response_surface import RESPONSE_SURFACE

OPTUNA = find_spec("optuna") is not None
TRIALS = 32  # two values in each of five directions
SEARCHES = {
    "grid": call("paribus.suites.components.searches:Grid", levels=2),
    "random": call("paribus.suites.components.searches:Random"),
    **({"bayesian": call("paribus.suites.components.searches:Bayesian")} if OPTUNA else {}),
}
STANDS_IN = (
    "The Bayesian search is Optuna's, which stands in for Ax, the library that course notes name."
    if OPTUNA
    else "The Bayesian search (C38) was left out, because Optuna is not installed: pip install 'paribus[search]'."
)


def _searched(
    name: str, question: str, task: Task, seconds: float, claims: tuple[Claim, ...]
) -> Comparison:
    return Comparison(
        name=name,
        question=question,
        task=task,
        recipe=Recipe(
            model=call("paribus.suites.components.searches:Point"),
            optimizer=SEARCHES["grid"],
            batch_size=1,
            evaluate_every=1,
        ),
        keep_reason="a step is a trial, and a search is worth what its best one is",
        factor=Factor("recipe.optimizer", SEARCHES),
        baseline="grid",
        budgets={"quick": Budget(10, TRIALS, seconds), "full": Budget(29, TRIALS, 6 * seconds)},
        claims=claims,
        notes=(
            "A step is a trial, and the best of all trials is scored: how far from the best setting it lies. The grid "
            f"has two values in each of five directions, {TRIALS} in all, as many trials as every search is given.",
            "Trials here are points of a planted surface. The curves show each trial by itself, not the best so far; "
            "the tuned arms of other pages search with real trainings.",
            STANDS_IN,
        ),
    )


SMARTER = (
    (
        Claim(
            name="C38",
            text="A search that learns from its trials beats a random one at the same budget.",
            variant="bayesian",
            reference="random",
            relation="better",
            source="Bergstra et al. 2011",
        ),
    )
    if OPTUNA
    else ()
)

SUITE = Suite(
    name="search",
    title="Grid, random and Bayesian search",
    system="S20",
    comparisons=(
        _searched(
            "few_matter",
            "Which search finds the best setting where two of five directions matter?",
            RESPONSE_SURFACE,
            1,
            (
                Claim(
                    name="C37",
                    text="Random search beats a grid at the same budget where few directions matter.",
                    variant="random",
                    relation="better",
                    source="Bergstra and Bengio 2012",
                ),
                *SMARTER,
            ),
        ),
        _searched(
            "all_matter",
            "Which search finds the best setting where all five directions matter?",
            replace(RESPONSE_SURFACE, "source.matter", 5),
            1,
            (
                Claim(
                    name="S20, where all matter",
                    text="Where every direction matters a grid is no worse than random search, by the margin.",
                    variant="grid",
                    reference="random",
                    relation="not_worse",
                    source="Bergstra and Bengio 2012, by its argument",
                ),
            ),
        ),
    ),
)
