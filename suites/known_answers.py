"""Known answers: effects that every run of the bench must see, and effects that none may.

A suite adds its own by a line in `KNOWN_ANSWERS`. Thresholds leave room, since a known answer that fails says that
the software is broken; what is measured stands beside them and is measured again by
``pytest benchmarks/test_calibration.py``.
"""

from __future__ import annotations

from typing import Any

from paribus import Budget, Comparison, Factor, Recipe, call
from paribus.calibration.known_answers import FAILED, KnownAnswer, Measured
from paribus.spec import replace
from paribus.suites.tasks.adding import ADDING
from paribus.suites.tasks.images import IMAGES
from paribus.suites.tasks.line import LINE
from paribus.suites.tasks.random_walk import RANDOM_WALK
from paribus.suites.tasks.relabelled import RELABELLED
from paribus.suites.tasks.tabular import TABULAR


def _compared(*, recipe: Recipe, seeds: int, seconds: float, **fields: Any) -> Comparison:
    """Return a comparison whose only budget is the steps of its recipe, scored at the end, as misses were counted."""
    budget = Budget(seeds, recipe.steps, seconds)
    recipe = recipe.model_copy(update={"keep": "last"})
    return Comparison(recipe=recipe, budgets={"quick": budget}, **fields)


def _seen(*, misses: int, **fields: Any) -> KnownAnswer:
    """Return an effect that must be seen, and in how many of 200 seeds it was not."""
    return KnownAnswer(kind="seen", measured=Measured(misses=misses, seeds=200), **fields)


SIGMOID = _compared(
    name="vanishing",
    question="Does the gradient of ten sigmoid layers reach the first one?",
    task=IMAGES,
    recipe=Recipe(
        model=call("paribus.models.mlp:MLP", hidden=[64] * 10, activation="ReLU"),
        init=call("paribus.models.initialise:kaiming_uniform"),
        optimizer=call("torch.optim:SGD", lr=0.05),
        steps=200,
        evaluate_every=100,
    ),
    factor=Factor("recipe.model.activation", {"relu": "ReLU", "sigmoid": "Sigmoid"}),
    baseline="relu",
    seeds=10,
    seconds=4,
    diagnostics=(call("paribus.metrics.diagnostics:gradient_norms"),),
)

CLIPPING = _compared(
    name="clipping",
    question="Does a recurrent network with growing gradients survive without clipping?",
    task=replace(
        ADDING, "source", call(ADDING.source.target, length=40, train=640, validation=64, test=64)
    ),
    recipe=Recipe(
        model=call(
            "paribus.models.recurrent:Recurrent",
            cell="RNN",
            nonlinearity="relu",
            hidden=32,
            layers=1,
            recurrent_gain=2.0,
        ),
        optimizer=call("torch.optim:SGD", lr=0.01),
        clip_norm=1.0,
        steps=40,
        evaluate_every=20,
    ),
    factor=Factor("recipe.clip_norm", {"clip 1": 1.0, "unclipped": None}),
    baseline="clip 1",
    seeds=10,
    seconds=4,
)

BORN_DEAD = _compared(
    name="born_dead",
    question="How many narrow ReLU networks are dead before they are trained?",
    task=LINE,
    recipe=Recipe(
        model=call("paribus.models.mlp:MLP", hidden=[4] * 20, activation="ReLU", bias=False),
        optimizer=call("torch.optim:SGD", lr=0.01),
        steps=1,
        evaluate_every=1,
    ),
    factor=Factor("recipe.model.hidden", {"wide": [16] * 20, "narrow": [4] * 20}),
    baseline="wide",
    seeds=120,
    seconds=5,
    diagnostics=(call("paribus.metrics.diagnostics:all_zero_output"),),
)

PERMUTED = _compared(
    name="permuted",
    question="Is anything learned from labels that mean nothing?",
    task=RELABELLED,
    recipe=Recipe(
        model=call("paribus.models.mlp:MLP", hidden=[32]),
        optimizer=call("torch.optim:Adam", lr=0.005),
        steps=200,
        evaluate_every=100,
    ),
    factor=Factor("task.source.share", {"true": 0.0, "permuted": 1.0}),
    baseline="true",
    seeds=12,
    seconds=4,
)

ITSELF = _compared(
    name="itself",
    question="Does a network train better than itself under another name?",
    task=TABULAR,
    recipe=Recipe(
        model=call("paribus.models.mlp:MLP", hidden=[16], dropout=0.1),
        optimizer=call("torch.optim:Adam", lr=0.005),
        steps=150,
        evaluate_every=50,
    ),
    factor=Factor("recipe.salt", {"a": "a", "b": "b"}),
    baseline="a",
    seeds=12,
    seconds=4,
)

LEAK = _compared(
    name="leak",
    question="Does a random split say that the future of a random walk can be told?",
    task=RANDOM_WALK,
    recipe=Recipe(
        model=call("paribus.models.mlp:MLP", hidden=[32]),
        optimizer=call("torch.optim:Adam", lr=0.02),
        steps=200,
        evaluate_every=100,
    ),
    factor=Factor(
        "task.split",
        {
            "by time": call("paribus.data.splits:time_split", fractions=[0.7, 0.15, 0.15]),
            "random": call("paribus.data.splits:random_split", fractions=[0.7, 0.15, 0.15]),
        },
    ),
    baseline="by time",
    seeds=20,
    seconds=6,
)

KNOWN_ANSWERS = (
    _seen(
        name="vanishing-gradient",
        text="The gradient of ten sigmoid layers has vanished at the first one before training, and ReLU's has not.",
        comparison=SIGMOID,
        variant="sigmoid",
        score="gradient_ratio@0",
        scale="ratio",
        high=0.01,
        misses=0,
        source="Glorot and Bengio 2010",
    ),
    _seen(
        name="vanishing-score",
        text="So they do not train where ReLU does.",
        comparison=SIGMOID,
        variant="sigmoid",
        score="accuracy",
        high=-0.4,
        misses=0,
        source="Glorot and Bengio 2010",
    ),
    _seen(
        name="leak",
        text="Split at random, a random walk is told from its own future: the error is less than half of that by time.",
        comparison=LEAK,
        variant="random",
        score="mse",
        scale="ratio",
        high=0.5,
        misses=18,
        source="both neighbours in time of a test value are in the training part",
    ),
    _seen(
        name="clipping",
        text="Twice an orthogonal matrix over 40 steps: training diverges, and clipping the gradient saves it.",
        comparison=CLIPPING,
        variant="unclipped",
        score=FAILED,
        low=0.5,
        misses=0,
        source="Pascanu et al. 2013",
    ),
    KnownAnswer(
        name="born-dead",
        text="Of ReLU networks of width 4 and depth 20 without biases, 1 - (1 - 2^-4)^20 say nothing from the start.",
        kind="share",
        comparison=BORN_DEAD,
        variant="narrow",
        score="silent@0",
        against="nothing",
        low=0.55,
        high=0.88,
        expected=1 - (1 - 2**-4) ** 20,
        source="derivation: a layer is dead with chance 2^-4, and one is enough",
    ),
    _seen(
        name="true-labels",
        text="Digits are learned from their own labels.",
        comparison=PERMUTED,
        variant="true",
        score="accuracy",
        against="dummy",
        low=0.5,
        misses=0,
        source="the same network as the next control's",
    ),
    KnownAnswer(
        name="permuted-labels",
        text="Nothing is learned from permuted labels: accuracy is that of always guessing the most frequent class.",
        kind="absent",
        comparison=PERMUTED,
        variant="permuted",
        score="accuracy",
        against="dummy",
        margin=0.03,
        source="chance",
    ),
    KnownAnswer(
        name="against-itself",
        text="A network is no better than itself under another name, with other random streams.",
        kind="absent",
        comparison=ITSELF,
        variant="b",
        margin=0.02,
        source="they are exchangeable",
    ),
    KnownAnswer(
        name="same-bits",
        text="The same seed trained again by the loop leaves identical bits.",
        kind="identical",
        comparison=ITSELF,
        variant="b",
        source="every draw comes from a named stream",
    ),
)
