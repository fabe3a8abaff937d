"""S1: a small tabular classifier, and two things that may not matter to it: its spelling, and linear layers alone."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.tabular import TABULAR

SUITE = Suite(
    name="classifier",
    title="A tabular classifier",
    system="S1",
    comparisons=(
        Comparison(
            name="classifier",
            question="What does a small network add to logistic regression, and does it matter how it is written?",
            task=TABULAR,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[]),
                optimizer=call("torch.optim:Adam", lr=0.01),
                evaluate_every=50,
            ),
            factor=Factor(
                "recipe.model",
                {
                    "logistic regression": call("paribus.models.mlp:MLP", hidden=[]),
                    "linear layers": call(
                        "paribus.models.mlp:MLP", hidden=[16, 8], activation="Identity"
                    ),
                    "class": call("paribus.models.mlp:MLP", hidden=[16, 8]),
                    "list of layers": call("paribus.models.mlp:sequential_mlp", hidden=[16, 8]),
                },
            ),
            baseline="logistic regression",
            budgets={"quick": Budget(10, 1000, 3), "full": Budget(29, 4000, 60)},
            claims=(
                Claim(
                    name="S1",
                    text="A network written as a class and as a list of layers is one network: it ends with the same "
                    "score.",
                    variant="list of layers",
                    reference="class",
                    relation="identical",
                    margin=1e-9,
                    source="an identity",
                ),
                Claim(
                    name="S1",
                    text="Linear layers alone are logistic regression, however many: they score the same.",
                    variant="linear layers",
                    relation="equivalent",
                    source="an identity of what they can say, not of how they are trained",
                ),
            ),
            notes=(
                "A product of matrices is a matrix, so linear layers alone can say no more than one of them; they are "
                "trained along another path, and may overfit sooner.",
            ),
        ),
    ),
)
