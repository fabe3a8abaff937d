"""S3: how much a learning rate or a momentum may be off."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.spec import Call
from paribus.suites.optimizers import NOTES
from paribus.suites.tasks.tabular import TABULAR

# Half decades from 0.0001 to 1, named with two digits.
RATES = {f"{10 ** (k / 2):.2g}": 10 ** (k / 2) for k in range(-8, 1)}
BAD = {"0.0001": "the least that is usual", "1": "a hundred times the largest that is usual"}
BUDGETS = {"quick": Budget(10, 1000, 2), "full": Budget(29, 4000, 100)}


def _recipe(optimizer: Call) -> Recipe:
    return Recipe(
        model=call("paribus.models.mlp:MLP", hidden=[16, 8]), optimizer=optimizer, evaluate_every=50
    )


def _rates(name: str, spoken: str, optimizer: Call, baseline: str, turns: str = "") -> Comparison:
    """Nine learning rates of one optimizer: one cohort."""
    return Comparison(
        name=name,
        question=f"Which learning rates will do for {spoken}?",
        task=TABULAR,
        recipe=_recipe(optimizer),
        factor=Factor("recipe.optimizer.lr", RATES),
        baseline=(baseline,),
        budgets=BUDGETS,
        turns=turns,
        target=0.2,
        claims=(
            *(
                Claim(
                    name="C6",
                    text=f"A bad learning rate costs the score ({spoken}): at {rate}, {what}, it is worse than at the "
                    "usual rate.",
                    variant=rate,
                    relation="worse",
                    source=NOTES,
                )
                for rate, what in BAD.items()
            ),
            Claim(
                name="C6",
                text=f"A bad learning rate costs training time ({spoken}): at 0.0001 the target takes more steps than "
                "at the usual rate.",
                variant="0.0001",
                relation="worse",
                metric="steps_to_target",
                source=NOTES,
            ),
            Claim(
                name="S3",
                text=f"A grid in steps of ten cannot miss a usable rate of {spoken}: those within the margin of the "
                "best accuracy span more than a decade.",
                variant=baseline,
                relation="above",
                value=1.0,
                measure=call(
                    "paribus.analysis.measures:usable_width",
                    path="recipe.optimizer.lr",
                    metric="accuracy",
                ),
                source="course notes search rates in steps of ten",
            ),
        ),
        notes=(
            "The width of the usable range is counted in decades of the learning rate, along straight lines between "
            "the rates tried, seed by seed; a run that diverges counts as the worst that did not, or as the predictor "
            "that learns nothing.",
        ),
    )


SUITE = Suite(
    name="learning_rate_sensitivity",
    title="Learning rate and momentum",
    system="S3",
    comparisons=(
        _rates(
            "sgd",
            "SGD",
            call("torch.optim:SGD", lr=0.01),
            "0.01",
            "at 1000 steps rates of 0.032 and 0.1 are ahead of 0.01, at 4000 behind it",
        ),
        _rates("momentum", "momentum", call("torch.optim:SGD", lr=0.01, momentum=0.95), "0.01"),
        _rates("adagrad", "Adagrad", call("torch.optim:Adagrad", lr=0.01), "0.01"),
        _rates(
            "rmsprop",
            "RMSprop",
            call("torch.optim:RMSprop", lr=0.01),
            "0.01",
            "at 1000 steps a rate of 0.0001 is behind 0.01, at 4000 ahead of it",
        ),
        _rates("adam", "Adam", call("torch.optim:Adam", lr=0.001), "0.001"),
        Comparison(
            name="momenta",
            question="Which momentum reaches the target soonest, at one learning rate?",
            task=TABULAR,
            recipe=_recipe(call("torch.optim:SGD", lr=0.01, momentum=0.9)),
            factor=Factor(
                "recipe.optimizer.momentum",
                {f"{m:g}": m for m in (0.0, 0.5, 0.8, 0.85, 0.9, 0.95, 0.99)},
            ),
            baseline="0.9",
            budgets=BUDGETS,
            target=0.2,
            claims=(
                Claim(
                    name="C6",
                    text="A bad momentum costs training time: without any the target takes more steps than at 0.9.",
                    variant="0",
                    relation="worse",
                    metric="steps_to_target",
                    source=NOTES,
                ),
                Claim(
                    name="C6",
                    text="A bad momentum costs the score: at 0.99 it is worse than at 0.9.",
                    variant="0.99",
                    relation="worse",
                    source=NOTES,
                ),
            ),
        ),
    ),
)
