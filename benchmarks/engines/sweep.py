"""Five optimizers at 16 learning rates each, 2000 steps a run: what the engines are compared on from end to end.

``paribus run benchmarks/engines/sweep.py`` trains it as any suite; with ten seeds it has 800 runs. One comparison holds
the five optimizers at the same multiple of their usual learning rates.
"""

from __future__ import annotations

from paribus.experiment.comparison import Budget, Comparison, Factor, Suite
from paribus.experiment.recipe import Recipe
from paribus.spec import call
from paribus.suites.tasks.tabular import WATER

STEPS = 2000
SEEDS = 10
EVALUATE_EVERY = 100
USUAL = {
    "sgd": call("torch.optim:SGD", lr=0.01),
    "momentum": call("torch.optim:SGD", lr=0.01, momentum=0.95),
    "adagrad": call("torch.optim:Adagrad", lr=0.01),
    "rmsprop": call("torch.optim:RMSprop", lr=0.01),
    "adam": call("torch.optim:Adam", lr=0.001),
}
# From a thirtieth to thirty times the usual rate.
MULTIPLES = tuple(round(10 ** (1.5 * (2 * i / 15 - 1)), 4) for i in range(16))


def _comparison(multiple: float) -> Comparison:
    optimizers = {
        name: call(usual.target, **{**usual.kwargs, "lr": usual.kwargs["lr"] * multiple})
        for name, usual in USUAL.items()
    }
    return Comparison(
        name=f"rate x{multiple:g}",
        question=f"Which optimizer is best at {multiple:g} times its usual learning rate?",
        task=WATER,
        recipe=Recipe(
            model=call("paribus.models.mlp:MLP", hidden=[16, 8]),
            optimizer=optimizers["sgd"],
            steps=STEPS,
            evaluate_every=EVALUATE_EVERY,
        ),
        factors=(Factor(path="recipe.optimizer", levels=optimizers),),
        baseline=("sgd",),
        budgets={"quick": Budget(seeds=SEEDS, steps=STEPS, seconds=40)},
    )


SUITE = Suite(
    name="sweep",
    title="Optimizers by learning rate",
    comparisons=tuple(map(_comparison, MULTIPLES)),
)
