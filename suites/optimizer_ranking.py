"""S2, over several tasks: the optimizers at their usual settings, ranked."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, Task, call
from paribus.experiment.suite import Ranking
from paribus.suites.optimizers import NOTES, OPTIMIZERS
from paribus.suites.tasks.adding import ADDING
from paribus.suites.tasks.images import IMAGES
from paribus.suites.tasks.series import SERIES
from paribus.suites.tasks.tables import DIABETES, WINE
from paribus.suites.tasks.tabular import TABULAR

SHORT_ADDING = ADDING.model_copy(
    update={
        "source": call(
            "paribus.suites.tasks.adding:adding", length=10, train=4000, validation=500, test=500
        )
    }
)
SHORT_SERIES = SERIES.model_copy(
    update={
        "source": call("paribus.suites.tasks.series:electricity_load", window=24),
        "split": call("paribus.data.splits:time_split", max_evaluated=500),
        "dummy": {"last_value": call("paribus.data.dummy:last_value")},
    }
)


SHORT = (
    "Each optimizer stands at its usual settings. The 200 steps of `quick` are too few for small steps to have led far "
    "on most tasks: there, ranks tell how soon an optimizer learns as much as how well."
)


def on(name: str, question: str, task: Task, target: float) -> Comparison:
    """Return the five optimizers on one more task, in all else as everywhere."""
    return Comparison(
        name=name,
        question=question,
        task=task,
        recipe=Recipe(
            model=call("paribus.models.mlp:MLP", hidden=[16, 8]),
            optimizer=OPTIMIZERS["sgd"],
            evaluate_every=20,
        ),
        factor=Factor("recipe.optimizer", OPTIMIZERS),
        baseline="sgd",
        budgets={"quick": Budget(10, 200, 4), "full": Budget(29, 2000, 50)},
        target=target,
        notes=(SHORT,),
    )


SUITE = Suite(
    name="optimizer_ranking",
    title="Optimizers over several tasks",
    system="S2",
    across=Ranking(question="Which optimizer ranks first, each at its usual settings?"),
    claims=tuple(
        Claim(
            name="C5",
            text=f"Adam is the safe first choice: its worst regret over the tasks is smaller than that of {other}.",
            variant="adam",
            reference=other,
            relation="better",
            measure=call("paribus.analysis.measures:worst_regret"),
            higher_is_better=False,
            source=NOTES,
        )
        for other in OPTIMIZERS
        if other != "adam"
    ),
    comparisons=(
        on("tumours", "Which optimizer tells tumours apart best?", TABULAR, 0.33),
        on("wines", "Which optimizer tells wines apart best?", WINE, 0.55),
        on("handwriting", "Which optimizer reads digits best?", IMAGES, 1.15),
        on("patients", "Which optimizer tells how a disease goes on best?", DIABETES, 0.7),
        on("forecast", "Which optimizer forecasts a load from six hours best?", SHORT_SERIES, 0.1),
        on("sums", "Which optimizer adds two marked numbers of ten best?", SHORT_ADDING, 0.083),
    ),
)
