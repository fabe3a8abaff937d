"""S5: initialisation crossed with batch normalisation."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.images import IMAGES

SUITE = Suite(
    name="initialisation",
    title="Initialisation and batch normalisation",
    system="S5",
    comparisons=(
        Comparison(
            name="initialisation",
            question="Which initialisation trains a six-layer network, with and without batch normalisation?",
            task=IMAGES,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[64] * 6, activation="ReLU", norm=None),
                optimizer=call("torch.optim:SGD", lr=0.1),
            ),
            factors=(
                Factor(
                    "recipe.init",
                    {
                        "default": None,
                        "uniform": call("paribus.models.initialise:uniform_01"),
                        "kaiming": call("paribus.models.initialise:kaiming_uniform"),
                    },
                ),
                Factor("recipe.model.norm", {"plain": None, "batch norm": "batch"}),
            ),
            baseline=("default", "plain"),
            budgets={"quick": Budget(10, 165, 7), "full": Budget(29, 660, 70)},
            target=0.5,
            interaction_scale="score",
            diagnostics=(
                call("paribus.metrics.diagnostics:gradient_norms"),
                call("paribus.metrics.diagnostics:activations"),
            ),
            claims=(
                Claim(
                    name="C11",
                    text="Weights from U(0, 1) make outputs explode: before training they are larger than with default "
                    "weights.",
                    variant="uniform × plain",
                    relation="worse",
                    metric="output_scale@0",
                    higher_is_better=False,
                    source="course notes",
                ),
                *(
                    Claim(
                        name="C12",
                        text=f"Batch normalisation makes the loss fall faster: a smaller area under the validation "
                        f"loss ({init} weights).",
                        variant=f"{init} × batch norm",
                        reference=f"{init} × plain",
                        relation="better",
                        measure=call("paribus.analysis.measures:area", curve="validation/loss"),
                        higher_is_better=False,
                        source="Ioffe and Szegedy 2015",
                    )
                    for init in ("default", "kaiming")
                ),
                Claim(
                    name="C13",
                    text="Batch normalisation tolerates a worse initialisation: default weights cost less accuracy "
                    "against Kaiming's with it than without.",
                    variant="kaiming × plain",
                    relation="above",
                    value=0.0,
                    measure=call(
                        "paribus.analysis.measures:interaction",
                        metric="accuracy",
                        instead="default × plain",
                        other="kaiming × batch norm",
                        other_instead="default × batch norm",
                    ),
                    source="Ioffe and Szegedy 2015",
                ),
                Claim(
                    name="Kaiming",
                    text="Kaiming's weights train the plain network to a higher accuracy than default weights.",
                    variant="kaiming × plain",
                    relation="better",
                    metric="accuracy",
                    source="He et al. 2015",
                ),
            ),
            notes=(
                "A linear layer before a batch norm has no bias, because its gradient would be zero.",
            ),
        ),
    ),
)
