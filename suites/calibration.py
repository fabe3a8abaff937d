"""What is held against itself: cheap trainings, so that there can be thousands of them."""

from __future__ import annotations

from paribus.comparison import Budget, Comparison, Factor
from paribus.recipe import Recipe
from paribus.spec import call
from suites.tasks.water import WATER

RATES = {"lr .01": 0.01, "lr .03": 0.03}

CALIBRATION = (
    Comparison(
        name="water",
        question="Does one of two learning rates train a small tabular classifier better?",
        task=WATER,
        recipe=Recipe(
            model=call("models.mlp:MLP", hidden=[16]),
            optimizer=call("torch.optim:Adam", lr=0.01),
            steps=100,
            evaluate_every=50,
        ),
        factors=(Factor(path="recipe.optimizer.lr", levels=RATES),),
        baseline=("lr .01",),
        budgets={"quick": Budget(seeds=10, steps=100, seconds=0.5)},
    ),
)
