"""S12: which recurrent cell, on a series and on a problem that needs a long memory."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.adding import ADDING
from paribus.suites.tasks.series import SERIES

KERNELS = (
    "On a CPU torch trains an LSTM by one fused kernel of oneDNN, a GRU and an RNN step by step: the time of a step is "
    "that of these kernels, and says little of the cells' arithmetic."
)
CELLS = Factor("recipe.model.cell", {"lstm": "LSTM", "rnn": "RNN", "gru": "GRU"})


def _gru_is_cheaper(task: str) -> tuple[Claim, ...]:
    """Fewer parameters, fewer multiplications, less time a step, and no worse."""
    source = "course notes; Chung et al. 2014"
    counted = {
        "has fewer parameters than an LSTM": call("paribus.analysis.measures:parameters"),
        "multiplies less often in a step of time": call("paribus.analysis.measures:weights_a_step"),
    }
    return (
        *(
            Claim(
                name="C28",
                text=f"A GRU {what} ({task}).",
                variant="gru",
                relation="better",
                measure=measure,
                higher_is_better=False,
                source=source,
            )
            for what, measure in counted.items()
        ),
        Claim(
            name="C28",
            text=f"A GRU's training step takes less time than an LSTM's, measured by the loop ({task}).",
            variant="gru",
            relation="below",
            value=1.0,
            measure=call("paribus.analysis.measures:step_ratio"),
            source=source,
        ),
        Claim(
            name="C28",
            text=f"A GRU is no worse than an LSTM on {task}.",
            variant="gru",
            relation="not_worse",
            source=source,
        ),
    )


MEMORY = "Hochreiter and Schmidhuber 1997; Arjovsky et al. 2016"
BASELINE = 1 / 6
SOLVED = 0.02

SUITE = Suite(
    name="recurrent",
    title="Recurrent cells",
    system="S12",
    comparisons=(
        Comparison(
            name="series",
            question="Which cell forecasts a load one quarter of an hour ahead best?",
            task=SERIES,
            recipe=Recipe(
                model=call("paribus.models.recurrent:Recurrent", cell="LSTM", hidden=32, layers=2),
                optimizer=call("torch.optim:Adam", lr=0.001),
                evaluate_every=50,
            ),
            factor=CELLS,
            baseline="lstm",
            budgets={"quick": Budget(10, 400, 30), "full": Budget(29, 2000, 435)},
            target=0.15,
            claims=_gru_is_cheaper("a load series"),
            notes=(KERNELS,),
        ),
        Comparison(
            name="adding",
            question="Which cell learns to add two numbers that stand far apart in a sequence?",
            task=ADDING,
            recipe=Recipe(
                model=call(
                    "paribus.models.recurrent:Recurrent",
                    cell="LSTM",
                    hidden=32,
                    layers=1,
                    forget_bias=1.0,
                ),
                optimizer=call("torch.optim:Adam", lr=0.01),
                clip_norm=1.0,
                evaluate_every=100,
            ),
            factor=CELLS,
            baseline="lstm",
            budgets={"quick": Budget(10, 1500, 32), "full": Budget(29, 3000, 190)},
            target=SOLVED,
            claims=(
                Claim(
                    name="C27",
                    text="An RNN's memory is short: on the adding problem it stays at the baseline error of 1/6.",
                    variant="rnn",
                    relation="within",
                    value=BASELINE,
                    margin=0.01,
                    source=MEMORY,
                ),
                *(
                    Claim(
                        name="C27",
                        text=f"The {cell.upper()} solves it: an error below {SOLVED}.",
                        variant=cell,
                        relation="below",
                        value=SOLVED,
                        source=MEMORY,
                    )
                    for cell in ("lstm", "gru")
                ),
                Claim(
                    name="C27",
                    text="An RNN's memory is short: it is worse than an LSTM where the numbers are 50 steps apart.",
                    variant="rnn",
                    relation="worse",
                    source=MEMORY,
                ),
                *_gru_is_cheaper("the adding problem"),
            ),
            notes=(KERNELS,),
        ),
    ),
)
