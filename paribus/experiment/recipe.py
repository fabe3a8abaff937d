"""Recipes: every choice, besides the task, that fixes one training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from paribus.experiment.task import Task
from paribus.spec import Call, Frozen


class EarlyStopping(Frozen):
    """End of a run after ``patience`` evaluations in a row in each of which validation loss was above the one before.

    Which weights are scored then is for `Recipe.keep` to say.
    """

    patience: int = Field(default=5, ge=1)


class Recipe(Frozen):
    """Choices that fix one training, all of them plain data.

    Args:
        model: makes the network; it is given ``inputs`` (shape of a sample) and ``outputs`` (their number) where it
            accepts them, and a tuple of these where the data have several inputs or several targets.
        optimizer: such as ``call("torch.optim:Adam", lr=0.001)``; it is given the weights that are trained. Or several
            over parts of the network, by patterns of the weights' names, ``{"*.weight": call("torch.optim:Muon"),
            "*": call("torch.optim:AdamW")}``; a weight belongs to the first that fits.
        init: draws a layer's weights, ``(layer, *, generator, last)``; None keeps torch's own draw.
        augment: change the samples of each training batch at random, ``(sample) -> sample`` each, such as
            ``call("torchvision.transforms.v2:RandomHorizontalFlip")``; they get raw samples of the first input.
        batch_size: samples a step.
        steps: optimizer steps.
        evaluate_every: steps between evaluations on the validation part; 0 means once an epoch.
        schedule: of the learning rate, such as ``call("torch.optim.lr_scheduler:CosineAnnealingLR")``, which takes a
            step after each of the optimizer's, or None for a rate that stays. It is told ``steps`` where it has an
            argument for the length of a training (`paribus.training.schedule`).
        start: the training whose weights this one starts from, or None for weights as they are drawn.
        freeze: patterns of the names of weights that are not trained, such as ``features.*``; the running statistics of
            a batch norm are no weights, and follow the data.
        clip_norm: largest global norm of the gradient, or None.
        keep: which weights are scored: ``best``, those of the evaluation with the best validation score, the first of
            equal ones and none before the first step; or ``last``, those at the end, where the end of training is
            itself the question. Of the others the test scores are recorded too.
        early_stopping: when to stop before the steps are done, or never.
        time_limit: seconds after which a run is stopped as exhausted, or None.
        dtype: precision of weights and data.
        salt: gives two otherwise equal recipes different random streams, all but the split, for comparisons of a
            variant with itself.
    """

    unsaid_defaults: ClassVar[frozenset[str]] = frozenset({"schedule"})

    model: Call
    optimizer: Call | Annotated[tuple[tuple[str, Call], ...], Field(min_length=1)]
    schedule: Call | None = None
    init: Call | None = None
    augment: tuple[Call, ...] = ()
    start: Pretrained | None = None
    freeze: tuple[str, ...] = ()
    batch_size: int = Field(default=32, ge=1)
    steps: int = Field(default=1000, ge=1)
    evaluate_every: int = Field(default=0, ge=0)
    clip_norm: float | None = Field(default=None, gt=0)
    keep: Literal["best", "last"] = "best"
    early_stopping: EarlyStopping | None = None
    time_limit: float | None = Field(default=None, gt=0)
    dtype: Literal["float32", "float64"] = "float32"
    salt: str = ""

    @field_validator("optimizer", mode="before")
    @classmethod
    def _in_order(cls, given: object) -> object:
        """Write a mapping from patterns to optimizers as pairs, because plain data keep no order of a mapping."""
        if isinstance(given, Mapping) and given and "target" not in given:
            return tuple(given.items())
        return given


class Pretrained(Frozen):
    """Earlier training, with the same seed, whose weights a training starts from.

    Args:
        task: the task of that training.
        recipe: its recipe.
        load: patterns of the names of weights and running statistics that are loaded; the others, such as those of
            a head that is replaced, stay as they are drawn.
    """

    task: Task
    recipe: Recipe
    load: tuple[str, ...] = Field(default=("*",), min_length=1)


Recipe.model_rebuild()
