"""Records written by hand, so that results, claims and pages are tested on numbers that anybody can check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import nan
from typing import Any

import numpy as np

from paribus import Budget, Comparison, Factor, Recipe, Suite, Task, call
from paribus.analysis.interim_looks import note_looks
from paribus.analysis.results import Result, collect, timing_key
from paribus.experiment.variant import Variant
from paribus.runs.run import Outcome, Predictions, Run, RunResult
from paribus.runs.store import Store
from paribus.runs.timing import Timing
from paribus.suites.tasks.metrics import accuracy, log_loss

TASK = Task(
    name="points",
    source=call("tests.helpers.toys:points"),
    reader=call("paribus.data.readers.table:read_table"),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:log_loss"),
    metrics=(log_loss(0.02), accuracy(0.01)),
    dummy={"prior": call("paribus.data.dummy:prior")},
)
RECIPE = Recipe(
    model=call("paribus.models.mlp:MLP", hidden=[4]),
    optimizer=call("torch.optim:SGD", lr=0.1),
    batch_size=8,
    steps=20,
)
OPTIMIZERS = {
    "sgd": call("torch.optim:SGD", lr=0.1),
    "adam": call("torch.optim:Adam", lr=0.01),
    "rmsprop": call("torch.optim:RMSprop", lr=0.01),
}
LRS = {"0.001": 0.001, "0.01": 0.01, "0.1": 0.1, "1": 1.0}
LR = Factor("recipe.optimizer.lr", LRS)
SEEDS = 10
FAILED = nan
# Two hundredths either way, so that means are what tests name and spreads are not zero.
SPREAD = np.tile([-0.02, 0.02], SEEDS)


def comparison(**changes: Any) -> Comparison:
    """Compare three optimizers; the first is the baseline."""
    fields: dict[str, Any] = {
        "name": "hand",
        "question": "Which optimizer is best?",
        "task": TASK,
        "recipe": RECIPE,
        "factors": (Factor("recipe.optimizer", OPTIMIZERS),),
        "baseline": ("sgd",),
        "budgets": {"quick": Budget(SEEDS, 20, 1)},
        "target": 0.4,
    }
    return Comparison(**(fields | changes))


def around(mean: float, seeds: int = SEEDS) -> list[float]:
    """Return scores of this mean, one a seed."""
    return [mean + float(x) for x in SPREAD[:seeds]]


def record(run: Run, score: float, **changes: Any) -> RunResult:
    """Make the result of a run that ended with this log loss; NaN is a run that diverged."""
    diverged = bool(np.isnan(score))
    start = [0.7, 0.5] if diverged else [0.7, 0.5, score]
    layers = (
        "Linear0.weight(4, 2)",
        "Linear0.bias(4,) of (4, 2)",
        "Linear1.weight(1, 4)",
        "Linear1.bias(1,) of (1, 4)",
    )
    made = RunResult(
        key=run.key,
        seed=run.seed,
        outcome=Outcome.diverged if diverged else Outcome.completed,
        reason="loss was not finite" if diverged else "",
        scores={} if diverged else {"log_loss": score, "accuracy": 0.9},
        dummy={"prior": {"log_loss": 0.7, "accuracy": 0.5}},
        curves={"step": [0, 10, 20][: len(start)], "validation/log_loss": start},
        steps=20,
        best_step=20,
        seconds=2.0,
        step_seconds=1.0,
        parameters=17,
        layers=[
            {
                "layer": "Linear0",
                "output": [4],
                "weights": {"weight": [4, 2], "bias": [4]},
                "parameters": 12,
            },
            {"layer": "ReLU0", "output": [4], "weights": {}, "parameters": 0},
            {
                "layer": "Linear1",
                "output": [1],
                "weights": {"weight": [1, 4], "bias": [1]},
                "parameters": 5,
            },
        ],
        hashes={
            "data": "d",
            "split": f"split{run.seed}",
            "order": f"order{run.seed}",
            "init": {layer: f"{layer}{run.seed}" for layer in layers},
        },
        data={
            "name": "points",
            "origin": "made by hand",
            "digest": "d",
            "classes": ["low", "high"],
            "train": 36,
            "validation": 12,
            "test": 12,
        },
        provenance={"torch": "2.11.0", "threads": 1, "commit": "abc", "dirty": False},
        notes=("3 values filled",),
    )
    return replace(made, **changes)


def half_of_the_score(results: Sequence[Result], variant: str) -> np.ndarray:
    """Measure half of the primary score of each seed."""
    (result,) = results
    return result.row(variant).scores / 2


def mean_of_the_scores(results: Sequence[Result], variant: str) -> np.ndarray:
    """Measure the mean of the primary scores of each seed over several comparisons."""
    return np.mean([result.row(variant).scores for result in results], axis=0)


@dataclass
class Bench:
    """Store that is filled by hand, and the result that comes of it."""

    store: Store
    comparison: Comparison = field(default_factory=comparison)
    seeds: int = SEEDS
    device: str = "cpu"

    def variant(self, name: str) -> Variant:
        return next(v for v in self.comparison.variants() if v.name == name)

    def runs(self, name: str) -> list[Run]:
        v = self.variant(name)
        return [Run(v.task, v.recipe, seed, "d", self.device) for seed in range(self.seeds)]

    def put(self, name: str, losses: Sequence[float], **changes: Any) -> Bench:
        """Keep a record a log loss; fewer of them than seeds leave the last seeds without."""
        for run, score in zip(self.runs(name), losses, strict=False):
            self.store.add(run, record(run, score, **changes))
        return self

    def perturb(self, name: str, seed: int, **changes: Any) -> Bench:
        """Change the record of one run."""
        run = self.runs(name)[seed]
        self.store.add(run, replace(self.store.get([run.key])[run.key], **changes))
        return self

    def predict(
        self, name: str, outputs: Sequence[Sequence[float]], target: Sequence[int]
    ) -> Bench:
        """Keep predictions beside every record of a variant; the dummy predictor says the first class."""
        for run in self.runs(name):
            stored = self.store.get([run.key])[run.key]
            dummy = np.tile([1.0, 0.0], (len(target), 1))
            said = Predictions(np.array(outputs, dtype=float), np.array(target), dummy)
            self.store.add(run, replace(stored, predictions=said))
        return self

    def time(self, name: str, ratio: float) -> Bench:
        """Keep step times of a variant, its baseline taking a hundred microseconds."""
        base = self.comparison.variants()[0].name
        names = (timing_key(self.runs(name)[0]), timing_key(self.runs(base)[0]), self.device)
        self.store.add_timing(*names, Timing([1e-4 * ratio] * 3, [1e-4] * 3))
        return self

    def result(self, *, suite: Suite | None = None, **changes: Any) -> Result:
        runs = {v.name: self.runs(v.name) for v in self.comparison.variants()}
        settings: dict[str, Any] = {"failures": {}, "runs": runs, **changes}
        result = collect(
            suite
            or Suite(name="hand", title="By hand", system="S0", comparisons=(self.comparison,)),
            self.comparison,
            budget="quick",
            device=self.device,
            store=self.store,
            **settings,
        )
        note_looks([result], self.store)
        return result


def filled(store: Store, **changes: Any) -> Bench:
    """Fill a bench on which adam is better by 0.2, and rmsprop equal within the margin."""
    bench = Bench(store, comparison(**changes))
    bench.put("sgd", around(0.4)).put("adam", around(0.2))
    same = [score + 0.001 * (-1) ** (i // 2) for i, score in enumerate(around(0.4))]
    return bench.put("rmsprop", same)
