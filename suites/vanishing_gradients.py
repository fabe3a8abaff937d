"""S6: how deep a network can be, what becomes of its gradient on the way, and what mends it."""

from __future__ import annotations

from typing import Any

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.images import IMAGES

WIDTH = 32
DEEP = 20
KAIMING = call("paribus.models.initialise:kaiming_uniform")
REMEDIES: dict[str, dict[str, Any]] = {
    "relu": {"model.activation": "ReLU"},
    "kaiming": {"init": KAIMING},
    "batch norm": {"model.norm": "batch"},
    "skip": {"model.skip": True},
    "clipping": {"clip_norm": 1.0},
}
LEVELS: dict[str, dict[str, Any]] = {
    "no remedy": {},
    **REMEDIES,
    "all": {k: v for remedy in REMEDIES.values() for k, v in remedy.items()},
    **{
        f"all but {left}": {
            k: v for name, remedy in REMEDIES.items() if name != left for k, v in remedy.items()
        }
        for left in REMEDIES
    },
}
VANISHING = "Hochreiter 1991; Glorot and Bengio 2010"


def _recipe(depth: int, **settings: Any) -> Recipe:
    model = {"hidden": [WIDTH] * depth, "activation": "ReLU", "norm": None, "skip": False}
    fields: dict[str, Any] = {
        "model": call("paribus.models.mlp:MLP", **(model | settings.pop("model", {}))),
        "init": KAIMING,
        "optimizer": call("torch.optim:SGD", lr=0.05),
        "batch_size": 32,
        "evaluate_every": 100,
    }
    return Recipe(**(fields | settings))


def _compared(*, seconds: tuple[float, float], **fields: Any) -> Comparison:
    """Return a comparison on digits, with the norms of gradients; seconds are of the quick and of the full budget."""
    quick, full = seconds
    return Comparison(
        task=IMAGES,
        budgets={"quick": Budget(10, 300, quick), "full": Budget(29, 1320, full)},
        target=1.0,
        diagnostics=(call("paribus.metrics.diagnostics:gradient_norms"),),
        **fields,
    )


def _restores(remedy: str) -> Claim:
    return Claim(
        name="C15",
        text=f"By itself {remedy} restores training: its accuracy is nearer to that with all remedies than to that "
        "with none.",
        variant=remedy,
        relation="above",
        value=0.0,
        measure=call(
            "paribus.analysis.measures:past_midpoint",
            metric="accuracy",
            worst="no remedy",
            best="all",
        ),
        source="course notes",
    )


def _is_needed(remedy: str) -> Claim:
    return Claim(
        name="C15b",
        text=f"Beside the others {remedy} is still needed: without it accuracy falls.",
        variant=f"all but {remedy}",
        reference="all",
        relation="worse",
        metric="accuracy",
        source="course notes",
    )


SUITE = Suite(
    name="vanishing_gradients",
    title="Depth and gradient flow",
    system="S6",
    comparisons=(
        _compared(
            name="vanishing_gradients",
            question="How deep may a plain network be, with ReLU and with sigmoid?",
            recipe=_recipe(2),
            factors=(
                Factor(
                    "recipe.model.hidden",
                    {f"{depth}": [WIDTH] * depth for depth in (2, 5, 10, 20, 30)},
                ),
                Factor("recipe.model.activation", {"relu": "ReLU", "sigmoid": "Sigmoid"}),
            ),
            baseline=("2", "relu"),
            seconds=(20, 200),
            claims=(
                Claim(
                    name="C14",
                    text="Gradients vanish with sigmoid: at 30 layers, before training, the first layer's share of the "
                    "last one's is smaller than with ReLU.",
                    variant="30 × sigmoid",
                    reference="30 × relu",
                    relation="worse",
                    metric="gradient_ratio@0",
                    higher_is_better=True,
                    source=VANISHING,
                ),
                *(
                    Claim(
                        name="C14",
                        text=f"And the more so the deeper it is: at {deep} layers the share is smaller than at "
                        f"{shallow}.",
                        variant=f"{deep} × sigmoid",
                        reference=f"{shallow} × sigmoid",
                        relation="worse",
                        metric="gradient_ratio@0",
                        higher_is_better=True,
                        source=VANISHING,
                    )
                    for deep, shallow in ((10, 2), (30, 10))
                ),
            ),
            notes=("All start from Kaiming's initialisation for ReLU, 32 units a layer.",),
        ),
        _compared(
            name="too_large",
            question="What do weights that are too large or too small do to a deep ReLU network?",
            recipe=_recipe(DEEP),
            factor=Factor(
                "recipe.init",
                {
                    "kaiming": KAIMING,
                    "half of it": call("paribus.models.initialise:kaiming_uniform", times=0.5),
                    "twice it": call("paribus.models.initialise:kaiming_uniform", times=2.0),
                },
            ),
            baseline="kaiming",
            seconds=(4, 60),
            claims=(
                Claim(
                    name="C14",
                    text="Gradients explode with too large weights: with twice Kaiming's the first layer's norm before "
                    "training is larger than with Kaiming's.",
                    variant="twice it",
                    relation="worse",
                    metric="gradient_norm/0@0",
                    higher_is_better=False,
                    source="Pascanu et al. 2013",
                ),
                Claim(
                    name="C14",
                    text="So that it does not train: its score is worse than with Kaiming's.",
                    variant="twice it",
                    relation="worse",
                    source="Pascanu et al. 2013",
                ),
            ),
        ),
        _compared(
            name="remedies",
            question="Which remedy restores the training of a deep sigmoid network, alone and beside the others?",
            recipe=_recipe(DEEP, init=None, model={"activation": "Sigmoid"}),
            factor=Factor("recipe", LEVELS),
            baseline="no remedy",
            seconds=(45, 300),
            claims=(
                *map(_restores, REMEDIES),
                Claim(
                    name="C15",
                    text="Together the remedies restore training: all of them are better than none.",
                    variant="all",
                    relation="better",
                    source="course notes",
                ),
                *map(_is_needed, REMEDIES),
            ),
            notes=(
                "The network without any remedy has 20 layers of 32 sigmoid units, torch's own initialisation, no "
                "norm, no skip connections and no clipping.",
                "Clipping cuts the gradient's norm at 1: it mends what explodes, and nothing explodes here.",
            ),
        ),
    ),
)
