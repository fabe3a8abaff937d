"""S9: linear against convolutional layers on images, padding against none, and three ways of pooling."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.images import IMAGES

RECIPE = Recipe(
    model=call("paribus.models.cnn:CNN", channels=[32, 64], padding=1, pool="max"),
    optimizer=call("torch.optim:Adam", lr=0.001),
)
CONFUSION = {"Confusion of classes": call("paribus.report.figures.confusion:confusion")}

LAYERS = Comparison(
    name="layers",
    question="Do convolutional layers tell images better than linear ones, and what if the pixels' places are lost?",
    task=IMAGES,
    recipe=RECIPE,
    factors=(
        Factor(
            "recipe.model",
            {
                "convolutional": RECIPE.model,
                "linear": call("paribus.models.mlp:MLP", hidden=[32, 64], activation="ELU"),
            },
        ),
        Factor(
            "task.perturb",
            {"in place": None, "permuted": call("paribus.data.perturbations:permuted_pixels")},
        ),
    ),
    baseline=("convolutional", "in place"),
    budgets={"quick": Budget(10, 240, 16), "full": Budget(29, 1000, 190)},
    target=0.4,
    diagnostics=(
        call("paribus.metrics.diagnostics:border_sensitivity"),
        call("paribus.metrics.diagnostics:train_fit"),
    ),
    figures=CONFUSION,
    claims=(
        Claim(
            name="C21",
            text="Linear layers of the same widths have more parameters.",
            variant="linear × in place",
            relation="worse",
            metric="parameters",
            higher_is_better=False,
            fact="counted, with one layer of 32 and one of 64",
            source="course notes",
        ),
        Claim(
            name="C21",
            text="They train slower: more steps to the target.",
            variant="linear × in place",
            relation="worse",
            metric="steps_to_target",
            source="course notes",
        ),
        Claim(
            name="C21",
            text="They overfit: at the end of training, validation loss is further above training loss.",
            variant="linear × in place",
            relation="worse",
            metric="gap/loss@last",
            higher_is_better=False,
            source="course notes",
        ),
        Claim(
            name="C21",
            text="They ignore where a pixel is: on permuted pixels a linear network does as well, within the margin.",
            variant="linear × permuted",
            reference="linear × in place",
            relation="equivalent",
            source="course notes",
        ),
        Claim(
            name="C21",
            text="A convolutional network does not: it is worse on permuted pixels.",
            variant="convolutional × permuted",
            relation="worse",
            source="course notes",
        ),
    ),
    notes=(
        "Permuted: the pixels of all images in one other order, drawn once a seed.",
        "The linear network has hidden layers as wide as the other's channels, 32 and 64, and the same activation.",
    ),
)

POOLING = Comparison(
    name="pooling",
    question="Does max-pooling beat average pooling, or none?",
    task=IMAGES,
    recipe=RECIPE,
    factor=Factor("recipe.model.pool", {"max": "max", "average": "average", "no pooling": None}),
    baseline="average",
    budgets={"quick": Budget(10, 240, 15), "full": Budget(29, 1000, 170)},
    target=0.4,
    diagnostics=LAYERS.diagnostics,
    figures=CONFUSION,
    claims=(
        Claim(
            name="C23",
            text="Max-pooling beats average pooling on 8x8 digits, by however little.",
            variant="max",
            relation="better",
            source="course notes",
        ),
        Claim(
            name="C23",
            text="And pooling beats none: without it the score is worse than with max-pooling.",
            variant="no pooling",
            reference="max",
            relation="worse",
            source="course notes",
        ),
    ),
    notes=("Without pooling the linear layer has sixteen times as many inputs.",),
)

PADDING = Comparison(
    name="padding",
    question="Does padding, which keeps an image's size, keep its border pixels in play?",
    task=IMAGES,
    recipe=RECIPE.model_copy(
        update={"model": call("paribus.models.cnn:CNN", channels=[32, 64], padding=1, pool=None)}
    ),
    factor=Factor("recipe.model.padding", {"padding of 1": 1, "no padding": 0}),
    baseline="padding of 1",
    budgets={"quick": Budget(10, 165, 4), "full": Budget(29, 1000, 80)},
    target=0.4,
    diagnostics=LAYERS.diagnostics,
    figures=CONFUSION,
    claims=(
        Claim(
            name="C22",
            text="Padding keeps the border in play: without it, before training, the loss depends less on the "
            "border's pixels, against the others, than with it.",
            variant="no padding",
            relation="worse",
            metric="border_sensitivity@0",
            higher_is_better=True,
            source="course notes",
        ),
        Claim(
            name="C22",
            text="And the score is worse.",
            variant="no padding",
            relation="worse",
            source="course notes",
        ),
    ),
    notes=(
        "That a padding of 1 keeps the size under a kernel of 3, n + 2 - 3 + 1 = n, is an identity, and tested as one. "
        "Neither variant pools: without padding too little would be left of 8x8 pixels.",
    ),
)

SUITE = Suite(name="images", title="Images", system="S9", comparisons=(LAYERS, POOLING, PADDING))
