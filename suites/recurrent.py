"""S12: which recurrent cell, on a series and on a problem that needs a long memory."""

from __future__ import annotations

from paribus.comparison import Budget, Claim, Comparison, Factor, Suite
from paribus.recipe import Recipe
from paribus.spec import call
from suites.tasks.adding import ADDING
from suites.tasks.energy import ENERGY

CELLS = Factor(path="recipe.model.cell", levels={"lstm": "LSTM", "rnn": "RNN", "gru": "GRU"})


def _gru_is_no_worse(task: str) -> Claim:
    return Claim(
        name="C28",
        text=f"A GRU is no worse than an LSTM on {task}.",
        variant="gru",
        relation="not_worse",
        source="course notes; Chung et al. 2014",
    )


SUITE = Suite(
    name="recurrent",
    title="Recurrent cells",
    system="S12",
    comparisons=(
        Comparison(
            name="energy",
            question="Which cell forecasts a load one quarter of an hour ahead best?",
            task=ENERGY,
            recipe=Recipe(
                model=call("models.recurrent:Recurrent", cell="LSTM", hidden=32, layers=2),
                optimizer=call("torch.optim:Adam", lr=0.001),
                batch_size=32,
                evaluate_every=50,
            ),
            factors=(CELLS,),
            baseline=("lstm",),
            budgets={
                "quick": Budget(seeds=10, steps=400, seconds=30),
                "full": Budget(seeds=29, steps=2000, seconds=435),
            },
            target=0.15,
            claims=(_gru_is_no_worse("a load series"),),
        ),
        Comparison(
            name="adding",
            question="Which cell learns to add two numbers that stand far apart in a sequence?",
            task=ADDING,
            recipe=Recipe(
                model=call(
                    "models.recurrent:Recurrent", cell="LSTM", hidden=32, layers=1, forget_bias=1.0
                ),
                optimizer=call("torch.optim:Adam", lr=0.01),
                clip_norm=1.0,
                batch_size=32,
                evaluate_every=100,
            ),
            factors=(CELLS,),
            baseline=("lstm",),
            budgets={
                "quick": Budget(seeds=10, steps=1500, seconds=32),
                "full": Budget(seeds=29, steps=3000, seconds=190),
            },
            target=0.02,
            claims=(
                Claim(
                    name="C27",
                    text="An RNN's memory is short: it is worse than an LSTM where the numbers are 50 steps apart.",
                    variant="rnn",
                    relation="worse",
                    source="Hochreiter and Schmidhuber 1997; Arjovsky et al. 2016",
                ),
                _gru_is_no_worse("the adding problem"),
            ),
        ),
    ),
)
