"""S19: a small adversarial network, its weights drawn from N(0, 0.02) or by default."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.generated_digits import GENERATED_DIGITS

DCGAN = "Radford et al. 2016"

SUITE = Suite(
    name="gan",
    title="Adversarial training",
    system="S19",
    comparisons=(
        Comparison(
            name="gan",
            question="Does it matter to a small DCGAN that its weights are drawn from N(0, 0.02)?",
            task=GENERATED_DIGITS,
            recipe=Recipe(
                model=call("paribus.models.gan:DCGAN"),
                optimizer=call("torch.optim:Adam", lr=0.001, betas=[0.5, 0.999]),
                evaluate_every=50,
                keep="last",
            ),
            keep_reason="the two networks have no validation optimum, and their balance at the end is asked for",
            factor=Factor(
                "recipe.init",
                {"default": None, "N(0, 0.02)": call("paribus.models.initialise:dcgan_normal")},
            ),
            baseline="default",
            budgets={"quick": Budget(6, 300, 20), "full": Budget(12, 3000, 248)},
            figures={
                "Samples": call(
                    "paribus.report.figures.reconstructions:reconstructions", target="real"
                ),
                "What the discriminator says": call(
                    "paribus.report.figures.learning_curves:chosen",
                    curves={
                        "validation/d_real": "D(real), mean probability",
                        "validation/d_fake": "D(fake), mean probability",
                        "validation/d_accuracy": "accuracy of the discriminator, share",
                    },
                ),
            },
            claims=(
                Claim(
                    name="C35",
                    text="Weights from N(0, 0.02) make samples nearer to real images than default weights do.",
                    variant="N(0, 0.02)",
                    relation="better",
                    source=DCGAN,
                ),
                Claim(
                    name="C36",
                    text="At balance the discriminator cannot tell: after all steps its accuracy is one half, within "
                    "the margin of 0.05.",
                    variant="N(0, 0.02)",
                    relation="within",
                    value=0.5,
                    margin=0.05,
                    metric="d_accuracy",
                    source="Goodfellow et al. 2014",
                ),
                Claim(
                    name="C36",
                    text="And samples are like real images then: farther from them than these are from each other by "
                    "less than the margin of 0.1.",
                    variant="N(0, 0.02)",
                    relation="above",
                    value=-0.1,
                    measure=call(
                        "paribus.analysis.measures:over_dummy", predictor="real", metric="distance"
                    ),
                    source="Goodfellow et al. 2014",
                ),
            ),
            notes=(
                "Samples are made from latents that are fixed with the data, one beside each real image, by the "
                "weights of the last step and the running statistics of batch norm.",
                "`real` holds training images against test images: the floor of the distance. `noise` is uniform.",
                "A class counts as covered where at least 2 % of the samples are nearest to a real image of it. Noise "
                "covers classes too: read coverage beside the distance.",
            ),
        ),
    ),
)
