"""S7, as a page: first a network that overfits, then one that is regularised, then tuned."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, LogUniform, Recipe, Suite, Tuning, call
from paribus.experiment.search_space import space
from paribus.suites.tasks.mislabelled import few_images

NOTES = "course notes"

SUITE = Suite(
    name="overfit_regularize_tune",
    title="Three steps: overfit, regularise, tune",
    system="S7",
    comparisons=(
        Comparison(
            name="overfit_regularize_tune",
            question="What does each step gain: a network that overfits, one that is regularised, one that is tuned?",
            task=few_images(noise=0.3),
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[4]),
                optimizer=call("torch.optim:Adam", lr=0.001),
                evaluate_every=40,
                keep="last",
            ),
            keep_reason="the first step is to overfit, which the best validation score would hide",
            factor=Factor(
                "recipe",
                {
                    "too small": {},
                    "overfits": {"model.hidden": [128]},
                    "regularised": {"model.hidden": [128], "model.dropout": 0.5},
                },
            ),
            baseline="too small",
            budgets={"quick": Budget(10, 400, 2), "full": Budget(29, 1600, 70)},
            tuning=Tuning(
                spaces=space(lr=LogUniform(low=1e-4, high=1e-1)),
                trials={"quick": 4, "full": 16},
                seconds={"quick": 7, "full": 1200},
                widen=False,
            ),
            diagnostics=(call("paribus.metrics.diagnostics:train_fit"),),
            claims=(
                Claim(
                    name="S7 overfit",
                    text="First a network that is large enough: it fits the training samples better.",
                    variant="overfits",
                    relation="better",
                    metric="fitted/loss",
                    higher_is_better=False,
                    source=NOTES,
                ),
                Claim(
                    name="S7 regularise",
                    text="Then regularise it: the test score is better than without.",
                    variant="regularised",
                    reference="overfits",
                    relation="better",
                    source=NOTES,
                ),
                Claim(
                    name="S7 tune",
                    text="A tuned rate does not do what regularising does: with both tuned, regularised is better.",
                    variant="regularised",
                    reference="overfits",
                    relation="better",
                    arm="tuned",
                    source=NOTES,
                ),
            ),
            notes=(
                "150 training samples, 45 of them with a wrong label. Before all of it comes `paribus check "
                "workflow`: one point, then one batch, learned by heart.",
                "The third step is the tuned arm: each variant at the best of so many learning rates, chosen seed by "
                "seed on the validation part.",
            ),
        ),
    ),
)
