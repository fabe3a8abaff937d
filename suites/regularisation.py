"""S8: what keeps a network from learning few samples and their wrong labels by heart."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.mislabelled import few_images

REGULARISERS = {
    "no regulariser": {},
    "dropout .2": {"model.dropout": 0.2},
    "dropout .5": {"model.dropout": 0.5},
    "dropout .8": {"model.dropout": 0.8},
    "decay 1e-4": {"optimizer.weight_decay": 1e-4},
    "decay 1e-3": {"optimizer.weight_decay": 1e-3},
    "decay 1e-2": {"optimizer.weight_decay": 1e-2},
    "early stopping": {"early_stopping": {"patience": 5}, "keep": "best"},
    "best epoch kept": {"keep": "best"},
    "smaller network": {"model.hidden": [16]},
}
NARROWS = ("dropout .5", "decay 1e-4", "early stopping", "smaller network")


def _narrows_the_gap(variant: str) -> tuple[Claim, Claim]:
    """Both parts of it: a gap alone would reward a network that learns nothing."""
    return (
        Claim(
            name="C19",
            text=f"A regulariser narrows the gap: with the weights that are kept, validation loss is less far above "
            f"training loss ({variant}).",
            variant=variant,
            relation="better",
            metric="gap/loss",
            higher_is_better=False,
            source="course notes; Srivastava et al. 2014",
        ),
        Claim(
            name="C19",
            text=f"And the test score is better ({variant}).",
            variant=variant,
            relation="better",
            source="course notes; Srivastava et al. 2014",
        ),
    )


SUITE = Suite(
    name="regularisation",
    title="Regularisation",
    system="S8",
    comparisons=(
        Comparison(
            name="regularisation",
            question="Which regulariser helps a network that has few samples and wrong labels among them?",
            task=few_images(noise=0.3),
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[128]),
                optimizer=call("torch.optim:Adam", lr=0.001),
                evaluate_every=20,  # four epochs of so few samples
                keep="last",
            ),
            keep_reason="the best validation score is itself a regulariser, and a variant here",
            factor=Factor("recipe", REGULARISERS),
            baseline="no regulariser",
            budgets={"quick": Budget(10, 800, 11), "full": Budget(29, 3200, 350)},
            turns="at 800 steps the smaller network is ahead of no regulariser, at 3200 behind it",
            diagnostics=(call("paribus.metrics.diagnostics:train_fit"),),
            claims=(
                *(claim for variant in NARROWS for claim in _narrows_the_gap(variant)),
                Claim(
                    name="S8",
                    text="Forgetting eval() costs with dropout: the training samples' loss is higher for it.",
                    variant="dropout .5",
                    relation="worse",
                    metric="forgotten_eval",
                    higher_is_better=False,
                    source="course notes",
                ),
                Claim(
                    name="C20",
                    text="Early stopping stops near the validation minimum: the test loss is within the margin of that "
                    "at the best epoch of the whole training.",
                    variant="early stopping",
                    reference="best epoch kept",
                    relation="equivalent",
                    source="course notes; Prechelt 1998",
                ),
            ),
            notes=(
                "150 training samples, 45 of them with a wrong label; labels of validation and test are true.",
                "The gap is validation loss minus training loss, both without dropout, the latter on the samples and "
                "labels, wrong ones included, that were learned.",
                "Early stopping compares each epoch with the one before: it stops after five rises of validation loss "
                "in a row and keeps the weights of the best validation score. `best epoch kept` never stops and keeps "
                "them as well; all others are scored as they are at the end.",
                "Weight decay is that of torch's Adam, which adds it to the gradient.",
            ),
        ),
    ),
)
