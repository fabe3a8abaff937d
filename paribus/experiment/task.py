"""Tasks: data, split, loss, metrics, and the predictors that learn nothing."""

from __future__ import annotations

import inspect
from typing import ClassVar

from pydantic import Field, model_validator

from paribus.data.dataset import Dataset, Split
from paribus.errors import ParibusError
from paribus.experiment.names import refuse_file_name
from paribus.metrics.named import PER_SAMPLE, known_perfect, unit_of_error
from paribus.metrics.score_range import score_range
from paribus.seeding import Streams
from paribus.spec import Call, Frozen

SQUARES = PER_SAMPLE["mse"][0]


class Metric(Frozen):
    """Score of the predictions: a mean over samples, or one number of all samples of a part.

    Args:
        name: the field's standard term, such as ``log_loss``.
        function: ``(outputs, targets) -> (sample,)``, of which the mean counts, or ``-> ()``, a number over the whole
            part, such as an F1 score. `paribus.metric` makes those of torchmetrics by name.
        higher_is_better: the direction.
        margin: the largest difference that does not matter, in the metric's own unit; without one nothing can be
            called equivalent.
        unit: such as ``nats`` or ``share``.
        margin_reason: why a difference of that size does not matter on this problem, a sentence for pages; it enters
            no run's key.
        perfect: the best score that there is, where it is not known by itself (0 for errors, 1 for shares), for pages.
    """

    unsaid: ClassVar[frozenset[str]] = frozenset({"margin_reason", "perfect"})

    name: str
    function: Call
    higher_is_better: bool
    margin: float | None = Field(default=None, gt=0)
    unit: str = ""
    margin_reason: str = ""
    perfect: float | None = None

    @property
    def sign(self) -> float:
        """Factor that turns scores so that higher is better: 1 or -1."""
        return 1.0 if self.higher_is_better else -1.0

    @property
    def range(self) -> tuple[float, float] | None:
        """Lowest and highest value that it can have, None where it has no known bound; the function says it."""
        return score_range(self.function)

    @property
    def best_possible(self) -> float | None:
        """Perfect score, None where none is known."""
        if self.perfect is not None:
            return self.perfect
        known = known_perfect(self.function)
        if known is None and self.unit.split(" ")[0] == "share":
            return 1.0 if self.higher_is_better else 0.0
        return known


class Task(Frozen):
    """Data to learn from, how they are split, and how predictions are scored.

    Args:
        name: a short name, by which ``--paribus-data NAME=PATH`` replaces its data.
        source: makes the embedded `Dataset`; it takes ``seed`` where ``redrawn``.
        reader: reads a user's file or folder, ``(path, target=None) -> Dataset``.
        path: a file or folder that stands in for the embedded data.
        target: the column to predict, where the reader has columns.
        split: ``(dataset, generator) -> Split``; it is given ``seed`` too where it takes it.
        perturb: ``(split, generator) -> split``, changes what a network is given, such as an input shuffled over the
            samples so that it carries no information; None leaves it as it is.
        loss: ``(outputs, targets) -> (sample,)``, averaged over a batch and minimised.
        metrics: scores; the first is the primary one, on which verdicts rest.
        dummy: predictors that learn nothing, ``(split) -> outputs of the test part``; the first gives the score of a
            failed run and the floor of the comparison. With several outputs losses take tuples, predictors return them.
        redrawn: the data are generated anew for every seed, so that inference is to new data.
    """

    name: str
    source: Call
    reader: Call
    split: Call
    loss: Call
    metrics: tuple[Metric, ...] = Field(min_length=1)
    dummy: dict[str, Call] = Field(min_length=1)
    path: str | None = None
    target: str | None = None
    perturb: Call | None = None
    redrawn: bool = False

    @model_validator(mode="after")
    def _named(self) -> Task:
        refuse_file_name("a task", self.name)
        return self

    @model_validator(mode="after")
    def _distinct_metrics(self) -> Task:
        names = [m.name for m in self.metrics]
        if len(set(names)) < len(names):
            raise ParibusError(
                f"metrics of task {self.name!r}",
                got=", ".join(names),
                expected="a different name for each",
                fix="Rename or drop the repeated one.",
            )
        return self

    @property
    def primary(self) -> Metric:
        """Metric on which verdicts rest."""
        return self.metrics[0]

    def with_metric(self, metric: Metric) -> Task:
        """Return the same task with this score as its primary one, in place of one of the same name.

        An error of values that names no unit gets that of the task's squared error.
        """
        others = tuple(m for m in self.metrics if m.name != metric.name)
        squares = next((m.unit for m in self.metrics if m.function.target == SQUARES), "")
        if not metric.unit and (unit := unit_of_error(metric.function, squares)):
            metric = metric.model_copy(update={"unit": unit})
        return self.model_copy(update={"metrics": (metric, *others)})

    @property
    def from_file(self) -> bool:
        """True where a user's own data stand in for the embedded ones."""
        return self.path is not None

    def read(self, seed: int) -> Dataset:
        """Read the data, embedded or from the path; ``seed`` matters only where they are redrawn."""
        if self.path is not None:
            extra = {} if self.target is None else {"target": self.target}
            dataset: Dataset = self.reader(self.path, **extra)
            return dataset
        drawn: Dataset = self.source(seed=seed) if self.redrawn else self.source()
        return drawn

    def make_split(self, dataset: Dataset, streams: Streams) -> Split:
        """Return the split that this seed sees, its data perturbed where the task says so; a salt changes neither."""
        shared = Streams(streams.seed_of("split"))
        takes = inspect.signature(self.split.resolve()).parameters
        numbered = {"seed": shared.seed} if "seed" in takes else {}
        split: Split = self.split(dataset, shared.generator("split"), **numbered)
        if self.perturb is not None:
            split = self.perturb(split, shared.generator("split", "alter"))
        return split
