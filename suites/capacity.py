"""S7: what a larger network can fit, what it overfits, and one batch as the check of a training loop."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.curve import CURVE
from paribus.suites.tasks.images import IMAGES
from paribus.suites.tasks.mislabelled import few_images

NOTES = "course notes"
APPROXIMATION = "Cybenko 1989; Hornik et al. 1989"
SURE = 0.01  # nats: -log of .99
FAULTS = {
    "rate of zero": {"optimizer.lr": 0.0},
    "rate too high": {"optimizer.lr": 10.0},
    "outputs squashed": {"model.output": "sigmoid"},
}


def _widths(*widths: int) -> Factor:
    """Networks of one hidden layer, by its width."""
    return Factor("recipe.model.hidden", {str(width): [width] for width in widths})


def _wider_errs_less(wide: str, narrow: str) -> Claim:
    return Claim(
        name="C16",
        text=f"One hidden layer of {wide} units errs less on a smooth function than one of {narrow}.",
        variant=wide,
        reference=narrow,
        relation="better",
        source=APPROXIMATION,
    )


SUITE = Suite(
    name="capacity",
    title="Capacity",
    system="S7",
    comparisons=(
        Comparison(
            name="width",
            question="Does one hidden layer fit any smooth function as its width grows?",
            task=CURVE,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[2], activation="Tanh"),
                optimizer=call("torch.optim:Adam", lr=0.01),
                batch_size=64,
                evaluate_every=200,
            ),
            factor=_widths(2, 8, 32, 128),
            baseline="2",
            budgets={"quick": Budget(10, 2000, 4), "full": Budget(29, 8000, 230)},
            claims=(
                _wider_errs_less("8", "2"),
                _wider_errs_less("32", "8"),
                _wider_errs_less("128", "32"),
            ),
            notes=(
                "That such a network exists is a theorem; what is tested is that training finds it at this budget.",
            ),
        ),
        Comparison(
            name="small_data",
            question="Does more capacity overfit small data?",
            task=few_images(noise=0.0),
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[16]),
                optimizer=call("torch.optim:Adam", lr=0.001),
                evaluate_every=40,
                keep="last",
            ),
            keep_reason="whether training to the end overfits is the question",
            factor=_widths(4, 16, 64, 256),
            baseline="16",
            budgets={"quick": Budget(10, 1200, 6), "full": Budget(29, 4800, 170)},
            diagnostics=(call("paribus.metrics.diagnostics:train_fit"),),
            claims=(
                Claim(
                    name="C17",
                    text="More capacity overfits small data where nothing stops it: after all steps, sixteen times as "
                    "many hidden units leave validation loss further above training loss.",
                    variant="256",
                    relation="worse",
                    metric="gap/loss@last",
                    higher_is_better=False,
                    source=NOTES,
                ),
                Claim(
                    name="C17",
                    text="And the test score after all steps is worse for it.",
                    variant="256",
                    relation="worse",
                    source=NOTES,
                ),
            ),
            notes=("150 training samples with their true labels.",),
        ),
        Comparison(
            name="one_batch",
            question="Does overfitting one batch tell a training loop that works from one that does not?",
            task=IMAGES.model_copy(
                update={"split": call("paribus.suites.tasks.onebatch:one_batch_split", samples=32)}
            ),
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[64]),
                optimizer=call("torch.optim:Adam", lr=0.01),
                evaluate_every=20,
            ),
            factor=Factor("recipe", {"intact": {}, **FAULTS}),
            baseline="intact",
            budgets={"quick": Budget(10, 200, 4), "full": Budget(29, 800, 40)},
            claims=(
                Claim(
                    name="C18",
                    text="A loop that works fits one batch: its loss falls below .01, where the right class is given "
                    "99 %.",
                    variant="intact",
                    relation="below",
                    value=SURE,
                    source=NOTES,
                ),
                Claim(
                    name="C18",
                    text="And its accuracy is above 31 of the 32 samples: all are right.",
                    variant="intact",
                    metric="accuracy",
                    relation="above",
                    value=31 / 32,
                    source=NOTES,
                ),
                *(
                    Claim(
                        name="C18",
                        text=f"A loop with a fault does not: its loss stays above .01 ({fault}).",
                        variant=fault,
                        relation="above",
                        value=SURE,
                        source=NOTES,
                    )
                    for fault in FAULTS
                ),
            ),
            notes=(
                "`paribus check NAME` makes this check on any task and network. What it cannot see: labels that were "
                "shuffled before training, because wrong labels are learned by heart as well.",
            ),
        ),
    ),
)
