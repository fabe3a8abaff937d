"""S14: a series split at random or by time."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.spec import Call
from paribus.suites.tasks.random_walk import RANDOM_WALK
from paribus.suites.tasks.series import SERIES

EXPLAINED = "Share of the variance explained: median over seeds, least to largest"


def _splits(**settings: object) -> Factor:
    """By time and at random, with parts of the same sizes."""
    shares: dict[str, object] = {"fractions": [0.7, 0.15, 0.15], **settings}
    levels: dict[str, Call] = {
        "by time": call("paribus.data.splits:time_split", **shares),
        "random": call("paribus.data.splits:random_split", **shares),
    }
    return Factor("task.split", levels)


def _leaks(series: str) -> Claim:
    return Claim(
        name="C29",
        text=f"A random split leaks the future: {series}, its score is better than that by time.",
        variant="random",
        relation="better",
        source="course notes",
    )


READING = (
    "Only the split by time answers what a forecast asks: how well the future is told from the past. Where `random` is "
    "`better`, it is the score that is better, not the network."
)

SUITE = Suite(
    name="time_series_leakage",
    title="Splitting a series at random or by time",
    system="S14",
    comparisons=(
        Comparison(
            name="random_walk",
            question="Does a random split say that the future of a random walk can be told?",
            task=RANDOM_WALK,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[64, 64]),
                optimizer=call("torch.optim:Adam", lr=0.01),
                evaluate_every=100,
            ),
            factor=_splits(),
            baseline="by time",
            budgets={"quick": Budget(10, 1000, 2), "full": Budget(29, 4000, 40)},
            tables={EXPLAINED: call("paribus.suites.components.scores:explained")},
            claims=(_leaks("on a random walk"),),
            notes=(
                READING,
                "The network is told the time and nothing else. By time, the best that it could do is to answer the "
                "last value; at random, the neighbours on both sides of each test value are in its training part.",
            ),
        ),
        Comparison(
            name="load",
            question="Does a random split flatter a forecast of a load from the day before?",
            task=SERIES,
            recipe=Recipe(
                model=call("paribus.models.mlp:MLP", hidden=[64, 64]),
                optimizer=call("torch.optim:Adam", lr=0.001),
                evaluate_every=100,
            ),
            factor=_splits(max_evaluated=2000),
            baseline="by time",
            budgets={"quick": Budget(10, 1000, 3), "full": Budget(29, 4000, 170)},
            tables={EXPLAINED: call("paribus.suites.components.scores:explained")},
            claims=(_leaks("on windows of a load"),),
            notes=(
                READING,
                "Windows overlap: at random, what a test window asks for stands in the windows of the training part.",
                "The two test parts are other times of the year, so the difference holds the seasons' difficulty as "
                "well as the leak.",
            ),
        ),
    ),
)
