"""S2: which optimizer, each at its usual settings."""

from __future__ import annotations

from paribus.comparison import Budget, Claim, Comparison, Factor, Suite
from paribus.recipe import Recipe
from paribus.spec import call
from suites.tasks.water import WATER

NOTES = "course notes on these systems; stated there without evidence"

OPTIMIZERS = {
    "sgd": call("torch.optim:SGD", lr=0.01),
    "momentum": call("torch.optim:SGD", lr=0.01, momentum=0.95),
    "adagrad": call("torch.optim:Adagrad", lr=0.01),
    "rmsprop": call("torch.optim:RMSprop", lr=0.01),
    "adam": call("torch.optim:Adam", lr=0.001),
}

SUITE = Suite(
    name="optimizers",
    title="Optimizers",
    system="S2",
    comparisons=(
        Comparison(
            name="optimizers",
            question="Which optimizer trains a small tabular classifier best, each at its usual settings?",
            task=WATER,
            recipe=Recipe(
                model=call("models.mlp:MLP", hidden=[16, 8]),
                optimizer=OPTIMIZERS["sgd"],
                batch_size=32,
            ),
            factors=(Factor(path="recipe.optimizer", levels=OPTIMIZERS),),
            baseline=("sgd",),
            budgets={
                "quick": Budget(seeds=10, steps=1000, seconds=15),
                "full": Budget(seeds=29, steps=4000, seconds=175),
            },
            target=0.2,
            claims=(
                Claim(
                    name="C1",
                    text="SGD is enough for simple models: here, no worse than Adam.",
                    variant="sgd",
                    reference="adam",
                    relation="not_worse",
                    source=NOTES,
                ),
                Claim(
                    name="C5",
                    text="Adam is the safe first choice: here, better than SGD at usual settings.",
                    variant="adam",
                    relation="better",
                    source=NOTES,
                ),
                Claim(
                    name="C6",
                    text="Momentum saves training time: here, fewer steps to the target than plain SGD.",
                    variant="momentum",
                    relation="better",
                    metric="steps_to_target",
                    source=NOTES,
                ),
            ),
            notes=(
                "Each optimizer stands at its usual settings (SGD, Adagrad and RMSprop at a learning rate of 0.01, "
                "Adam at 0.001, momentum 0.95), so this is a comparison of defaults, not of tuned optimizers.",
                "Not tested here: that Adagrad does well on sparse features (C2), that its steps shrink until training "
                "stalls (C3), and that RMSprop scales each step by recent gradients (C4).",
            ),
        ),
    ),
)
