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


SOURCE = "course notes; Chung et al. 2014"
CLOCK = "all rounds of one machine's clock, on one thread"


def _gru_is_simpler(task: str, layers: str) -> tuple[Claim, ...]:
    """Fewer parameters, fewer multiplications, and no worse; apart from these, less time a step."""
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
                fact=f"counted, with {layers} of 32",
                source=SOURCE,
            )
            for what, measure in counted.items()
        ),
        Claim(
            name="C28",
            text=f"A GRU is no worse than an LSTM on {task}, by the margin.",
            variant="gru",
            relation="not_worse",
            source=SOURCE,
        ),
        Claim(
            name="C28b",
            text=f"A GRU's training step takes less time than an LSTM's, with torch's kernels ({task}).",
            variant="gru",
            relation="below",
            value=1.0,
            measure=call("paribus.analysis.measures:step_ratio"),
            fact=CLOCK,
            source=SOURCE,
        ),
    )


MEMORY = "Hochreiter and Schmidhuber 1997; Arjovsky et al. 2016"
BASELINE = (
    1 / 6
)  # the variance of the sum of two numbers from U(0, 1): what is left of it if neither is known
ONE_KNOWN = 1 / 12  # if one of them is
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
            turns="at 400 steps the LSTM is behind both other cells, at 2000 ahead of them",
            target=0.15,
            claims=_gru_is_simpler("a load series", "two layers"),
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
            budgets={"quick": Budget(10, 1200, 20), "full": Budget(29, 3000, 190)},
            target=SOLVED,
            claims=(
                Claim(
                    name="C27",
                    text="An RNN's memory is short: on the adding problem its error stays at 1/6, that of knowing "
                    "neither number, within the margin of 0.01.",
                    variant="rnn",
                    relation="within",
                    value=BASELINE,
                    margin=0.01,
                    source=MEMORY,
                ),
                *(
                    Claim(
                        name="C27",
                        text=f"The {cell.upper()} remembers both numbers: its error is below 1/12, that of knowing "
                        "one.",
                        variant=cell,
                        relation="below",
                        value=ONE_KNOWN,
                        source=MEMORY,
                    )
                    for cell in ("lstm", "gru")
                ),
                Claim(
                    name="C27",
                    text="And an RNN is worse than an LSTM there, where sequences have 50 steps.",
                    variant="rnn",
                    relation="worse",
                    source=MEMORY,
                ),
                *_gru_is_simpler("the adding problem", "one layer"),
            ),
            notes=(KERNELS,),
        ),
    ),
)
