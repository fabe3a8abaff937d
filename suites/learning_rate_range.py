"""S5: what batch normalisation tolerates, and what Kaiming's initialisation keeps."""

from __future__ import annotations

from math import log

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.images import IMAGES

KAIMING = call("paribus.models.initialise:kaiming_uniform")
RATES = {f"{10 ** (k / 2):.2g}": 10 ** (k / 2) for k in range(-4, 3)}
LAYERS = 10


def _constant(what: str, layers: str) -> Claim:
    return Claim(
        name="C10",
        text=f"Kaiming keeps the variance of {what} constant across ReLU layers: over all ten it changes by less than "
        "one layer of Xavier's takes from it, a half (log 2 / 10 a layer).",
        variant="kaiming",
        relation="within",
        value=0.0,
        margin=log(2) / LAYERS,
        measure=call("paribus.analysis.measures:log_slope", layers=layers),
        source="He et al. 2015",
    )


SUITE = Suite(
    name="learning_rate_range",
    title="Learning rates under batch normalisation, and variances under Kaiming",
    system="S5",
    comparisons=(
        Comparison(
            name="rates",
            question="How large may the learning rate be, with and without batch normalisation?",
            task=IMAGES,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[64] * 6, activation="ReLU", norm=None),
                init=KAIMING,
                optimizer=call("torch.optim:SGD", lr=0.1),
            ),
            factors=(
                Factor("recipe.optimizer.lr", RATES),
                Factor("recipe.model.norm", {"plain": None, "batch norm": "batch"}),
            ),
            baseline=("0.1", "plain"),
            budgets={"quick": Budget(12, 165, 6), "full": Budget(29, 660, 120)},
            claims=(
                Claim(
                    name="C13",
                    text="Batch normalisation tolerates larger learning rates: more decades of them come within the "
                    "margin of the best accuracy.",
                    variant="0.1 × batch norm",
                    reference="0.1 × plain",
                    relation="better",
                    measure=call(
                        "paribus.analysis.measures:usable_width",
                        path="recipe.optimizer.lr",
                        metric="accuracy",
                    ),
                    higher_is_better=True,
                    source="Ioffe and Szegedy 2015",
                ),
                Claim(
                    name="C13",
                    text="And at a learning rate of 1 it is better than without.",
                    variant="1 × batch norm",
                    reference="1 × plain",
                    relation="better",
                    metric="log_loss",
                    source="Ioffe and Szegedy 2015",
                ),
            ),
        ),
        Comparison(
            name="variance",
            question="Does an initialisation keep the variance of activations and gradients from layer to layer?",
            task=IMAGES,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[256] * LAYERS, activation="ReLU"),
                optimizer=call("torch.optim:SGD", lr=0.01),
                keep="last",
            ),
            keep_reason="a single step is taken, and what is measured stands before it",
            factor=Factor(
                "recipe.init",
                {
                    "default": None,
                    "xavier": call("paribus.models.initialise:xavier_uniform"),
                    "kaiming": KAIMING,
                },
            ),
            baseline="default",
            budgets={"quick": Budget(10, 1, 1.2), "full": Budget(29, 1, 10)},
            diagnostics=(call("paribus.metrics.diagnostics:layer_variances"),),
            claims=(
                _constant("activations", "activation_variance/"),
                _constant("gradients", "gradient_variance/"),
            ),
            notes=(
                "What is asked stands before training, so that one step is taken and nothing is learned.",
                "Ten hidden layers of 256 units: the narrower they are, the more a single draw strays, so that the "
                "slope is averaged over draws, one a seed.",
            ),
        ),
    ),
)
