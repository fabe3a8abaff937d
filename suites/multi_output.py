"""S16: two answers from one embedding, and how their losses are weighted; several labels; an auxiliary output."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.images import IMAGES
from paribus.suites.tasks.metrics import of_output
from paribus.suites.tasks.multi_label_digits import MULTI_LABEL_DIGITS
from paribus.suites.tasks.synthetic_characters import SCRIPTS

WEIGHTS = Comparison(
    name="weights",
    question="What does each weighting of two losses give up: of characters, or of their alphabets?",
    task=SCRIPTS,
    recipe=Recipe(
        model=call("paribus.models.branches:TwoOutputs"),
        optimizer=call("torch.optim:Adam", lr=0.003),
        keep="last",
    ),
    keep_reason="a trade-off has two scores, and the best validation score of one of them would choose for both",
    factor=Factor(
        "task.loss.weights",
        {
            "characters alone": [2.0, 0.0],
            "3 to 1": [1.5, 0.5],
            "equal": [1.0, 1.0],
            "1 to 3": [0.5, 1.5],
            "alphabets alone": [0.0, 2.0],
        },
    ),
    baseline="equal",
    # One number of steps for both: where they are few, a larger weight on an output is a head start at it.
    budgets={"quick": Budget(8, 500, 22), "full": Budget(12, 500, 34)},
    frontier=("character_log_loss", "alphabet_log_loss"),
    claims=(
        Claim(
            name="C31",
            text="Equal weights are one arbitrary trade-off: more weight on characters is better at characters.",
            variant="3 to 1",
            relation="better",
            source="course notes",
        ),
        Claim(
            name="C31",
            text="And more weight on alphabets is better at alphabets.",
            variant="1 to 3",
            relation="better",
            metric="alphabet_log_loss",
            source="course notes",
        ),
        Claim(
            name="C31",
            text="Equal weights give up nothing at characters: no worse than a network trained for them alone, by "
            "the margin.",
            variant="equal",
            reference="characters alone",
            relation="not_worse",
            source="Caruana 1997",
        ),
        Claim(
            name="C31",
            text="Nor at alphabets: no worse than a network trained for them alone, by the margin.",
            variant="equal",
            reference="alphabets alone",
            relation="not_worse",
            metric="alphabet_log_loss",
            source="Caruana 1997",
        ),
    ),
    notes=(
        "Weights of the losses, characters first, add up to two. Where one is zero its output gets no gradient and the "
        "rest is trained as a network of one output is: the two ends of the curve.",
        "Adam divides a gradient by its size, so that an output trained alone takes no larger steps for its larger "
        "weight. By the course's SGD at 0.05 it takes twice those of equal weights: on generated drawings characters "
        "alone was ahead of equal weights after 200 steps, and behind them after 1000.",
        "Generated drawings have 16x16 pixels, those of an Omniglot folder 32x32. On generated ones characters alone "
        "is past its best at the end, and behind equal weights at its best, too; the others are at theirs.",
    ),
)

ONE_LABEL = Comparison(
    name="labels",
    question="Does it cost one label to learn three others beside it, one sigmoid each?",
    task=MULTI_LABEL_DIGITS,
    recipe=Recipe(
        model=call("paribus.models.cnn:CNN", channels=[16, 32]),
        optimizer=call("torch.optim:Adam", lr=0.001),
    ),
    factor=Factor(
        "task.loss.weights",
        {"all labels": [1.0, 1.0, 1.0, 1.0], "prime alone": [0.0, 1.0, 0.0, 0.0]},
    ),
    baseline="prime alone",
    budgets={"quick": Budget(10, 600, 6), "full": Budget(29, 1000, 75)},
    claims=(
        Claim(
            name="C31",
            text="Several labels share a network without harm: the label that matters is told no worse, by "
            "the margin.",
            variant="all labels",
            relation="not_worse",
            source="Caruana 1997",
        ),
    ),
    notes=(
        "The loss is the weighted mean of the labels' losses, one sigmoid a label.",
        "Four labels take longer to learn: after 200 steps the one that matters is told worse by more than the margin.",
    ),
)

AUXILIARY = Comparison(
    name="auxiliary",
    question="Does a second output half-way up regularise a convolutional network?",
    task=IMAGES.model_copy(
        update={
            "loss": call("paribus.metrics:weighted_log_loss", weights=[1.0, 0.0], of=[0, 0]),
            "metrics": tuple(of_output(metric, 0) for metric in IMAGES.metrics),
            "dummy": {"prior": call("paribus.data.dummy:priors", of=[0, 0])},
        }
    ),
    recipe=Recipe(
        model=call("paribus.models.auxiliary:AuxiliaryCNN"),
        optimizer=call("torch.optim:Adam", lr=0.001),
    ),
    factor=Factor(
        "task.loss.weights",
        {"weight 0": [1.0, 0.0], "weight 0.3": [1.0, 0.3], "weight 1": [1.0, 1.0]},
    ),
    baseline="weight 0",
    budgets={"quick": Budget(10, 200, 7), "full": Budget(29, 1000, 150)},
    claims=(
        Claim(
            name="C31",
            text="An auxiliary output at a weight of 0.3 regularises: the last output's test loss is lower.",
            variant="weight 0.3",
            relation="better",
            source="Szegedy et al. 2015",
        ),
    ),
    notes=(
        "Scores are those of the last output alone; the one half-way up is there for its gradient.",
        "At quick all variants still improve, so what the output half-way up gains there may be speed: after 600 steps "
        "nothing was left of it.",
    ),
)

SUITE = Suite(
    name="multi_output",
    title="Two outputs",
    system="S16",
    comparisons=(WEIGHTS, ONE_LABEL, AUXILIARY),
)
