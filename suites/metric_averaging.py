"""S11: micro, macro and weighted averages of one network's predictions, from even classes to 100:1."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Metric, Recipe, Suite, call
from paribus.suites.tasks.images import IMAGES

SUITE = Suite(
    name="metric_averaging",
    title="Averaging over classes",
    system="S11",
    comparisons=(
        Comparison(
            name="metric_averaging",
            question="Which average of the classes' recalls shows that small classes fail?",
            task=IMAGES,
            recipe=Recipe(
                model=call("paribus.models.cnn:CNN"), optimizer=call("torch.optim:Adam", lr=0.001)
            ),
            metric=Metric(
                name="recall",
                function=call("paribus.suites.components.scores:recall", average="micro"),
                higher_is_better=True,
                margin=0.01,
                margin_reason="it is one image of a hundred, and chance among hundreds changes about as much",
                unit="share",
            ),
            factors=(
                Factor("task.split.imbalance", {"even": 1.0, "10:1": 10.0, "100:1": 100.0}),
                Factor(
                    "metric.function.average",
                    {"micro": "micro", "macro": "macro", "weighted": "weighted"},
                ),
            ),
            baseline=("even", "micro"),
            budgets={"quick": Budget(10, 200, 7), "full": Budget(29, 600, 105)},
            tables={
                "Precision and recall of each class": call(
                    "paribus.suites.components.scores:per_class"
                )
            },
            claims=(
                *(
                    Claim(
                        name="C25",
                        text=f"Weighted recall equals micro recall ({ratio}).",
                        variant=f"{ratio} × weighted",
                        reference=f"{ratio} × micro",
                        relation="identical",
                        source="an identity",
                    )
                    for ratio in ("even", "10:1", "100:1")
                ),
                *(
                    Claim(
                        name="C25",
                        text=f"Micro recall equals accuracy ({ratio}), to the rounding of float32.",
                        variant=f"{ratio} × micro",
                        relation="identical",
                        value=0.0,
                        margin=1e-6,
                        measure=call("paribus.analysis.measures:excess", metric="accuracy"),
                        source="an identity",
                    )
                    for ratio in ("even", "10:1", "100:1")
                ),
                Claim(
                    name="C26",
                    text="Macro recall shows that small classes fail where micro recall hides it: lower at 100:1.",
                    variant="100:1 × macro",
                    reference="100:1 × micro",
                    relation="worse",
                    source="course notes",
                ),
                Claim(
                    name="C26",
                    text="From even classes to 100:1 macro recall falls more than micro recall does.",
                    variant="even × macro",
                    relation="above",
                    value=0.0,
                    measure=call(
                        "paribus.analysis.measures:interaction",
                        metric="recall",
                        instead="100:1 × macro",
                        other="even × micro",
                        other_instead="100:1 × micro",
                    ),
                    source="course notes",
                ),
            ),
            notes=(
                "The averages score the same stored predictions of one network a seed and imbalance: "
                "nothing is trained again for another average.",
            ),
        ),
    ),
)
