"""Stacked training of a cohort against the loop, run by run: the same weights, curves, scores and outcomes."""

from __future__ import annotations

import gc
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from paribus.data.dataset import Split, Subset
from paribus.engines.vmapped.fit import StackedTraining, train_together
from paribus.experiment.recipe import EarlyStopping, Recipe
from paribus.runs.run import Outcome, Run, RunResult
from paribus.seeding import Streams
from paribus.spec import Call, call
from paribus.suites.tasks.adding import ADDING, adding
from paribus.training.loop import DIAGNOSED, Training, train

MLP = call("paribus.models.mlp:MLP", hidden=[6, 5])
NETWORKS = {
    "mlp": ("table", MLP),
    "mlp as a list": ("table", call("paribus.models.mlp:sequential_mlp", hidden=[6, 5])),
    "mlp with norm": ("table", call("paribus.models.mlp:MLP", hidden=[6, 5], norm="batch")),
    "mlp as a list with norm": (
        "table",
        call("paribus.models.mlp:sequential_mlp", hidden=[6, 5], norm="batch"),
    ),
    "mlp with dropout": ("table", call("paribus.models.mlp:MLP", hidden=[6, 5], dropout=0.3)),
    "mlp with norm and dropout": (
        "images",
        call("paribus.models.mlp:sequential_mlp", hidden=[6, 5], norm="batch", dropout=0.3),
    ),
    "mlp of a number": ("series", call("paribus.models.mlp:MLP", hidden=[6, 5], activation="ELU")),
    "cnn": ("images", call("paribus.models.cnn:CNN", channels=[2, 3])),
    "cnn with norm": ("images", call("paribus.models.cnn:CNN", channels=[2, 3], norm="batch")),
    "cnn with dropout": ("images", call("paribus.models.cnn:CNN", channels=[2, 3], dropout=0.3)),
    "two inputs": (
        "pairs",
        call("paribus.models.branches:TwoInputs", channels=2, embedding=4, second=2),
    ),
    "two outputs": ("answers", call("paribus.models.branches:TwoOutputs", channels=2, embedding=4)),
    "autoencoder": (
        "copies",
        call("paribus.models.autoencoders:Autoencoder", code=3, output="sigmoid"),
    ),
    "convolutional autoencoder": (
        "copies",
        call("paribus.models.autoencoders:ConvAutoencoder", channels=[3, 2], halvings=1),
    ),
}
# The optimizers at their usual settings, each with what else the recipe says of it.
OPTIMIZERS: dict[str, tuple[Call, dict[str, Any]]] = {
    "sgd": (call("torch.optim:SGD", lr=0.01), {}),
    "momentum": (call("torch.optim:SGD", lr=0.01, momentum=0.95), {}),
    "nesterov": (call("torch.optim:SGD", lr=0.01, momentum=0.9, nesterov=True), {}),
    "weight decay": (call("torch.optim:SGD", lr=0.01, momentum=0.9, weight_decay=0.1), {}),
    "adagrad": (call("torch.optim:Adagrad", lr=0.01), {}),
    "rmsprop": (call("torch.optim:RMSprop", lr=0.01), {}),
    "adam": (call("torch.optim:Adam", lr=0.001), {}),
    "adamw": (call("torch.optim:AdamW", lr=0.001, weight_decay=0.1), {}),
    "sgd, clipped": (call("torch.optim:SGD", lr=0.1), {"clip_norm": 0.05}),
    "adam, clipped": (call("torch.optim:Adam", lr=0.01), {"clip_norm": 0.05}),
}


def state(network: nn.Module, _part: Subset, _loss: Call) -> dict[str, float]:
    """Return every weight and every running statistic, as a diagnostic, so that a record holds them all."""
    return {
        f"{name}/{i}": number
        for name, values in network.state_dict().items()
        for i, number in enumerate(values.double().flatten().tolist())
    }


STATE = call(state)


def by_loop(runs: Sequence[Run], splits: Sequence[Split]) -> list[RunResult]:
    return [train(run, split) for run, split in zip(runs, splits, strict=True)]


def seeded(tiny: Any, model: Call, seeds: Sequence[int] = range(3), **settings: Any) -> Any:
    """Return runs and splits, one a seed; the split, and with it the standardisation, is each seed's own."""
    settings = {"diagnostics": (STATE,)} | settings
    return [tiny.run(model, seed=s, **settings) for s in seeds], [tiny.make_split(s) for s in seeds]


def facts(record: RunResult) -> str:
    """Return what two engines must agree on exactly."""
    unlike = {"scores": {}, "other_scores": {}, "standard_errors": {}, "curves": {}}
    bare = replace(record, **unlike, predictions=None, seconds=0.0, step_seconds=0.0)
    return repr(bare) + repr(record.curves["step"])


def numbers(record: RunResult) -> dict[str, np.ndarray]:
    """Return what two engines must agree on to round-off."""
    found = {f"curve {name}": np.array(curve) for name, curve in record.curves.items()}
    for field in ("scores", "other_scores", "standard_errors"):
        found |= {f"{field} {name}": np.array(x) for name, x in getattr(record, field).items()}
    if record.predictions is not None:
        found["predictions"] = record.predictions.outputs
        found["targets"] = record.predictions.target
    return found


def same(actual: Sequence[RunResult], expected: Sequence[RunResult], tolerance: float) -> None:
    """Check for the same records, numbers within a tolerance: relative above one, absolute below."""
    for a, b in zip(actual, expected, strict=True):
        assert facts(a) == facts(b)
        found, wanted = numbers(a), numbers(b)
        assert found.keys() == wanted.keys()
        for name in wanted:
            np.testing.assert_allclose(
                found[name], wanted[name], rtol=tolerance, atol=tolerance, err_msg=name
            )


def agree(runs: Sequence[Run], splits: Sequence[Split], tolerance: float) -> list[RunResult]:
    """Train together, check that the records are those of the loop, and return them."""
    records = train_together(runs, splits)
    same(records, by_loop(runs, splits), tolerance)
    return records


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_two_epochs_are_those_of_the_loop(tiny, network: str, optimizer: str) -> None:
    """Weights and batch-norm statistics at every evaluation, curves, scores, predictions, hashes and outcome."""
    kind, model = NETWORKS[network]
    named, settings = OPTIMIZERS[optimizer]
    agree(*seeded(tiny[kind], model, optimizer=named, **settings), tolerance=1e-12)


# A step that is taken often enough is recorded and replayed, which no shorter training shows.
LONG = {"steps": 210, "evaluate_every": 105}


@pytest.mark.parametrize("optimizer", ["momentum", "adam, clipped"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_long_training_is_the_loops(tiny, network: str, optimizer: str) -> None:
    """Seventy epochs, over which rounding may grow."""
    kind, model = NETWORKS[network]
    named, settings = OPTIMIZERS[optimizer]
    agree(*seeded(tiny[kind], model, optimizer=named, **LONG, **settings), tolerance=1e-9)


# Weights that are frozen.

FROZEN = {
    "mlp with norm": ("table", NETWORKS["mlp with norm"][1], ("hidden.*",)),
    "cnn": ("images", NETWORKS["cnn"][1], ("features.0.*", "linear.bias")),
    "two outputs": ("answers", NETWORKS["two outputs"][1], ("image.*",)),
}


@pytest.mark.parametrize("optimizer", ["weight decay", "adamw", "adam, clipped"])
@pytest.mark.parametrize("network", FROZEN)
@pytest.mark.parametrize("settings", [{}, LONG], ids=["short", "long"])
def test_frozen_weights_are_those_of_the_loop(
    tiny, network: str, optimizer: str, settings: Any
) -> None:
    """Neither decay nor momentum moves them, and clipping does not see them."""
    kind, model, frozen = FROZEN[network]
    named, more = OPTIMIZERS[optimizer]
    runs, splits = seeded(
        tiny[kind], model, optimizer=named, freeze=frozen, diagnostics=(), **{**more, **settings}
    )
    agree(runs, splits, tolerance=1e-9)
    training = StackedTraining(runs, splits)
    training.advance(3)
    for i, run in enumerate(runs):
        alone = Training(run, splits[i])
        training.stack.load(training.scratch, i)
        kept = [n for n, p in alone.network.named_parameters() if not p.requires_grad]
        assert kept == training.stack.frozen
        for name in kept:
            found, wanted = (x.get_parameter(name) for x in (training.scratch, alone.network))
            assert torch.equal(found, wanted), name


# Samples that are changed at random.

CHANGES = (
    call("torchvision.transforms.v2:RandomHorizontalFlip", p=0.5),
    call("torchvision.transforms.v2:RandomRotation", degrees=45),
)


@pytest.mark.parametrize("settings", [{}, LONG], ids=["short", "long"])
@pytest.mark.parametrize("network", ["cnn", "cnn with norm", "two inputs"])
def test_augmented_samples_are_those_of_the_loop(tiny, network: str, settings: Any) -> None:
    kind, model = NETWORKS[network]
    settings = {"optimizer": OPTIMIZERS["adam"][0], **settings}
    records = agree(*seeded(tiny[kind], model, augment=CHANGES, **settings), tolerance=1e-9)
    plain = train_together(*seeded(tiny[kind], model, **settings))
    assert all(a.scores != b.scores for a, b in zip(records, plain, strict=True))


def test_replicates_of_one_seed_see_the_same_augmented_samples(tiny) -> None:
    """And those of other seeds beside them their own."""
    rates, seeds = (0.1, 0.01, 0.1, 0.01), (4, 4, 0, 4)
    made = [
        tiny["images"].pair(
            NETWORKS["cnn"][1], call("torch.optim:SGD", lr=lr), seed=seed, augment=CHANGES
        )
        for lr, seed in zip(rates, seeds, strict=True)
    ]
    runs, splits = map(list, zip(*made, strict=True))
    records = agree(runs, splits, tolerance=1e-12)
    assert records[1].scores == records[3].scores


# Who else is in the cohort.

COMPANY = {
    "mlp": ("table", MLP),
    "mlp with norm and dropout": NETWORKS["mlp with norm and dropout"],
    "cnn with norm": NETWORKS["cnn with norm"],
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize("network", COMPANY)
def test_a_replicate_alone_is_what_it_is_among_127_others(
    tiny, network: str, dtype: str, tolerance: float
) -> None:
    """Though theirs are other seeds, learning rates and momenta."""
    kind, model = COMPANY[network]
    optimizers = [
        call("torch.optim:SGD", lr=0.01 * (1 + i), momentum=[0.9, 0.0, 0.5][i % 3])
        for i in range(128)
    ]
    made = [tiny[kind].pair(model, o, seed=i, dtype=dtype) for i, o in enumerate(optimizers)]
    runs, splits = map(list, zip(*made, strict=True))
    together = train_together(runs, splits)
    for i in (0, 64, 127):
        same([together[i]], train_together([runs[i]], [splits[i]]), tolerance)


@pytest.mark.parametrize("optimizer", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
def test_each_replicate_has_numbers_of_its_own(tiny, optimizer: str) -> None:
    """Learning rates and decays as different as zero and one, in one cohort."""
    numbers_of = [{"lr": 0.1}, {"lr": 1e-4, "weight_decay": 1.0}, {"lr": 0.01, "weight_decay": 0.1}]
    more = {
        "SGD": [{"momentum": 0.95}, {}, {"momentum": 0.5, "dampening": 0.5}],
        "Adagrad": [{"lr_decay": 0.1}, {"initial_accumulator_value": 1.0}, {"eps": 1e-3}],
        "RMSprop": [{"alpha": 0.5}, {"momentum": 0.9}, {"eps": 1e-3}],
    }.get(optimizer, [{"betas": [0.5, 0.9]}, {}, {"eps": 1e-3}])
    calls = [
        call(f"torch.optim:{optimizer}", **a, **b) for a, b in zip(numbers_of, more, strict=True)
    ]
    runs = [tiny["table"].run(MLP, c, seed=1, diagnostics=(STATE,)) for c in calls]
    splits = [tiny["table"].make_split(1)] * 3
    records = agree(runs, splits, tolerance=1e-12)
    assert len({r.scores["log_loss"] for r in records}) == 3


# How a run ends.


def bits(record: RunResult) -> str:
    """Return all of a record besides seconds, digit by digit."""
    return facts(record) + repr({n: a.tolist() for n, a in numbers(record).items()})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("network", ["mlp of a number", "mlp with norm"])
def test_a_replicate_that_diverges_touches_no_neighbour(tiny, network: str, dtype: str) -> None:
    """Its neighbours are, bit for bit, what they are beside one that does not."""
    kind, model = NETWORKS[network]

    def cohort(middle: float, **settings: Any) -> list[RunResult]:
        made = [
            tiny[kind].run(model, call("torch.optim:SGD", lr=lr, momentum=0.9), seed=i, **settings)
            for i, lr in enumerate((0.01, middle, 0.05, 0.02))
        ]
        return train_together(made, [tiny[kind].make_split(i) for i in range(4)])

    settings = {"steps": 12, "evaluate_every": 2, "dtype": dtype, "diagnostics": (STATE,)}
    huge = 1e6 if dtype == "float32" else 1e200
    tame, wild = cohort(0.01, **settings), cohort(huge, **settings)
    assert [r.outcome for r in tame] == [Outcome.completed] * 4
    assert [r.outcome for r in wild] == [
        Outcome.completed, Outcome.diverged, Outcome.completed, Outcome.completed
    ]  # fmt: skip
    for i in (0, 2, 3):
        assert bits(wild[i]) == bits(tame[i])


def test_a_replicate_that_diverges_is_recorded_as_by_the_loop(tiny) -> None:
    """With its curves up to there, without scores, and at the same step; the others complete."""
    rates = [0.01, 1e200, 1e12, 0.02]
    runs = [
        tiny["series"].run(
            call("paribus.models.mlp:MLP", hidden=[]),
            call("torch.optim:SGD", lr=lr),
            seed=i,
            evaluate_every=1,
            steps=30,
        )
        for i, lr in enumerate(rates)
    ]
    splits = [tiny["series"].make_split(i) for i in range(4)]
    records, expected = train_together(runs, splits), by_loop(runs, splits)
    assert [r.outcome for r in records] == [
        Outcome.completed, Outcome.diverged, Outcome.diverged, Outcome.completed
    ]  # fmt: skip
    assert records[1].steps < records[2].steps < 30
    for record, other in zip(records, expected, strict=True):
        assert facts(record) == facts(other)
        assert record.curves.keys() == other.curves.keys()
    for i in (1, 2):
        assert records[i].curves["step"] == [*range(records[i].steps)]
        assert (records[i].scores, records[i].predictions) == ({}, None)
    same(records[::3], expected[::3], tolerance=1e-12)


def test_a_weight_that_is_not_finite_is_divergence_though_the_loss_was(tiny) -> None:
    """The first step's penalty is beyond any number, and its loss was that of the initial weights."""
    sgd = [call("torch.optim:SGD", lr=0.01), call("torch.optim:SGD", lr=1e300, weight_decay=1e10)]
    runs = [tiny["series"].run(MLP, o, evaluate_every=1, diagnostics=(STATE,)) for o in sgd]
    splits = [tiny["series"].make_split()] * 2
    records = agree(runs, splits, tolerance=1e-12)
    assert [(r.outcome, r.steps) for r in records] == [
        (Outcome.completed, 6),
        (Outcome.diverged, 1),
    ]


def test_a_test_score_that_is_not_finite_is_divergence(tiny) -> None:
    """The one infinite error stands in the test part of one replicate's data."""
    base = tiny["series"]
    parts = torch.arange(45) % 3
    huge = torch.where(parts[:, None] == 2, 1e30, base.dataset.targets[0])
    made = [
        base.changed(targets=(y,), declared=parts, standardise_targets=False)
        for y in (base.dataset.targets[0], huge)
    ]
    runs = [m.run(call("paribus.models.mlp:MLP"), dtype="float32") for m in made]
    records = train_together(runs, [m.make_split() for m in made])
    assert [r.outcome for r in records] == [Outcome.completed, Outcome.diverged]
    assert records[1].reason == "mse on the test part was not finite"


@pytest.mark.parametrize(
    "network", ["mlp of a number", "mlp with norm and dropout", "cnn with norm"]
)
@pytest.mark.parametrize("patience", [1, 2])
def test_each_replicate_stops_when_it_would_alone(tiny, network: str, patience: int) -> None:
    """Early stopping by the loop's rule: its stop, its best step, and the weights of that step."""
    kind, model = NETWORKS[network]
    runs, splits = seeded(
        tiny[kind],
        model,
        seeds=range(6),
        optimizer=call("torch.optim:SGD", lr=0.2, momentum=0.5),
        steps=40,
        evaluate_every=2,
        early_stopping=EarlyStopping(patience=patience),
    )
    records = agree(runs, splits, tolerance=1e-9)
    assert len({r.steps for r in records}) > 1
    assert any(r.best_step < r.steps for r in records)
    assert all(r.curves["step"][-1] == r.steps for r in records)


@pytest.mark.parametrize("patience", [None, 1])
@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_weights_that_are_kept_are_the_loops(tiny, keep: str, patience: int | None) -> None:
    """And the scores of the others, with and without a stop before the last step."""
    runs, splits = seeded(
        tiny["images"],
        NETWORKS["cnn with norm"][1],
        seeds=range(4),
        optimizer=call("torch.optim:SGD", lr=0.2, momentum=0.5),
        steps=24,
        evaluate_every=2,
        keep=keep,
        early_stopping=patience and EarlyStopping(patience=patience),
    )
    records = agree(runs, splits, tolerance=1e-9)
    apart = [r for r in records if r.scores["log_loss"] != r.other_scores["log_loss"]]
    assert apart, "the best and the last weights are the same in every run"
    assert all((r.best_step == r.steps) == (keep == "last") for r in apart)


@pytest.mark.parametrize(("every", "passes"), [(24, 1), (2, 2)])
def test_the_test_part_is_passed_once_where_the_best_weights_are_the_last(
    tiny, monkeypatch: pytest.MonkeyPatch, every: int, passes: int
) -> None:
    """Weights that are looked at once are the best and the last; of several looks the best is an earlier one."""
    parts: list[str] = []
    original = StackedTraining.outputs

    def outputs(training: StackedTraining, part: str) -> Any:
        parts.append(part)
        return original(training, part)

    monkeypatch.setattr(StackedTraining, "outputs", outputs)
    settings = {"optimizer": call("torch.optim:Adam", lr=0.2), "steps": 24, "evaluate_every": every}
    model = NETWORKS["mlp with norm and dropout"][1]
    records = agree(*seeded(tiny["images"], model, **settings), tolerance=1e-9)
    assert all(r.best_step == r.steps for r in records) == (passes == 1)
    assert parts.count("test") == passes


def test_a_replicate_that_was_never_best_is_scored_as_it_is(tiny) -> None:
    """Where validation loss is not finite from the start there are no best weights, and the last ones stay."""
    base = tiny["series"]
    parts = torch.arange(45) % 3
    huge = torch.where(parts[:, None] == 1, 1e30, base.dataset.targets[0])
    made = base.changed(targets=(huge,), declared=parts, standardise_targets=False)
    runs = [
        made.run(call("paribus.models.mlp:MLP"), call("torch.optim:SGD", lr=0.001), dtype="float32", seed=s,
                 early_stopping=EarlyStopping(patience=1))
        for s in (0, 1)
    ]  # fmt: skip
    splits = [made.make_split(s) for s in (0, 1)]
    agree(runs, splits, tolerance=1e-6)


# What is looked at.

DIAGNOSTICS = tuple(
    call(f"paribus.metrics.diagnostics:{name}")
    for name in (
        "gradient_norms",
        "activations",
        "update_norm",
        "layer_variances",
        "train_fit",
        "all_zero_output",
    )
)


@pytest.mark.parametrize("network", NETWORKS)
def test_diagnostics_are_those_of_the_loop(tiny, network: str) -> None:
    kind, model = NETWORKS[network]
    runs, splits = seeded(tiny[kind], model, diagnostics=DIAGNOSTICS)
    training = StackedTraining(runs, splits)
    records = train_together(runs, splits, training)
    same(records, by_loop(runs, splits), tolerance=1e-12)
    assert training.diagnostics.refused == ""
    assert {"gradient_norm/0", "gradient_ratio", "dead_share", "effective_step"} <= records[
        0
    ].curves.keys()


def test_diagnostics_are_taken_of_the_first_training_samples(tiny) -> None:
    """As many as by the loop, of the replicate's own training part, whatever else was diagnosed before."""
    x = torch.randn(600, 4, generator=torch.Generator().manual_seed(0))
    made = tiny["table"].changed(inputs=(x,), targets=((x[:, 0] > 0).long(),))
    model = call("paribus.models.mlp:MLP", hidden=[6, 5], norm="batch", dropout=0.3)
    runs, splits = seeded(made, model, diagnostics=DIAGNOSTICS)
    assert len(splits[0].train) > DIAGNOSED
    records = agree(runs, splits, tolerance=1e-12)
    (one, *_) = train_together([replace(run, diagnostics=DIAGNOSTICS[1:]) for run in runs], splits)
    shared = one.curves.keys()
    assert {n: records[0].curves[n][1:] for n in shared} == {
        n: c[1:] for n, c in one.curves.items()
    }


def test_looking_changes_nothing(tiny) -> None:
    """Neither how often replicates are evaluated nor what is diagnosed moves a weight or a mask at the end."""
    model = NETWORKS["mlp with norm and dropout"][1]
    found = []
    plain = {"diagnostics": (), "keep": "last"}
    for changed in ({"evaluate_every": 6}, {"evaluate_every": 1}, {"diagnostics": DIAGNOSTICS}):
        runs, splits = seeded(tiny["images"], model, **(plain | changed))
        found.append([r.predictions.outputs.tobytes() for r in train_together(runs, splits)])
    assert found[0] == found[1] == found[2]


# What is learned from.


def test_splits_and_standardisation_are_each_replicates_own(tiny) -> None:
    _, splits = seeded(tiny["table"], MLP)
    assert len({split.digest for split in splits}) == 3
    assert len({str(split.input_standardizers[0].shift.tolist()) for split in splits}) == 3


@pytest.mark.parametrize("holes", ["everywhere", "in one column", "in the test part alone"])
def test_missing_values_are_filled_for_each_replicate(tiny, holes: str) -> None:
    """With the median of its own training part."""
    base = tiny["table"]
    x = base.dataset.inputs[0].clone()
    settings: dict[str, Any] = {}
    if holes == "everywhere":
        x[torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.2] = math.nan
    elif holes == "in one column":
        x[::3, 2] = math.nan
    else:
        settings["declared"] = torch.arange(45) % 3
        x[2::6, 1] = math.nan
    made = base.changed(inputs=(x,), **settings)
    runs, splits = seeded(made, MLP)
    records = agree(runs, splits, tolerance=1e-12)
    assert all(r.completed for r in records)


def test_data_may_be_drawn_anew_for_each_seed() -> None:
    """As many samples or not, as long as the parts are of one size."""
    task = ADDING.model_copy(update={"name": "small adding"})
    sizes = {"length": 6, "train": 24, "validation": 9, "test": 10}
    recipe = Recipe(model=MLP, optimizer=call("torch.optim:SGD", lr=0.1), batch_size=8, steps=6)
    recipe = recipe.model_copy(update={"dtype": "float64"})
    runs = [Run(task, recipe, seed, "redrawn", diagnostics=(STATE,)) for seed in range(3)]
    splits = [task.make_split(adding(seed, **sizes), Streams(seed)) for seed in range(3)]
    # One more sample that is in no part shifts where the next replicate's data begin.
    longer = splits[1].dataset
    more = {
        "inputs": (torch.cat([longer.inputs[0], torch.full((1, 6, 2), 7.0)]),),
        "targets": (torch.cat([longer.targets[0], torch.full((1, 1), 7.0)]),),
    }
    splits[1] = replace(splits[1], dataset=replace(longer, **more))
    records = agree(runs, splits, tolerance=1e-12)
    assert len({r.hashes["data"] for r in records}) == 3


@pytest.mark.parametrize("axis", [1, None], ids=["standardised", "as they are"])
def test_images_may_be_bytes(tiny, axis: int | None) -> None:
    """They stay bytes in the one copy, and become numbers batch by batch."""
    base = tiny["images"]
    x = (base.dataset.inputs[0] * 40 + 128).clamp(0, 255).to(torch.uint8)
    made = base.changed(inputs=(x,), feature_axes=(axis,))
    model = NETWORKS["cnn with norm"][1] if axis else call(OfBytes)
    agree(*seeded(made, model), tolerance=1e-12)


class OfBytes(nn.Module):
    """Takes pixels as whole numbers, as they were read: an embedding of each."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, 2)
        self.linear = nn.Linear(2 * math.prod(inputs), outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.embedding(x.long()).flatten(1))


@pytest.fixture
def windows(tiny) -> Any:
    """Return a long series as overlapping windows: a view of the values, twenty times their size."""
    values = torch.randn(320, generator=torch.Generator().manual_seed(0))
    inputs = values.unfold(0, 20, 1)[..., None]
    return tiny["series"].changed(inputs=(inputs[:-1],), targets=(values[20:, None],), digest="w")


def test_windows_may_be_views_of_a_series(windows) -> None:
    runs, splits = seeded(windows, MLP)
    records = agree(runs, splits, tolerance=1e-12)
    copied = windows.changed(inputs=(windows.dataset.inputs[0].contiguous(),))
    runs, splits = seeded(copied, MLP)
    assert [*map(bits, train_together(runs, splits))] == [*map(bits, records)]


class Two(nn.Module):
    """Image and row of a table as inputs."""

    def __init__(self, inputs: Sequence[tuple[int, ...]], outputs: int) -> None:
        super().__init__()
        (channels, *_), (columns,) = inputs
        self.image = nn.Conv2d(channels, 2, 3)
        self.row = nn.Linear(columns, 2)
        self.linear = nn.Linear(4, outputs)

    def forward(self, image: Tensor, row: Tensor) -> Tensor:
        features = self.image(image).relu().mean((-1, -2)), self.row(row).tanh()
        return self.linear(torch.cat(features, -1))


def test_a_network_may_have_two_inputs(tiny) -> None:
    """Each standardised by statistics of its own, or left as it is."""
    both = (*tiny["images"].dataset.inputs, *tiny["table"].dataset.inputs)
    for axes in ((1, 1), (None, 1), (1, None)):
        made = tiny["images"].changed(inputs=both, feature_axes=axes)
        agree(*seeded(made, call(Two)), tolerance=1e-12)


class Largest(TorchDispatchMode):
    """Notes the bytes of the largest tensor that anything makes."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self.bytes = max(self.bytes, leaf.untyped_storage().nbytes())
        return made


def test_no_part_is_prepared_for_all_replicates_at_once(tiny) -> None:
    """Nothing that training makes is half as large as the validation part of each: samples come in chunks."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3000, 64, generator=generator)
    made = tiny["table"].changed(inputs=(x,), targets=((x[:, 0] > 0).long(),))
    settings = {"dtype": "float32", "steps": 2, "evaluate_every": 1, "diagnostics": DIAGNOSTICS}
    runs, splits = seeded(made, MLP, range(16), **settings)
    for split in splits:
        _ = split.input_standardizers  # the loop takes these statistics too, of one split at a time
    of_validation = 16 * len(splits[0].validation) * 64 * 4
    with Largest() as seen:
        train_together(runs, splits)
    assert seen.bytes < of_validation / 2


def live_bytes() -> int:
    """Bytes of all tensors that there are, each storage once."""
    gc.collect()
    tensors = [o for o in gc.get_objects() if type(o) in {Tensor, nn.Parameter}]
    found = [x.untyped_storage() for x in tensors if x.layout is torch.strided]
    return sum({storage.data_ptr(): storage.nbytes() for storage in found}.values())


@pytest.mark.parametrize("kind", ["table", "windows"])
def test_replicates_share_one_copy_of_the_data(tiny, windows, kind: str) -> None:
    """And it is the one that was read: a view of a series stays one."""
    base = windows
    if kind == "table":
        x = torch.randn(5000, 4, generator=torch.Generator().manual_seed(0))
        base = tiny["table"].changed(inputs=(x,), targets=((x[:, 0] > 0).long(),))
    runs, splits = seeded(base, MLP, range(8))
    for split in splits:
        _ = split.input_standardizers, split.target_standardizers
    before = live_bytes()
    training = StackedTraining(runs, splits)
    training.advance(2)
    # For each replicate who is in training and in which order, and its network in float64.
    orders = 2 * sum(split.train.nbytes for split in splits)
    networks = 2 * 8 * 8 * training.parameters
    read = base.dataset.inputs[0].untyped_storage().nbytes()
    assert live_bytes() - before < orders + networks + read / 2


# Networks of other people.


class Tied(nn.Module):
    """Map used twice, under two names, and a weight that nothing uses."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs[0], inputs[0])
        self.second = self.first
        self.last = nn.Linear(inputs[0], outputs)
        self.idle = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x).tanh()).tanh())


class Nested(nn.Module):
    """Dropout at two depths, one that drops nothing, and one that is never asked."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(inputs[0], 6), nn.Dropout(0.3), nn.ReLU())
        self.outer = nn.Dropout(0.6)
        self.none = nn.Dropout(0.0)
        self.idle = nn.Dropout(0.5)
        self.middle, self.last = nn.Linear(6, 5), nn.Linear(5, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.outer(self.none(self.middle(self.inner(x))).tanh()))


class Counting(nn.Module):
    """Statistics of its own, updated in place, and other norms."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.linear, self.last = nn.Linear(inputs[0], 6), nn.Linear(6, outputs)
        self.norms = nn.ModuleList([nn.LayerNorm(6), nn.BatchNorm1d(6), nn.GroupNorm(2, 6)])
        self.scale = nn.Parameter(torch.ones(()))
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(6))
        self.register_buffer("seen", torch.tensor(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        if self.training:
            self.mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
            self.seen += 1
        x = (x - self.mean) * self.scale
        for norm in self.norms:
            x = norm(x)
        return self.last(torch.where(x > 0, x, x.exp() - 1))


@pytest.mark.parametrize("length", [{}, LONG], ids=["short", "long"])
@pytest.mark.parametrize("network", [Tied, Nested, Counting])
def test_an_ordinary_module_needs_no_change(
    tiny, network: type[nn.Module], length: dict[str, int]
) -> None:
    settings = {"diagnostics": (STATE, *DIAGNOSTICS), **length}
    slow = call(
        "torch.optim:SGD", lr=0.01
    )  # at ten times that, rounding grows to 1e-8 in 210 steps
    runs, splits = seeded(tiny["table"], call(network), optimizer=slow, **settings)
    agree(runs, splits, tolerance=1e-9 if length else 1e-12)


class Warming(nn.Module):
    """Knows by a count of its own, which is no tensor, when to let its second layer in."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs[0], outputs), nn.Linear(inputs[0], outputs)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        return self.first(x) + (self.second(x) if self.calls > 100 else 0.0)


def test_a_module_may_count_its_steps(tiny) -> None:
    """Nobody calls it but for a step, and no step that was recorded is replayed for one that is another."""
    agree(*seeded(tiny["table"], call(Warming), **LONG), tolerance=1e-9)


@pytest.mark.parametrize(
    ("name", "tolerance"), [("Adam", 1e-7), ("RMSprop", 1e-7), ("Adagrad", 1e-6)]
)
def test_a_bias_before_a_norm_is_round_off_under_an_adaptive_optimizer(
    tiny, name: str, tolerance: float
) -> None:
    """Its gradient is zero, and what rounding makes of that is divided by its own size, or by torch's 1e-8 or 1e-10.

    So that weights agree to a millionth of a learning rate of one, in float64, and no better.
    """
    agree(*seeded(tiny["table"], call(Counting), optimizer=call(f"torch.optim:{name}")), tolerance)


# What is random, and what is not.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_cohort_twice_gives_identical_bits(tiny, dtype: str) -> None:
    """Whatever the global generator stands at, and without moving it."""
    kind, model = NETWORKS["mlp with norm and dropout"]
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        runs, splits = seeded(tiny[kind], model, dtype=dtype)
        found.append([*map(bits, train_together(runs, splits))])
        assert torch.equal(before, torch.get_rng_state())
    assert found[0] == found[1]


@pytest.mark.parametrize("network", NETWORKS)
def test_an_epoch_in_float32_is_the_loops_to_round_off(tiny, network: str) -> None:
    """Thirty units in the last place of weights of order one; RMSprop's first steps are ten learning rates long."""
    kind, model = NETWORKS[network]
    for name in ("momentum", "rmsprop", "adam", "adam, clipped"):
        optimizer, settings = OPTIMIZERS[name]
        runs, splits = seeded(
            tiny[kind], model, optimizer=optimizer, dtype="float32", steps=3, **settings
        )
        agree(runs, splits, tolerance=4e-6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("network", NETWORKS)
def test_cuda_gives_nearly_the_numbers_of_the_cpu(tiny, network: str) -> None:
    """In float64, with the dropout masks and orders that both devices share."""
    kind, model = NETWORKS[network]
    made = [seeded(tiny[kind], model, device=device) for device in ("cuda", "cpu")]
    for cuda, cpu in zip(*(train_together(*each) for each in made), strict=True):
        assert cuda.hashes == cpu.hashes
        for name, wanted in numbers(cpu).items():
            np.testing.assert_allclose(numbers(cuda)[name], wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("network", NETWORKS)
def test_on_cuda_the_loop_is_the_oracle_too(tiny, network: str) -> None:
    kind, model = NETWORKS[network]
    agree(*seeded(tiny[kind], model, device="cuda"), tolerance=1e-9)
