"""Comparisons of a baseline with itself, cheap enough to be trained thousands of times."""

from __future__ import annotations

from paribus import Budget, Comparison, Factor, LogUniform, Recipe, SearchSpace, Tuning, call
from paribus.spec import replace
from paribus.suites.tasks.tabular import TABULAR

RECIPE = Recipe(
    model=call("paribus.models.mlp:MLP", hidden=[16]),
    optimizer=call("torch.optim:SGD", lr=0.1),
    steps=60,
    evaluate_every=60,
)
BUDGETS = {"quick": Budget(6, 60, 0.2)}
LIVE = SearchSpace(ranges={"recipe.optimizer.lr": LogUniform(low=1e-4, high=1.0)})
"""Log-loss after these steps runs from that of a guess to nearly its best."""
WIDE = SearchSpace(ranges={"recipe.optimizer.lr": LogUniform(low=1e-10, high=1.0)})
"""Mostly too small by far, so that few trials seldom hit what many do."""
INERT = SearchSpace(ranges={"recipe.optimizer.dampening": LogUniform(low=0.01, high=0.9)})
"""Without momentum, dampening does nothing."""

ITSELF = Comparison(
    name="tabular",
    question="Does momentum train a small tabular classifier better?",
    task=TABULAR,
    recipe=RECIPE,
    factor=Factor("recipe.optimizer.momentum", {"none": 0.0, "some": 0.5}),
    baseline="none",
    budgets=BUDGETS,
    tuning=Tuning(spaces=LIVE, trials={"quick": 3}, widen=False),
)


def _unequal(name: str, space: SearchSpace, lr: float) -> Comparison:
    """Return a variant tuned by 5 trials against itself tuned by 50, the first of them at a stated learning rate."""
    return Comparison(
        name=name,
        question="Does a variant tuned by more trials train better than itself?",
        task=TABULAR,
        recipe=replace(RECIPE, "optimizer.lr", lr),
        factor=Factor("recipe.salt", {"5 trials": "few", "50 trials": "many"}),
        baseline="5 trials",
        budgets=BUDGETS,
        tuning=Tuning(
            spaces=space,
            trials={"quick": {"5 trials": 5, "50 trials": 50}},
            widen=False,
            unequal=True,
        ),
    )


UNEQUAL = {"inert": _unequal("inert", INERT, 0.1), "live": _unequal("live", WIDE, 1e-6)}
