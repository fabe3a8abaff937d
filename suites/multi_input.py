"""S15: a second input beside an image, against the same network without it, and with it shuffled."""

from __future__ import annotations

from typing import Any

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.spec import Call
from paribus.suites.tasks.image_and_table import IMAGE_AND_TABLE
from paribus.suites.tasks.synthetic_characters import SYNTHETIC_CHARACTERS

SECOND_INPUT = Factor(
    "task.perturb",
    {
        "blank": call("paribus.data.perturbations:zero_input", input=1),
        "given": None,
        "shuffled": call("paribus.data.perturbations:shuffle_input", input=1),
    },
)
CLAIMS = (
    Claim(
        name="C30",
        text="The second input helps: the score is better with it than without.",
        variant="given",
        relation="better",
        source="course notes",
    ),
    Claim(
        name="C30",
        text="A shuffled second input, which says nothing, does not help: without it the score is no worse, "
        "by the margin.",
        variant="blank",
        reference="shuffled",
        relation="not_worse",
        source="negative control",
    ),
)
SAME = (
    "All variants train the same network on the same images: where the second input is blank it is all zeros, where it "
    "is shuffled each image gets that of another image of its part, drawn anew for each seed.",
)


def _compared(optimizer: Call, **fields: Any) -> Comparison:
    """Return the same network without the second input, with it, and with it shuffled."""
    return Comparison(
        recipe=Recipe(model=call("paribus.models.branches:TwoInputs"), optimizer=optimizer),
        factor=SECOND_INPUT,
        baseline="blank",
        claims=CLAIMS,
        **fields,
    )


SUITE = Suite(
    name="multi_input",
    title="Two inputs",
    system="S15",
    comparisons=(
        _compared(
            call("torch.optim:Adam", lr=0.003),
            name="alphabet",
            question="Does it help to be told the alphabet of a character?",
            task=SYNTHETIC_CHARACTERS,
            budgets={"quick": Budget(7, 250, 6), "full": Budget(12, 1000, 30)},
            notes=(
                *SAME,
                "Generated drawings have 16x16 pixels, those of an Omniglot folder 32x32. On generated ones no variant "
                "has learned all it can at quick.",
                "Adam stands in place of the course's SGD at 0.01, which hardly trains the alphabet's branch: after "
                "3000 steps of it, on generated drawings of 32x32 pixels, the alphabet was worth 0.005 nats.",
            ),
        ),
        _compared(
            call("torch.optim:SGD", lr=0.01),
            name="measurements",
            question="Does a row of measurements help beside an image?",
            task=IMAGE_AND_TABLE,
            budgets={"quick": Budget(10, 400, 4), "full": Budget(29, 2000, 110)},
            notes=SAME,
        ),
    ),
)
