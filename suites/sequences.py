"""S13: the four shapes of what goes in and comes out, a task for each, with each cell."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, Task, call
from paribus.suites.tasks.sequences import COUNT_ONES, DELAY, SEQUENCE_REVERSAL, WAVE

CELLS = {"gru": "GRU", "rnn": "RNN", "lstm": "LSTM"}


def _shape(
    name: str, question: str, task: Task, network: str, seconds: float, turns: str = ""
) -> Comparison:
    """One shape: its task and its network, with each cell."""
    return Comparison(
        name=name,
        question=question,
        task=task,
        recipe=Recipe(
            model=call(network, cell="GRU", hidden=32, layers=1),
            optimizer=call("torch.optim:Adam", lr=0.01),
            clip_norm=1.0,
            evaluate_every=50,
        ),
        factor=Factor("recipe.model.cell", CELLS),
        baseline="gru",
        budgets={"quick": Budget(10, 300, seconds), "full": Budget(29, 2000, 90 * seconds)},
        turns=turns,
        target=0.1,
        claims=(
            Claim(
                name=f"S13 {name}",
                text="A network of this shape learns the task: its error is below half of the variance, nearer to none "
                "than to that of the mean.",
                variant="gru",
                relation="below",
                value=0.5,
                source="course notes; Sutskever et al. 2014",
            ),
            Claim(
                name=f"S13 {name}, gates",
                text="A plain recurrent cell is enough where so few steps lie between: no worse than a GRU, by the "
                "margin.",
                variant="rnn",
                relation="not_worse",
                source="course notes",
            ),
        ),
    )


SUITE = Suite(
    name="sequences",
    title="Shapes of sequences",
    system="S13",
    comparisons=(
        _shape(
            "sequence_to_sequence",
            "Which cell says at every step what came in three steps before?",
            DELAY,
            "paribus.models.sequences:SequenceToSequence",
            2.2,
        ),
        _shape(
            "sequence_to_vector",
            "Which cell counts the ones of a sequence?",
            COUNT_ONES,
            "paribus.models.recurrent:Recurrent",
            2.2,
        ),
        _shape(
            "vector_to_sequence",
            "Which cell draws a sine from three numbers?",
            WAVE,
            "paribus.models.sequences:VectorToSequence",
            2.2,
        ),
        _shape(
            "encoder_decoder",
            "Which cell remembers a sequence until its end and says it backwards?",
            SEQUENCE_REVERSAL,
            "paribus.models.sequences:EncoderDecoder",
            2.2,
            "at 300 steps the plain cell is ahead of the GRU, at 2000 behind it",
        ),
    ),
)
