"""S2: what is said of one optimizer or another: on rare words, on small images, and of the size of a step."""

from __future__ import annotations

from typing import Any

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.optimizers import OPTIMIZERS, sgd_is_enough
from paribus.suites.tasks.images import IMAGES
from paribus.suites.tasks.tabular import TABULAR
from paribus.suites.tasks.words import WORDS

DEFAULTS = (
    "Each optimizer stands at its usual settings (SGD, Adagrad and RMSprop at a learning rate of 0.01, Adam at 0.001, "
    "momentum 0.95), so this is a comparison of defaults, not of tuned optimizers."
)


def _compared(**fields: Any) -> Comparison:
    """One task: what all of them share."""
    shared: dict[str, Any] = {
        "factors": (Factor("recipe.optimizer", OPTIMIZERS),),
        "baseline": ("sgd",),
    }
    return Comparison(**(shared | fields))


SUITE = Suite(
    name="optimizer_claims",
    title="Optimizers, one saying at a time",
    system="S2",
    comparisons=(
        _compared(
            name="sparse",
            question="Which optimizer learns best from words of which nearly all are rare?",
            task=WORDS,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[16]), optimizer=OPTIMIZERS["sgd"]
            ),
            budgets={"quick": Budget(10, 600, 5), "full": Budget(29, 4000, 200)},
            turns="at 600 steps momentum and RMSprop are ahead of SGD, at 4000 behind it",
            target=0.6,
            claims=(
                Claim(
                    name="C2",
                    text="Adagrad does well on sparse features: it reaches the target in fewer steps than SGD.",
                    variant="adagrad",
                    relation="better",
                    metric="steps_to_target",
                    source="Duchi et al. 2011",
                ),
                Claim(
                    name="C2",
                    text="And gets to a better score, by however little.",
                    variant="adagrad",
                    relation="better",
                    source="Duchi et al. 2011",
                ),
                Claim(
                    name="C2",
                    text="And to one that is no worse than Adam's, by the margin.",
                    variant="adagrad",
                    reference="adam",
                    relation="not_worse",
                    source="Duchi et al. 2011",
                ),
            ),
            notes=(
                DEFAULTS,
                "A text holds about 28 of 500 words; half of the words occur in fewer than one text of 40.",
            ),
        ),
        _compared(
            name="small_images",
            question="Which optimizer trains a small network on digits best?",
            task=IMAGES,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[32]), optimizer=OPTIMIZERS["sgd"]
            ),
            budgets={"quick": Budget(10, 600, 4), "full": Budget(29, 4000, 175)},
            target=0.4,
            claims=sgd_is_enough("small images"),
            notes=(DEFAULTS,),
        ),
        Comparison(
            name="by_hand",
            question="Is a step that is written out as its equation that of torch?",
            task=TABULAR,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[16, 8]),
                optimizer=call("torch.optim:SGD", lr=0.01),
                dtype="float64",
                keep="last",
            ),
            keep_reason="whether every step is the same is the question",
            factor=Factor(
                "recipe.optimizer",
                {
                    "sgd": call("torch.optim:SGD", lr=0.01),
                    "sgd by hand": call("paribus.suites.components.byhand:SGD", lr=0.01),
                    "rmsprop": call("torch.optim:RMSprop", lr=0.01),
                    "rmsprop by hand": call("paribus.suites.components.byhand:RMSprop", lr=0.01),
                },
            ),
            baseline="sgd",
            budgets={"quick": Budget(10, 60, 2), "full": Budget(29, 300, 40)},
            claims=(
                Claim(
                    name="S2",
                    text="`w -= lr * w.grad` is a step of torch's SGD.",
                    variant="sgd by hand",
                    relation="identical",
                    margin=1e-9,
                    source="an identity",
                ),
                Claim(
                    name="C4",
                    text="RMSprop scales each parameter's step by its recent gradients: written out so, parameter by "
                    "parameter, it ends with the same loss as torch's.",
                    variant="rmsprop by hand",
                    reference="rmsprop",
                    relation="identical",
                    margin=1e-9,
                    source="an identity; Tieleman and Hinton 2012",
                ),
            ),
            notes=(
                "In float64, so that rounding in another order is far below the margin of 1e-9 nats.",
            ),
        ),
        Comparison(
            name="stall",
            question="Does Adagrad's step shrink until training stalls?",
            task=IMAGES,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[32]),
                optimizer=call("torch.optim:RMSprop", lr=0.001, alpha=0.99),
                evaluate_every=50,
                keep="last",
            ),
            keep_reason="whether training stalls in the end is the question",
            factor=Factor(
                "recipe.optimizer",
                {
                    "forgetting twin": call("torch.optim:RMSprop", lr=0.001, alpha=0.99),
                    "adagrad": call("torch.optim:Adagrad", lr=0.01),
                },
            ),
            baseline="forgetting twin",
            budgets={"quick": Budget(10, 1600, 3), "full": Budget(29, 8000, 175)},
            turns="at 1600 steps Adagrad is behind its twin, at 8000 ahead, because the twin has overfitted by then",
            diagnostics=(call("paribus.metrics.diagnostics:update_norm"),),
            claims=(
                Claim(
                    name="C3",
                    text="Adagrad's effective step shrinks: it is smaller over the last quarter of training than over "
                    "the first (logarithm of the ratio below 0).",
                    variant="adagrad",
                    relation="below",
                    value=0.0,
                    measure=call("paribus.analysis.measures:late_to_early", curve="effective_step"),
                    source="Duchi et al. 2011; Zeiler 2012",
                ),
                Claim(
                    name="C3",
                    text="It shrinks further than that of a twin that forgets old gradients.",
                    variant="adagrad",
                    relation="worse",
                    measure=call("paribus.analysis.measures:late_to_early", curve="effective_step"),
                    higher_is_better=True,
                    source="Duchi et al. 2011; Zeiler 2012",
                ),
                Claim(
                    name="C3",
                    text="That holds training up: after all steps its training loss is above the twin's.",
                    variant="adagrad",
                    relation="worse",
                    metric="train/loss@last",
                    higher_is_better=False,
                    source="Duchi et al. 2011; Zeiler 2012",
                ),
            ),
            notes=(
                "The twin is RMSprop at a learning rate of 0.001 with a memory of 0.99: its first step is "
                "0.001 / sqrt(1 - 0.99) = 0.01 times the gradient's sign, exactly Adagrad's at 0.01. From there on one "
                "divides by the root of an average of recent squared gradients, the other by that of their sum.",
                "The effective step is the norm of the weights' change in a step over the norm of its gradient: it "
                "grows where a gradient vanishes and the step does not.",
                "Whether training stands still for good no number of steps can tell: held up is what is tested.",
            ),
        ),
    ),
)
