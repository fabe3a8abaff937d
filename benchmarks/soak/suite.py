"""Small comparison that is killed over and over: three networks, of which each trains for a moment."""

from __future__ import annotations

from paribus import Budget, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.tabular import TABULAR

SEEDS = 12
MODELS = {
    name: call("paribus.models.mlp:MLP", hidden=hidden)
    for name, hidden in (("8", [8]), ("16", [16]), ("8-8", [8, 8]))
}
RUNS = SEEDS * len(MODELS)
SUITE = Suite(
    name="soak",
    title="Soak",
    comparisons=(
        Comparison(
            name="soak",
            question="Which network?",
            task=TABULAR,
            recipe=Recipe(
                model=MODELS["8"],
                optimizer=call("torch.optim:Adam", lr=0.01),
                steps=150,
                evaluate_every=50,
            ),
            factor=Factor("recipe.model", MODELS),
            baseline="8",
            budgets={"quick": Budget(SEEDS, 150, 4)},
        ),
    ),
)
