"""S2, over several tasks: the optimizers at their usual settings, ranked."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, Task, call
from paribus.experiment.suite import Ranking
from paribus.suites.optimizers import NOTES, OPTIMIZERS
from paribus.suites.tasks.adding import ADDING
from paribus.suites.tasks.curve import CURVE
from paribus.suites.tasks.images import IMAGES
from paribus.suites.tasks.interactions import INTERACTIONS
from paribus.suites.tasks.metrics import accuracy, log_loss
from paribus.suites.tasks.sequences import WAVE
from paribus.suites.tasks.series import SERIES
from paribus.suites.tasks.synthetic_characters import SYNTHETIC_CHARACTERS
from paribus.suites.tasks.tables import DIABETES, IRIS, WINE
from paribus.suites.tasks.tabular import TABULAR
from paribus.suites.tasks.words import WORDS

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
# Surer classes and fewer words than elsewhere, so that plain SGD learns something within the budget.
SHORT_WORDS = WORDS.model_copy(
    update={
        "source": call(
            "paribus.suites.tasks.words:bag_of_words", texts=2000, words=200, sharpness=4.0
        )
    }
)
# One script alone, small and without a second input: 20 letters, 50 drawings of each, 12 pixels wide.
LETTERS = SYNTHETIC_CHARACTERS.model_copy(
    update={
        "name": "letters",
        "source": call(
            "paribus.suites.tasks.synthetic_characters:synthetic_characters",
            size=12,
            drawings=50,
            further="none",
            scripts=["Armenian"],
        ),
        "metrics": (
            log_loss(
                0.1,
                "it is a factor of 1.1 in the probability of the right one of 20 letters; guessing scores 3.0",
            ),
            accuracy(0.02),
        ),
    }
)

SHORT = (
    "Each optimizer stands at its usual settings. On most tasks 2000 steps are too few for plain SGD, which is still "
    "improving then: ranks tell how soon an optimizer learns as much as how well."
)


def on(name: str, question: str, task: Task, target: float, stands_for: str) -> Comparison:
    """Return the five optimizers on one more task, in all else as everywhere.

    Args:
        name: of the comparison.
        question: in a sentence.
        task: a data set that no other comparison has.
        target: validation score to which steps are counted, one that most optimizers reach.
        stands_for: the kind of problem that it is an example of, and why it is among the tasks.
    """
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
        # One number of steps for both: after 200 SGD is far behind everywhere, after 2000 no longer.
        budgets={"quick": Budget(10, 2000, 6), "full": Budget(29, 2000, 50)},
        target=target,
        notes=(stands_for, SHORT),
    )


SUITE = Suite(
    name="optimizer_ranking",
    title="Optimizers over several tasks",
    system="S2",
    across=Ranking(question="Which optimizer ranks first, each at its usual settings?"),
    claims=tuple(
        Claim(
            name="C5",
            text=f"Adam is the safe first choice: over the tasks it falls less short of each task's best than {other}.",
            variant="adam",
            reference=other,
            relation="better",
            measure=call("paribus.analysis.measures:task_regrets", pair=["adam", other]),
            unit="task",
            higher_is_better=False,
            source=NOTES,
        )
        for other in OPTIMIZERS
        if other != "adam"
    ),
    comparisons=(
        on(
            "tumours",
            "Which optimizer tells tumours apart best?",
            TABULAR,
            0.33,
            "A table of two classes and 30 correlated measurements, nearly separable: soon learned, soon overfitted.",
        ),
        on(
            "wines",
            "Which optimizer tells wines apart best?",
            WINE,
            0.55,
            "A small table of three classes that a linear model tells apart.",
        ),
        on(
            "flowers",
            "Which optimizer tells irises apart best?",
            IRIS,
            0.2,
            "The smallest table, 150 samples and four inputs, two of its three classes overlapping.",
        ),
        on(
            "patients",
            "Which optimizer tells how a disease goes on best?",
            DIABETES,
            0.7,
            "Regression where noise is half of the variance, so that there is more to overfit than to learn.",
        ),
        on(
            "handwriting",
            "Which optimizer reads digits best?",
            IMAGES,
            1.15,
            "Images in ten classes, a hundred and more samples of each.",
        ),
        on(
            "letters",
            "Which optimizer reads the letters of an alphabet best?",
            LETTERS,
            1.9,
            "Images in many classes with few samples of each.",
        ),
        on(
            "texts",
            "Which optimizer tells texts apart by their words best?",
            SHORT_WORDS,
            0.64,
            "Sparse inputs, most of them rare: the case that steps scaled weight by weight were made for.",
        ),
        on(
            "forecast",
            "Which optimizer forecasts a load from six hours best?",
            SHORT_SERIES,
            0.1,
            "A series, its inputs nearly copies of each other, and a last value that is hard to improve on.",
        ),
        on(
            "sums",
            "Which optimizer adds two marked numbers of ten best?",
            SHORT_ADDING,
            0.083,
            "Inputs of which some say which others count: a product that is learned only after a long plateau.",
        ),
        on(
            "interactions",
            "Which optimizer fits a noisy function of ten numbers best?",
            INTERACTIONS,
            0.2,
            "Regression with little noise, interactions, and inputs that say nothing.",
        ),
        on(
            "curve",
            "Which optimizer fits a smooth curve best?",
            CURVE,
            0.2,
            "A function without noise, which can be approximated ever better: nothing to overfit, much to fit.",
        ),
        on(
            "waves",
            "Which optimizer draws sines from three numbers best?",
            WAVE,
            0.6,
            "Many outputs at once that share what they are made of, without noise.",
        ),
    ),
)
