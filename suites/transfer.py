"""S17: training from scratch, fine-tuning, and frozen features of another training."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Pretrained, Recipe, Suite, Task, call
from paribus.spec import Call
from paribus.suites.tasks.features import SOURCE, TARGET, UNRELATED
from paribus.suites.tasks.images import IMAGES, some_digits

HIDDEN = ("hidden.*",)
MODEL = call("paribus.models.mlp:MLP", hidden=[64, 64])


def _adam(lr: float) -> Call:
    return call("torch.optim:Adam", lr=lr)


def _start(task: Task, steps: int) -> Pretrained:
    """Return the hidden layers of the same network, trained on another task; the head is replaced."""
    recipe = Recipe(
        model=MODEL, optimizer=_adam(0.003), batch_size=64, steps=steps, evaluate_every=steps
    )
    return Pretrained(task=task, recipe=recipe, load=HIDDEN)


FEATURES = Recipe(model=MODEL, optimizer=_adam(0.003), evaluate_every=20)
FREEZE = {"all trained": (), "features frozen": HIDDEN}
LITTLE = IMAGES.model_copy(
    update={
        "name": "few_digits",
        "source": call(some_digits, first=5, last=9),
        "reader": call("paribus.data.readers.image_folder:read_image_folder", size=8),
        "split": call("paribus.data.splits:random_split", fractions=[0.028, 0.1, 0.872]),
        "metrics": tuple(sorted(IMAGES.metrics, key=lambda metric: metric.name)),
    }
)
"""Five images of each digit from 5 to 9 to learn from."""

FIRST_DIGITS = IMAGES.model_copy(update={"source": call(some_digits, first=0, last=4)})
SAME = (
    "Every variant that starts from another training starts from the same one: trained once a seed, with that seed, "
    "and told apart by the key of that run."
)

SUITE = Suite(
    name="transfer",
    title="Transfer",
    system="S17",
    comparisons=(
        Comparison(
            name="features",
            question="With two hundred samples, is it better to start from a network that has learned another task?",
            task=TARGET,
            recipe=FEATURES,
            factors=(
                Factor(
                    "recipe.start",
                    {
                        "scratch": None,
                        "related": _start(SOURCE, 1500),
                        "unrelated": _start(UNRELATED, 1500),
                    },
                ),
                Factor("recipe.freeze", FREEZE),
            ),
            baseline=("scratch", "all trained"),
            budgets={"quick": Budget(10, 300, 20), "full": Budget(29, 1000, 160)},
            target=0.5,
            claims=(
                *(
                    Claim(
                        name="C32",
                        text=f"With little data {how} features of a related task beat training from scratch.",
                        variant=f"related × {variant}",
                        relation="better",
                        source="course notes",
                    )
                    for how, variant in (
                        ("fine-tuned", "all trained"),
                        ("frozen", "features frozen"),
                    )
                ),
                *(
                    Claim(
                        name="C32",
                        text=f"Those of an unrelated task gain nothing, {how}: without them training does no worse, "
                        "by the margin.",
                        variant="scratch × all trained",
                        reference=f"unrelated × {variant}",
                        relation="not_worse",
                        source="course notes",
                    )
                    for how, variant in (
                        ("fine-tuned", "all trained"),
                        ("frozen", "features frozen"),
                    )
                ),
                Claim(
                    name="speed",
                    text="Fine-tuning reaches the target in fewer steps than training from scratch.",
                    variant="related × all trained",
                    relation="better",
                    metric="steps_to_target",
                    source="course notes",
                ),
            ),
            notes=(
                SAME,
                "The classes are told by features that no linear function of the inputs follows. `scratch × features "
                "frozen` is a linear model of random features, a control.",
            ),
        ),
        Comparison(
            name="digits",
            question="With five images a class, do the digits 0 to 4 help to tell 5 to 9?",
            task=LITTLE,
            recipe=Recipe(model=MODEL, optimizer=_adam(0.003), batch_size=25, evaluate_every=20),
            factors=(
                Factor("recipe.start", {"scratch": None, "from 0 to 4": _start(FIRST_DIGITS, 300)}),
                Factor("recipe.freeze", FREEZE),
            ),
            baseline=("scratch", "all trained"),
            budgets={"quick": Budget(10, 200, 5), "full": Budget(29, 1000, 80)},
            target=0.8,
            claims=(
                Claim(
                    name="digits",
                    text="Fine-tuning from the digits 0 to 4 beats training from scratch on five images a class.",
                    variant="from 0 to 4 × all trained",
                    relation="better",
                    source="course notes",
                ),
            ),
            notes=(SAME,),
        ),
        Comparison(
            name="readout",
            question="Is logistic regression on frozen features as good as a head that is trained on them?",
            task=TARGET,
            recipe=FEATURES.model_copy(
                update={
                    "start": _start(SOURCE, 1500),
                    "freeze": HIDDEN,
                    "batch_size": 200,
                    "keep": "last",
                }
            ),
            keep_reason="logistic regression is the end of its training, the maximum of a likelihood",
            factor=Factor(
                "recipe.optimizer",
                {
                    "trained head": _adam(0.03),
                    "logistic regression": call(
                        "torch.optim:LBFGS", lr=1.0, max_iter=20, line_search_fn="strong_wolfe"
                    ),
                },
            ),
            baseline="trained head",
            budgets={"quick": Budget(10, 100, 2), "full": Budget(29, 300, 30)},
            claims=(
                Claim(
                    name="readout",
                    text="Logistic regression on frozen features is no worse than a head that is trained on them, "
                    "by the margin.",
                    variant="logistic regression",
                    relation="not_worse",
                    source="course notes",
                ),
            ),
            notes=(
                SAME,
                "Logistic regression is the same linear head, all 200 samples a step, with up to 20 "
                "evaluations of L-BFGS in each: its likelihood is maximised without a penalty.",
            ),
        ),
        Comparison(
            name="freezing",
            question="Which layers of a related network should stay as they are, and how fast should the others learn?",
            task=TARGET,
            recipe=FEATURES.model_copy(update={"start": _start(SOURCE, 1500)}),
            factors=(
                Factor(
                    "recipe.freeze",
                    {
                        "all trained": (),
                        "first layer frozen": ("hidden.0.*",),
                        "features frozen": HIDDEN,
                    },
                ),
                Factor("recipe.optimizer.lr", {"0.003": 0.003, "0.0003": 0.0003}),
            ),
            baseline=("all trained", "0.003"),
            budgets={"quick": Budget(10, 300, 5), "full": Budget(29, 1000, 160)},
            turns="at 300 steps frozen layers are behind at the smaller rate, at 1000 ahead",
            target=0.5,
            claims=(
                Claim(
                    name="early layers",
                    text="Freezing the first layer beats fine-tuning all of them.",
                    variant="first layer frozen × 0.003",
                    relation="better",
                    source="course notes",
                ),
                Claim(
                    name="small steps",
                    text="Fine-tuning all layers, a learning rate ten times smaller is better.",
                    variant="all trained × 0.0003",
                    relation="better",
                    source="course notes",
                ),
            ),
            notes=(
                SAME,
                "At quick the curves of the smaller rate still rise at their end: it is compared by how far it came.",
            ),
        ),
    ),
)
