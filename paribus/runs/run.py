"""Runs: one training of one variant with one seed, its key, and its result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch

from paribus.data.dataset import Dataset
from paribus.errors import ParibusError
from paribus.experiment.recipe import Recipe
from paribus.experiment.task import Task
from paribus.runs.environment import Environment, torch_minor
from paribus.runs.fingerprint import fingerprint
from paribus.seeding import Streams
from paribus.spec import Call, Canonical, canonical, digest, to_plain


class Outcome(StrEnum):
    """End of a run."""

    completed = "completed"
    diverged = "diverged"
    exhausted = "exhausted"
    skipped = "skipped"


@dataclass(frozen=True)
class Run:
    """One training, to be made or read from the store.

    Attributes:
        data_digest: hash of the data that the task reads, "redrawn" where every seed draws its own.
        engine: the engine that trains it, with the settings that were resolved for it.
        trial: its number in its seed's search, or None for a run that counts. A trial is scored on the validation part
            alone.
        environment: that its key is made in; None is this machine's.
        deterministic: whether torch is asked for deterministic algorithms, which may give other numbers.
        redrawn: sources of randomness with a seed of their own, such as ``(("split", 7),)``: a purpose of `Streams`, or
            ``data`` where the task's data are drawn.
    """

    task: Task
    recipe: Recipe
    seed: int
    data_digest: str
    device: str = "cpu"
    engine: str = "loop"
    diagnostics: tuple[Call, ...] = ()
    trial: int | None = None
    environment: Environment | None = field(default=None, compare=False, repr=False)
    redrawn: tuple[tuple[str, int], ...] = ()
    deterministic: bool = False

    @property
    def streams(self) -> Streams:
        """Random streams of the run."""
        return Streams(self.seed, self.recipe.salt, self.trial, self.redrawn)

    @property
    def data_seed(self) -> int:
        """Seed that draws the data, where they are drawn."""
        return self.streams.seed_of("data")

    @cached_property
    def identity(self) -> dict[str, object]:
        """Everything that decides its numbers, as what `canonical` takes; the path of a file does not."""
        return {
            "task": _task_text(self.task),
            "data": self.data_digest,
            "recipe": self.recipe,
            "seed": self.seed,
            **({"redrawn": self.redrawn} if self.redrawn else {}),
            **({"deterministic": True} if self.deterministic else {}),
            "trial": self.trial,
            "diagnostics": self.diagnostics,
            "source": fingerprint(
                (self.task, self.recipe, *self.diagnostics), self.engine, self.environment
            ),
            "torch": self.environment.torch if self.environment else torch_minor(),
            "device": self.device,
            "engine": self.engine,
        }

    @cached_property
    def key(self) -> str:
        """Name under which the store keeps it."""
        return digest(self.identity)

    def unstarted(self) -> Run:
        """Return the run from weights of its own, to be timed: those of another training change no step."""
        return replace(self, recipe=self.recipe.model_copy(update={"start": None}))

    @cached_property
    def kind_key(self) -> str:
        """Name of its kind: its identity without its seed."""
        return digest({name: value for name, value in self.identity.items() if name != "seed"})


@lru_cache(64)
def _task_text(task: Task) -> Canonical:
    """Return the text of a task without the path of its file."""
    plain = to_plain(task)
    del plain["path"]
    return Canonical(canonical(plain))


def resolve_device(device: str) -> str:
    """Refuse a device that this machine lacks, before anything is trained on it.

    Raises:
        ParibusError: CUDA was asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ParibusError(
            "device",
            got="'cuda', but torch finds no usable GPU",
            expected="a machine with a CUDA device and a torch built for it",
            fix="Use --paribus-device cpu, or auto to skip what cannot run here.",
        )
    return device


@dataclass(frozen=True)
class Predictions:
    """First outputs of a network on the test part, and those of the first dummy predictor.

    Attributes:
        outputs: ``(sample, ...)``.
        target: ``(sample,)`` of class numbers or ``(sample, ...)``.
        dummy: in the shape of the outputs.
    """

    outputs: np.ndarray
    target: np.ndarray
    dummy: np.ndarray


@dataclass(frozen=True)
class RunResult:
    """Result of a finished run.

    Attributes:
        scores: final scores by name: metrics on the test part (none in a trial), and of the weights that are kept
            ``validation/...``, ``train/loss``, diagnostics.
        dummy: scores of each dummy predictor on the test part, by predictor and metric; none in a trial.
        curves: values at each evaluation by name, ``step`` among them; none in a trial.
        steps: optimizer steps done.
        best_step: step whose weights are kept and scored.
        other_scores: test scores of the weights that are not kept: those at the end where the best are kept, and the
            other way round; none in a trial.
        standard_errors: of each test score that is a mean over samples, what the test part's own size leaves; none in a
            trial.
        seconds: training, evaluation included, data reading left out.
        step_seconds: training alone, evaluation left out.
        parameters: how many numbers were trained.
        layers: of the network, in the order in which they are called: name, shape of the output of one sample, and
            number of parameters.
        hashes: of split, order, data, and of each initial weight under ``init``.
        data: of the data that were read: name, origin, digest, classes, and the number of samples in each part.
        provenance: versions, threads, device name, commit.
        network: of its start, where there is anything to say: ``own`` names the weights that the network draws or sets
            itself, each with whether all its numbers are equal, and ``notes`` is what a page must print.
    """

    key: str
    seed: int
    outcome: Outcome
    reason: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    other_scores: dict[str, float] = field(default_factory=dict)
    standard_errors: dict[str, float] = field(default_factory=dict)
    dummy: dict[str, dict[str, float]] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    steps: int = 0
    best_step: int = 0
    seconds: float = 0.0
    step_seconds: float = 0.0
    parameters: int = 0
    layers: list[dict[str, Any]] = field(default_factory=list)
    hashes: dict[str, object] = field(default_factory=dict)
    data: dict[str, object] = field(default_factory=dict)
    provenance: dict[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    network: dict[str, Any] = field(default_factory=dict)
    predictions: Predictions | None = None

    @property
    def completed(self) -> bool:
        """True where all its steps were done and everything stayed finite."""
        return self.outcome is Outcome.completed


REDRAWN = "redrawn"


def data_digest(task: Task, dataset: Dataset) -> str:
    """Return what a run's key holds for the data."""
    return REDRAWN if task.redrawn and not task.from_file else dataset.digest
