"""SIMD steps: against the loop, alone and among others, and what has no such form."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paribus.engines.simd import steps
from paribus.engines.simd import trainer as simd_trainer
from paribus.engines.simd.library import interpreter
from paribus.engines.simd.operations import UnsupportedError
from paribus.engines.simd.steps import SimdSteps, program_of
from paribus.engines.simd.trainer import NO_SIMD_FORM, CompiledTraining
from paribus.engines.toolchain import COMPILERS, Library, UnavailableError
from paribus.engines.vmapped import trainer as vmapped_trainer
from paribus.engines.vmapped.fit import StackedTraining, train_together
from paribus.experiment.recipe import EarlyStopping
from paribus.runs.run import Run
from paribus.spec import Call, call
from paribus.training.loop import train
from tests.engines.simd.test_trainer import cohort, same
from tests.helpers.toys import REDRAWN, a_run, points

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="there is no C++ compiler"
)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record even a training of a few steps."""
    monkeypatch.setattr(vmapped_trainer, "WORTH_TRACING", 0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("libraries")


@pytest.fixture
def shared(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a cache that the tests of this file share, so that what they have in common is built once."""
    monkeypatch.setenv("PARIBUS_CACHE", str(kept))
    return kept


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide an empty cache."""
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    return tmp_path


def taken(runs: Sequence[Run], splits: Sequence[Any]) -> CompiledTraining:
    """Return a training that has taken its first steps in SIMD form."""
    training = CompiledTraining(runs, splits)
    training.advance(3)
    assert training.reason == ""
    assert isinstance(training._compiled, SimdSteps)
    return training


class Other(nn.Module):
    """Linear map of what a function makes of the inputs."""

    def __init__(self, *, inputs: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.change(x))

    def change(self, x: Tensor) -> Tensor:
        return x


class Peculiar(nn.Module):
    """Operations that ordinary networks rarely use: own constants, choices, powers, sines, several reductions."""

    def __init__(self, *, inputs: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(inputs[0], 5), nn.Linear(7, outputs)
        self.norm = nn.LayerNorm(5)
        self.register_buffer("scale", torch.linspace(0.5, 2.0, 5))
        self.offsets, self.onto = torch.arange(5), torch.eye(5).roll(1, 0)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.first(x)) @ self.onto.to(x.dtype)
        h = h * self.scale + h * self.offsets / 10
        h = torch.where(h > 0.3, h.abs().sqrt(), h**3) + torch.sin(h) * h.sigmoid()
        top, spread = h.amax(1, keepdim=True), h.var(1, keepdim=True)
        parts = [h[:, :2].exp().clamp(max=4.0), h[:, 2:].log1p().nan_to_num(0.1), top, spread]
        found: Tensor = self.last(torch.cat(parts, dim=1)) / (1 + h.logsumexp(1, keepdim=True) ** 2)
        return found


class Biased(nn.Sequential):
    """Bias before batch norm: its gradient is zero, but for rounding."""

    def __init__(self, *, inputs: Sequence[int], outputs: int) -> None:
        first = nn.Linear(inputs[0], 16)
        super().__init__(first, nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, outputs))


def test_weights_that_rounding_alone_moves_do_not_matter(tiny, shared: Path) -> None:
    del shared
    adagrad = call("torch.optim:Adagrad", lr=0.05)
    runs = [tiny["table"].run(call(Biased), adagrad, seed=s, dtype="float32") for s in range(5)]
    taken(runs, [tiny["table"].make_split(s) for s in range(5)])


ADAM = call("torch.optim:Adam", lr=0.01, weight_decay=0.1)
WIDTHS = {"hidden": [7, 5, 1, 3, 6]}
CASES = {
    "norm, Adam, decay, clipping": (
        "table",
        {"model": {"hidden": [6, 5], "norm": "batch"}, "optimizer": ADAM, "clip_norm": 0.05},
        1e-9,
    ),
    "float32, momentum": (
        "table",
        {
            "dtype": "float32",
            "optimizer": call("torch.optim:SGD", lr=0.05, momentum=0.9, nesterov=True),
        },
        2e-5,
    ),
    "odd widths, Adagrad, ELU": (
        "table",
        {
            "model": {**WIDTHS, "activation": "ELU"},
            "optimizer": call("torch.optim:Adagrad", lr=0.05),
        },
        1e-9,
    ),
    "classes of images, RMSprop, Tanh": (
        "images",
        {
            "model": {"hidden": [6], "activation": "Tanh"},
            "optimizer": call("torch.optim:RMSprop", lr=0.01, momentum=0.5),
        },
        1e-9,
    ),
    "dropout, Adam": (
        "table",
        {"model": {"hidden": [6, 5], "dropout": 0.3}, "optimizer": ADAM},
        1e-9,
    ),
    "convolutions, maxima, norm": (
        "images",
        {"cnn": {"channels": [5, 3], "norm": "batch", "activation": "ReLU"}, "optimizer": ADAM},
        1e-9,
    ),
    "wide kernels, averages, dropout": (
        "images",
        {
            "cnn": {
                "channels": [2],
                "kernel_size": 5,
                "padding": 2,
                "pool": "average",
                "dropout": 0.2,
            }
        },
        1e-9,
    ),
    "kernels without padding, float32": (
        "images",
        {"cnn": {"channels": [6], "padding": 0, "pool": None}, "dtype": "float32"},
        2e-5,
    ),
    "values of a series, AdamW, GELU": (
        "series",
        {
            "model": {"hidden": [6], "activation": "GELU"},
            "optimizer": call("torch.optim:AdamW", lr=0.01),
        },
        1e-9,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_steps_in_lanes_are_those_of_the_loop(tiny, shared: Path, case: str) -> None:
    """Two epochs: curves, which hold losses of batches and of running statistics, and predictions."""
    del shared
    kind, settings, tolerance = CASES[case]
    runs, splits = cohort(tiny, kind, **settings)
    training = CompiledTraining(runs, splits)
    records = train_together(runs, splits, training)
    assert isinstance(training._compiled, SimdSteps)
    assert training.steps == training.update.steps == 7
    for record, run, split in zip(records, runs, splits, strict=True):
        same(record, train(run, split), tolerance)


def test_a_peculiar_network(tiny, shared: Path) -> None:
    del shared
    runs, splits = cohort(tiny, "table", optimizer=ADAM)
    runs = [replace(r, recipe=r.recipe.model_copy(update={"model": call(Peculiar)})) for r in runs]
    training, plain = taken(runs, splits), StackedTraining(runs, splits)
    plain.advance(3)
    torch.testing.assert_close(training.advance(3), plain.advance(3), rtol=1e-9, atol=1e-12)


class Convolves(Other):
    """Adds what a layer makes of the numbers as an image of six by six."""

    def __init__(self, *, inputs: Sequence[int], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.convolution = self.made()

    def made(self) -> nn.Module:
        return nn.Conv2d(1, 1, 1)

    def change(self, x: Tensor) -> Tensor:
        image = (self.layer.weight.mean() * x).view(-1, 1, 2, 2).repeat(1, 1, 3, 3)
        return x + self.convolution(image).sum((1, 2, 3), keepdim=True).flatten(1)


class Strided(Convolves):
    """Strides and windows that overlap, a kernel of two sides, more channels than a tile."""

    def made(self) -> nn.Module:
        first = nn.Conv2d(1, 9, (3, 2), stride=(2, 1), padding=(2, 1))
        return nn.Sequential(first, nn.MaxPool2d(2, stride=1), nn.Conv2d(9, 5, 2))


def test_strides_and_windows_that_overlap(tiny, shared: Path) -> None:
    del shared
    runs, splits = cohort(tiny, "table", optimizer=ADAM)
    runs = [replace(r, recipe=r.recipe.model_copy(update={"model": call(Strided)})) for r in runs]
    training, plain = taken(runs, splits), StackedTraining(runs, splits)
    plain.advance(3)
    torch.testing.assert_close(training.advance(3), plain.advance(3), rtol=1e-9, atol=1e-12)


def test_data_of_each_seed_s_own_with_missing_values(shared: Path) -> None:
    del shared
    runs, splits = [], []
    for seed in range(3):
        data = points(seed)
        (inputs,) = data.inputs
        inputs[seed::7, 0] = math.nan
        runs.append(a_run(seed, call("paribus.models.mlp:MLP", hidden=[4]), REDRAWN))
        splits.append(REDRAWN.make_split(data, runs[-1].streams))
    training, plain = taken(runs, splits), StackedTraining(runs, splits)
    (source,) = training.samples.inputs
    assert source.start is not None
    assert source.missing
    plain.advance(3)
    torch.testing.assert_close(training.advance(3), plain.advance(3), rtol=1e-5, atol=1e-6)


def _cohort(
    tiny: Any, seeds: Sequence[int], rates: Sequence[float], model: Call | None = None
) -> tuple[list[Run], list[Any]]:
    model = model or call("paribus.models.mlp:MLP", hidden=[4])
    optimizers = [call("torch.optim:SGD", lr=rate) for rate in rates]
    runs = [
        tiny["table"].run(model, o, seed=s, dtype="float32", steps=12)
        for s, o in zip(seeds, optimizers, strict=True)
    ]
    return runs, [tiny["table"].make_split(s) for s in seeds]


@pytest.mark.parametrize("norm", [None, "batch"])
def test_there_may_be_any_number_of_replicates(tiny, shared: Path, norm: str | None) -> None:
    """Fewer and more than there are lanes, by one library."""
    model = call("paribus.models.mlp:MLP", hidden=[4], norm=norm)
    before = {*shared.glob("steps-*"), interpreter("float64")}
    for count in (4, 1, 2, 16, 21):
        runs = [tiny["table"].run(model, ADAM, seed=s, steps=12) for s in range(count)]
        splits = [tiny["table"].make_split(s) for s in range(count)]
        training = CompiledTraining(runs, splits)
        plain = StackedTraining(runs, splits)
        torch.testing.assert_close(training.advance(12), plain.advance(12))
        assert isinstance(training._compiled, SimdSteps)
    assert {*shared.glob("steps-*")} == before


class Waves(Other):
    def change(self, x: Tensor) -> Tensor:
        return (self.layer.weight[:1] * x).sin() + x


@pytest.mark.parametrize(
    "model",
    [
        call("paribus.models.mlp:MLP", hidden=[4]),
        call("paribus.models.mlp:MLP", hidden=[4], activation="GELU"),
        call("paribus.models.mlp:MLP", hidden=[4], activation="Mish", norm="batch"),
        call(Waves),
    ],
    ids=["ReLU", "GELU", "Mish, norm", "sine"],
)
def test_no_replicate_touches_another(tiny, shared: Path, model: Call) -> None:
    """To the bit: alone, among others, in the last place of a vector, and beside one that diverges."""
    del shared
    alone = taken(*_cohort(tiny, [5], [0.1], model))
    seeds, rates = [*range(20), 5], [1e30, *[0.1] * 20]
    among = taken(*_cohort(tiny, seeds, rates, model))
    losses, others = alone.advance(6), among.advance(6)
    assert not among.stack.weights[0].isfinite().all()
    assert among.stack.weights[1:].isfinite().all()
    for place in (5, 20):
        assert torch.equal(others[:, place], losses[:, 0])
        assert torch.equal(among.stack.weights[place], alone.stack.weights[0])


def test_all_steps_between_evaluations_are_one_call(tiny, shared: Path) -> None:
    """Unless there are so many sample numbers that memory would grow with them."""
    del shared
    training = taken(*_cohort(tiny, range(3), [0.1] * 3))
    assert training.at_once == 3  # an epoch
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    runs = [replace(r, recipe=r.recipe.model_copy(update={"evaluate_every": 12})) for r in runs]
    training = CompiledTraining(runs, splits)
    training.advance(12)
    assert training.at_once == 12


def test_few_sample_numbers_are_drawn_at_once(tiny, shared: Path, monkeypatch) -> None:
    del shared
    monkeypatch.setattr(simd_trainer, "NUMBERS_AT_ONCE", 10 * 3 * 8)
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    runs = [replace(r, recipe=r.recipe.model_copy(update={"evaluate_every": 12})) for r in runs]
    training = CompiledTraining(runs, splits)
    training.advance(12)
    assert training.at_once == 10


def test_a_step_that_is_watched_is_taken_apart(tiny, shared: Path) -> None:
    del shared
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    watched = (call("paribus.metrics.diagnostics:update_norm"),)
    runs = [
        replace(r, recipe=r.recipe.model_copy(update={"evaluate_every": 6}), diagnostics=watched)
        for r in runs
    ]
    training = CompiledTraining(runs, splits)
    records = train_together(runs, splits, training)
    assert isinstance(training._compiled, SimdSteps)
    assert training.at_once == 5
    for record, run, split in zip(records, runs, splits, strict=True):
        same(record, train(run, split), 2e-5)


def test_early_stopping_keeps_each_replicate_s_best(tiny, shared: Path) -> None:
    del shared
    runs, splits = _cohort(tiny, range(3), [0.5, 0.1, 2.0])
    stopping = {"early_stopping": EarlyStopping(patience=1), "evaluate_every": 2, "steps": 40}
    runs = [replace(r, recipe=r.recipe.model_copy(update=stopping)) for r in runs]
    training = CompiledTraining(runs, splits)
    records = train_together(runs, splits, training)
    assert isinstance(training._compiled, SimdSteps)
    for record, run, split in zip(records, runs, splits, strict=True):
        same(record, train(run, split), 1e-4)


@pytest.mark.parametrize("which", ["rows of 32 bits", "images laid out by channels last"])
def test_data_that_torch_takes_in_another_form(tiny, shared: Path, which: str) -> None:
    del shared
    kind = "table" if which.startswith("rows") else "images"
    model = call("paribus.models.mlp:MLP", hidden=[3])
    runs = [tiny[kind].run(model, seed=s, dtype="float32", steps=12) for s in range(3)]
    splits = [tiny[kind].make_split(s) for s in range(3)]
    if kind == "table":
        splits = [replace(f, train=f.train.int()) for f in splits]
    else:
        (x,) = splits[0].dataset.inputs
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
        data = replace(splits[0].dataset, inputs=(x,))
        splits = [replace(f, dataset=data) for f in splits]
    training, plain = taken(runs, splits), StackedTraining(runs, splits)
    plain.advance(3)
    torch.testing.assert_close(training.advance(6), plain.advance(6), rtol=1e-5, atol=1e-6)


def test_a_class_that_the_network_does_not_have_is_seen_to_fail(tiny, shared: Path) -> None:
    """Torch's own loss raises an error there; in lanes that replicate diverges."""
    del shared
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    runs = [replace(tiny["images"].run(r.recipe.model, seed=r.seed, dtype="float32")) for r in runs]
    splits = [tiny["images"].make_split(s) for s in range(3)]
    training = taken(runs, splits)
    (targets,) = training.samples.targets
    raw = targets.raw.clone()
    raw[splits[1].train[:4]] = 3
    training.samples.targets = [replace(targets, raw=raw)]
    losses = training.advance(30)
    assert not losses[:, 1].isfinite().all()


class Broken(SimdSteps):
    """Steps in which one weight of one replicate is off by one."""

    def __call__(self, *arguments: Tensor) -> Tensor:
        losses = super().__call__(*arguments)
        arguments[0][1, 0] += 1.0
        return losses


def test_steps_that_are_others_are_not_taken(tiny, shared: Path, monkeypatch) -> None:
    del shared
    monkeypatch.setattr(simd_trainer, "SimdSteps", Broken)
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    training, plain = CompiledTraining(runs, splits), StackedTraining(runs, splits)
    assert torch.equal(training.advance(6), plain.advance(6))
    assert training.reason == "RuntimeError: compiled steps give other results than plain steps"


def test_what_cannot_be_loaded_is_put_away(tiny, own: Path, monkeypatch) -> None:
    def built(_: Library, source: object) -> Path:
        del source
        path = own / "steps-0000000000000000.so"
        path.write_bytes(b"nothing")
        return path

    monkeypatch.setattr(Library, "built", built)
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    training, plain = CompiledTraining(runs, splits), StackedTraining(runs, splits)
    assert torch.equal(training.advance(6), plain.advance(6))
    assert training.reason.startswith("OSError: ")
    assert [path.name for path in own.glob("steps-*")] == ["steps-0000000000000000.failed"]


def test_a_program_is_recorded_once_for_all_cohorts(tiny, shared: Path, monkeypatch) -> None:
    """Within a process, and in the next one from the cache; one that is damaged there is recorded again."""
    made: list[int] = []

    def recorded(*parts: Any) -> Any:
        made.append(1)
        return program_of(*parts)

    monkeypatch.setattr(simd_trainer, "program_of", recorded)
    for _ in range(2):
        taken(*_cohort(tiny, range(3), [0.1] * 3, call("paribus.models.mlp:MLP", hidden=[9])))
    assert len(made) == 1
    monkeypatch.setattr(steps, "_programs", {})
    taken(*_cohort(tiny, range(5), [0.2] * 5, call("paribus.models.mlp:MLP", hidden=[9])))
    assert len(made) == 1
    monkeypatch.setattr(steps, "_programs", {})
    for path in shared.glob("program-*"):
        path.write_bytes(path.read_bytes()[:100])
    taken(*_cohort(tiny, range(3), [0.1] * 3, call("paribus.models.mlp:MLP", hidden=[9])))
    assert len(made) == 2


def test_a_program_of_other_steps_is_forgotten(tiny, shared: Path, monkeypatch) -> None:
    model = call("paribus.models.mlp:MLP", hidden=[8])
    before = {*shared.glob("program-*.npz")}
    monkeypatch.setattr(simd_trainer, "SimdSteps", Broken)
    runs, splits = _cohort(tiny, range(3), [0.1] * 3, model)
    training = CompiledTraining(runs, splits)
    training.advance(3)
    assert training.reason.startswith("RuntimeError: ")
    assert {*shared.glob("program-*.npz")} == before
    assert training._name(training.batches.take(1)) not in steps._programs


def test_a_program_that_was_twice_of_other_steps_is_not_recorded_again(
    tiny, own: Path, shared: Path, monkeypatch
) -> None:
    monkeypatch.setenv("PARIBUS_CACHE", str(shared))
    library = interpreter("float32")
    monkeypatch.setenv("PARIBUS_CACHE", str(own))
    (own / library.name).symlink_to(library)
    monkeypatch.setattr(simd_trainer, "SimdSteps", Broken)
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    said = []
    for _ in range(3):
        steps._programs.clear()
        training = CompiledTraining(runs, splits)
        training.advance(3)
        said.append(training.reason)
    reason = "compiled steps give other results than plain steps"
    assert said[:2] == [f"RuntimeError: {reason}"] * 2
    assert said[2] == (
        f"it failed 2 times, and is not tried again for a day or until paribus cache --clear: {reason}"
    )


def test_a_cache_that_cannot_be_reached_costs_the_machine_code_alone(
    tiny, own: Path, monkeypatch
) -> None:
    (own / "file").touch()
    monkeypatch.setenv("PARIBUS_CACHE", str(own / "file" / "cache"))
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    training, plain = CompiledTraining(runs, splits), StackedTraining(runs, splits)
    assert torch.equal(training.advance(6), plain.advance(6))
    assert training.reason.startswith("its machine code cannot be kept: ")


# What has no form in lanes.


def refused(runs: Sequence[Run], splits: Sequence[Any]) -> str:
    training = CompiledTraining(runs, splits)
    rows = training.batches.take(1)
    with pytest.raises(UnsupportedError) as error:
        program_of(training.stack, training.loss, training.update, None, training.samples, rows)
    return str(error.value)


class Sorts(Other):
    def change(self, x: Tensor) -> Tensor:
        return x.sort(1).values


class Doubles(Other):
    def change(self, x: Tensor) -> Tensor:
        return (x.double() + 1.0).float()


class Counts(Other):
    def change(self, x: Tensor) -> Tensor:
        return x + (x.long() // 2).float()


class Rounds(Other):
    def change(self, x: Tensor) -> Tensor:
        return x + x.long().to(x.dtype)


class Compares(Other):
    """Truth values with each other."""

    def change(self, x: Tensor) -> Tensor:
        return x + ((x > 0.0) == (x < 1.0)).to(x.dtype)


class Empties(Other):
    def change(self, x: Tensor) -> Tensor:
        return torch.cat([x, x[:, 4:].exp()], dim=1)


class Gaps(Convolves):
    def made(self) -> nn.Module:
        return nn.Conv2d(1, 1, 2, dilation=2, padding=2)


class Padded(Convolves):
    def made(self) -> nn.Module:
        return nn.Conv2d(1, 1, 1, padding=1)


class Parts(Convolves):
    def made(self) -> nn.Module:
        return nn.MaxPool2d(2, stride=1, padding=1)


class Ceils(Convolves):
    def made(self) -> nn.Module:
        return nn.AvgPool2d(4, ceil_mode=True)


class Folds(Other):
    def change(self, x: Tensor) -> Tensor:
        return (x.view(-1, 2, 1, 1, 1, 1, 1, 1, 2) + 1.0).flatten(1)


class Passes(Other):
    passes = 0

    def change(self, x: Tensor) -> Tensor:
        self.passes += 1
        return x


class Grumbles(Other):
    def change(self, x: Tensor) -> Tensor:
        return x + x.mean().item()


class Remembers(Other):
    table = torch.ones(65, 64)

    def change(self, x: Tensor) -> Tensor:
        return x + self.table.sum()


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Sorts, "aten.sort.default"),
        (Doubles, "numbers of torch.float64 among torch.float32"),
        (Counts, "prims.ne.default of truth values"),
        (Rounds, "numbers that become whole ones"),
        (Compares, "prims.eq.default of truth values"),
        (Empties, "of no numbers"),
        (Grumbles, "it cannot be recorded: "),
        (Folds, "of 9 dimensions"),
        (Passes, "a network that counts its passes"),
        (Gaps, "a convolution of another kind than of images, with groups or gaps"),
        (Padded, "a convolution with more padding than its kernel reaches"),
        (Parts, "a pool with padding, gaps or parts of windows"),
        (Ceils, "a pool with padding, gaps or parts of windows"),
        (Remembers, "a constant of shape (65, 64) and torch.float32"),
    ],
)
def test_networks_without_a_form(tiny, network: type[Other], reason: str) -> None:
    runs = [tiny["table"].run(call(network), seed=s, dtype="float32") for s in range(2)]
    assert reason in refused(runs, [tiny["table"].make_split(s) for s in range(2)])


def test_a_network_that_leaves_the_cache(tiny) -> None:
    wide = call("paribus.models.mlp:MLP", hidden=[600, 600])
    runs = [tiny["table"].run(wide, seed=s) for s in range(2)]
    reason = refused(runs, [tiny["table"].make_split(s) for s in range(2)])
    assert reason.endswith("numbers a replicate leave a core's cache")


def test_whole_numbers_that_lanes_would_round(tiny, own: Path, monkeypatch) -> None:
    monkeypatch.setattr(steps, "EXACT", 0)  # so that class 1 is large
    runs, splits = _cohort(tiny, range(3), [0.1] * 3)
    training = CompiledTraining(runs, splits)
    training.advance(6)
    assert training.reason == NO_SIMD_FORM
    assert not list(own.iterdir())


# The builder.


def test_a_library_is_of_what_it_is_made_from(own: Path, monkeypatch) -> None:
    def path(**changes: Any) -> Path:
        return Library("steps", "source", ("-O2",))._replace(**changes).path

    paths = [path(), path(made_from="other"), path(flags=("-O3",)), path(name="others")]
    monkeypatch.setattr("paribus.engines.toolchain.processor", lambda: "another")
    paths.append(path())
    assert len(set(paths)) == 5
    assert not list(own.iterdir())


def test_what_a_compiler_says_of_the_source_is_told(own: Path) -> None:
    with pytest.raises(UnavailableError, match=r"ended with status 1: .*error"):
        Library("steps", "wrong", ()).built(lambda: "int main( {")
    assert [path.suffix for path in own.iterdir()] == [".failed"]
