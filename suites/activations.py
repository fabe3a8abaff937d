"""S4: which activation, in a network deep enough for it to matter."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.images import IMAGES

SUITE = Suite(
    name="activations",
    title="Activations",
    system="S4",
    comparisons=(
        Comparison(
            name="activations",
            question="Which activation trains an eight-layer network best?",
            task=IMAGES,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[64] * 8, activation="ReLU"),
                init=call("paribus.models.initialise:kaiming_uniform"),
                optimizer=call("torch.optim:SGD", lr=0.01),
            ),
            factor=Factor(
                "recipe.model.activation",
                {
                    "relu": "ReLU",
                    "sigmoid": "Sigmoid",
                    "leaky relu .01": {"name": "LeakyReLU", "negative_slope": 0.01},
                    "leaky relu .05": {"name": "LeakyReLU", "negative_slope": 0.05},
                    "elu": "ELU",
                },
            ),
            baseline="relu",
            budgets={"quick": Budget(10, 660, 12), "full": Budget(29, 2640, 175)},
            target=0.5,
            diagnostics=(
                call("paribus.metrics.diagnostics:gradient_norms"),
                call("paribus.metrics.diagnostics:activations"),
            ),
            claims=(
                Claim(
                    name="C7",
                    text="A deep sigmoid network's gradient vanishes on its way back: before training, the first "
                    "layer's share of the last one's is smaller than with ReLU.",
                    variant="sigmoid",
                    relation="worse",
                    metric="gradient_ratio@0",
                    higher_is_better=True,
                    source="Glorot and Bengio 2010",
                ),
                Claim(
                    name="C7",
                    text="So it does not train: its score is worse than with ReLU.",
                    variant="sigmoid",
                    relation="worse",
                    source="Glorot and Bengio 2010",
                ),
                Claim(
                    name="C8",
                    text="ReLU units die where LeakyReLU's do not: at the end of training a smaller share is dead.",
                    variant="leaky relu .01",
                    relation="better",
                    metric="dead_share@last",
                    higher_is_better=False,
                    source="Maas et al. 2013",
                ),
                Claim(
                    name="C8",
                    text="Nor do ELU's: at the end of training a smaller share is dead.",
                    variant="elu",
                    relation="better",
                    metric="dead_share@last",
                    higher_is_better=False,
                    source="Clevert et al. 2016",
                ),
                Claim(
                    name="C9",
                    text="ELU's mean activation is nearer zero, in standard deviations, before training starts.",
                    variant="elu",
                    relation="better",
                    metric="activation_offset@0",
                    higher_is_better=False,
                    source="Clevert et al. 2016",
                ),
                Claim(
                    name="C9",
                    text="ELU trains faster: fewer steps to the target than ReLU.",
                    variant="elu",
                    relation="better",
                    metric="steps_to_target",
                    source="Clevert et al. 2016",
                ),
                Claim(
                    name="C9b",
                    text="ELU's score is better than ReLU's, by however little: claimed apart, because speed is not "
                    "where training leads.",
                    variant="elu",
                    relation="better",
                    source="Clevert et al. 2016",
                ),
            ),
            multiverse={
                "recipe.optimizer.lr": ("x0.1", "x1", "x10"),
                "recipe.steps": (165, 660),
                "recipe.model.hidden": ([64] * 2, [64] * 8),
            },
            notes=(
                "All start from Kaiming's initialisation for ReLU, with identical weights for a seed: what "
                "suits another activation better is not given to it.",
            ),
        ),
    ),
)
