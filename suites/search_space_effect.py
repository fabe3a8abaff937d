"""Ranking inversion: two comparisons whose only difference is the space that SGD's learning rate is searched in."""

from __future__ import annotations

from typing import Literal

from paribus import (
    Budget,
    Claim,
    Comparison,
    Factor,
    LogUniform,
    Recipe,
    SearchSpace,
    Suite,
    Tuning,
    call,
)
from paribus.experiment.search_space import space
from paribus.suites.tasks.images import IMAGES
from paribus.suites.tasks.metrics import accuracy, log_loss

Relation = Literal["better", "worse"]

RANKED = IMAGES.model_copy(
    update={
        "metrics": (
            log_loss(
                0.01,
                "which of two tuned optimizers is ahead is asked, not whether that matters; it is a factor of 1.01 in "
                "the probability of the true class",
            ),
            accuracy(0.005),
        )
    }
)
OPTIMIZERS = {
    "momentum": call("torch.optim:SGD", lr=0.01, momentum=0.9),
    "adam": call("torch.optim:Adam", lr=0.001),
}
ADAM = space(lr=LogUniform(low=1e-4, high=1e-1))
CAPPED = space(lr=LogUniform(low=1e-4, high=1e-2))
WIDE = space(lr=LogUniform(low=1e-4, high=1e-1))


def compared(
    name: str, question: str, rates: SearchSpace, text: str, relation: Relation
) -> Comparison:
    """One of the two: equal to the other but for the space of SGD's learning rate, and what is claimed of it."""
    return Comparison(
        name=name,
        question=question,
        task=RANKED,
        recipe=Recipe(
            model=call("paribus.models.mlp:MLP", hidden=[64]), optimizer=OPTIMIZERS["momentum"]
        ),
        factor=Factor("recipe.optimizer", OPTIMIZERS),
        baseline="momentum",
        budgets={"quick": Budget(29, 300, 4), "full": Budget(29, 300, 4)},
        tuning=Tuning(
            spaces={"momentum": rates, "adam": ADAM},
            trials={"quick": 16, "full": 100},
            seconds={"quick": 12, "full": 70},
            widen=False,
        ),
        claims=(
            Claim(
                name="search_space_effect",
                text=text,
                variant="adam",
                relation=relation,
                arm="tuned",
                source="Choi et al. 2019",
            ),
        ),
        notes=(
            "This page holds a pair. The two comparisons are equal but for the upper end of one range, that of SGD's "
            "learning rate: 0.01 in `capped`, 0.1 in `wide`. No pilot widens either: the space is what differs.",
            "Adam's runs are the same in both, and so is the default arm: an odd seed of Adam's counts in both.",
            "Task, steps and the number of seeds were chosen on 29 other seeds, so that there is a lead to see. Scored "
            "at the end of training, and before a search tried the stated settings too, tuned Adam was ahead by 0.055 "
            "nats in `capped` with 16 trials and behind by 0.015 in `wide`; with 100 trials, by 0.028 and 0.024. After "
            "600 steps neither was ahead.",
        ),
    )


SUITE = Suite(
    name="search_space_effect",
    title="Does the search space decide?",
    comparisons=(
        compared(
            "capped",
            "Does tuned Adam beat tuned SGD with momentum, whose learning rate may be at most 0.01?",
            CAPPED,
            "With SGD's learning rate capped at 0.01, tuned Adam is better than tuned SGD with momentum.",
            "better",
        ),
        compared(
            "wide",
            "Does it still, where that learning rate may be up to 0.1?",
            WIDE,
            "With rates up to 0.1 allowed, tuned Adam is worse than tuned SGD with momentum.",
            "worse",
        ),
    ),
)
