"""S2: which optimizer, each at its usual settings."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, LogUniform, Recipe, Suite, Tuning, call
from paribus.experiment.search_space import space
from paribus.suites.tasks.tabular import TABULAR

NOTES = "course notes on these systems; stated there without evidence"

OPTIMIZERS = {
    "sgd": call("torch.optim:SGD", lr=0.01),
    "momentum": call("torch.optim:SGD", lr=0.01, momentum=0.95),
    "adagrad": call("torch.optim:Adagrad", lr=0.01),
    "rmsprop": call("torch.optim:RMSprop", lr=0.01),
    "adam": call("torch.optim:Adam", lr=0.001),
}

OTHERS = ("momentum", "adagrad", "rmsprop", "adam")


def sgd_is_enough(task: str) -> tuple[Claim, ...]:
    """No worse than the best is no worse than any."""
    return tuple(
        Claim(
            name="C1",
            text=f"SGD is enough for a simple model: on {task} it does no worse than {other}, by the margin.",
            variant="sgd",
            reference=other,
            relation="not_worse",
            source=NOTES,
        )
        for other in OTHERS
    )


# Learning rates of optimizers that step along the gradient, and of those that scale each weight's step by its own.
STEPPING = LogUniform(low=1e-3, high=3.0)
SCALING = LogUniform(low=1e-4, high=1e-1)
SPACES = {
    "sgd": space(lr=STEPPING),
    "momentum": space(lr=STEPPING, momentum=LogUniform(low=1e-2, high=1.0, complement=True)),
    "adagrad": space(lr=STEPPING),
    "rmsprop": space(lr=SCALING),
    "adam": space(lr=SCALING),
}

SUITE = Suite(
    name="optimizers",
    title="Optimizers",
    system="S2",
    comparisons=(
        Comparison(
            name="optimizers",
            question="Which optimizer trains a small tabular classifier best, at its usual settings and tuned?",
            task=TABULAR,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[16, 8]), optimizer=OPTIMIZERS["sgd"]
            ),
            factor=Factor("recipe.optimizer", OPTIMIZERS),
            baseline="sgd",
            budgets={"quick": Budget(10, 1000, 8), "full": Budget(29, 4000, 175)},
            target=0.2,
            tuning=Tuning(
                spaces=SPACES, trials={"quick": 16, "full": 100}, seconds={"quick": 22, "full": 900}
            ),
            claims=(
                *sgd_is_enough("a table"),
                Claim(
                    name="C6",
                    text="Momentum saves training time: it reaches the target in fewer steps than plain SGD.",
                    variant="momentum",
                    relation="better",
                    metric="steps_to_target",
                    source=NOTES,
                ),
            ),
            multiverse={
                "recipe.steps": (250, 1000, 4000),
                "recipe.batch_size": (16, 32, 128),
                "recipe.model.hidden": ([8, 4], [16, 8], [64, 32]),
            },
            notes=(
                "In the default arm each optimizer stands at its usual settings (SGD, Adagrad and RMSprop at a "
                "learning rate of 0.01, Adam at 0.001, momentum 0.95); in the tuned arm its learning rate, and the "
                "momentum where it has one, are each seed's own.",
                "Of C1 a second half, that SGD is rarely the choice in practice, cannot be tested by training.",
            ),
        ),
    ),
)
