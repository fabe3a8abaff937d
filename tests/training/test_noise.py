"""Noise of a forward pass: torch's own draws, from streams that depend on function, ordinal, step and seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from paribus import call
from paribus.seeding import Streams
from paribus.spec import Call
from paribus.training.loop import Training, train
from paribus.training.noise import NetworkNoise

X = torch.ones(4, 6, 10)


class Subclass(nn.Dropout):
    """Dropout of a kind of its own."""


class Function(nn.Module):
    """Function as a network."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class First(nn.Module):
    """First output of a layer."""

    def __init__(self, layer: nn.Module, times: int = 1) -> None:
        super().__init__()
        self.layer, self.times = layer, times

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(*[x] * self.times)[0]


def weighted(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make()


NOISY: dict[str, Callable[[], nn.Module]] = {
    "F.dropout": lambda: Function(functional.dropout),
    "subclass": lambda: Subclass(0.5),
    "Dropout1d": lambda: nn.Dropout1d(0.5),
    "Dropout2d": lambda: nn.Sequential(nn.Unflatten(2, (2, 5)), nn.Dropout2d(0.5)),
    "Dropout3d": lambda: nn.Sequential(nn.Unflatten(2, (2, 5, 1)), nn.Dropout3d(0.5)),
    "AlphaDropout": lambda: nn.AlphaDropout(0.5),
    "FeatureAlphaDropout": lambda: nn.FeatureAlphaDropout(0.5),
    "RReLU": lambda: nn.Sequential(Function(torch.neg), nn.RReLU()),
    "gumbel": lambda: Function(functional.gumbel_softmax),
    "rand": lambda: Function(lambda x: x + torch.rand_like(x)),
    "normal": lambda: Function(lambda x: x + torch.empty(10).normal_()),
    "fractional pool": lambda: nn.FractionalMaxPool2d(2, output_size=(4, 7)),
    "attention": lambda: First(nn.MultiheadAttention(10, 2, dropout=0.5), 3),
    "scaled dot product": lambda: Function(
        lambda x: functional.scaled_dot_product_attention(x, x, x, dropout_p=0.5)
    ),
    "LSTM": lambda: First(nn.LSTM(10, 10, 2, dropout=0.5)),
    "encoder": lambda: nn.TransformerEncoderLayer(10, 2, 8, dropout=0.5),
}
VARIED = torch.rand(4, 6, 10, generator=torch.Generator().manual_seed(0))


def outputs(network: nn.Module, steps: int = 3, seed: int = 0) -> tuple[list[Tensor], list[str]]:
    """Return what a network puts out in each step, and what is told of its noise."""
    noise = NetworkNoise(network, Streams(seed), "cpu", "The network")
    found = []
    for step in range(steps):
        with noise.of(step):
            found.append(network(VARIED))
    return found, noise.notes


def behind_a_draw(network: nn.Module) -> nn.Module:
    """Return the network behind a function that draws and changes nothing."""

    def drawing(x: Tensor) -> Tensor:
        torch.randperm(3)
        return x

    return nn.Sequential(Function(drawing), network)


def test_a_mask_is_torchs_own_from_the_stream_of_its_name() -> None:
    found, notes = outputs(Function(functional.dropout))
    for step, y in enumerate(found):
        torch.manual_seed(Streams(0).number("noise", "dropout", 0, step))
        assert torch.equal(y, functional.dropout(VARIED))
    assert notes == [
        "The network draws noise by `dropout`: each from a stream named by function, ordinal in a pass, and step."
    ]


@pytest.mark.parametrize("name", NOISY)
def test_noise_is_of_step_and_seed_and_nothing_else(name: str) -> None:
    torch.manual_seed(random.randrange(100))
    first, notes = outputs(weighted(NOISY[name]))
    again, _ = outputs(weighted(NOISY[name]))
    behind, _ = outputs(behind_a_draw(weighted(NOISY[name])))
    other, _ = outputs(weighted(NOISY[name]), seed=1)
    assert all(map(torch.equal, first, again))
    assert all(map(torch.equal, first, behind))
    assert not all(map(torch.equal, first, other))
    assert not (torch.equal(first[0], first[1]) and torch.equal(first[1], first[2]))
    assert len(notes) == 1
    assert "each from a stream named by" in notes[0]


class Holds(nn.Module):
    """Draws by a generator that it holds, or only holds it."""

    def __init__(self, held: object, draw: Callable[[object], object]) -> None:
        super().__init__()
        self.held, self.draw = held, draw

    def forward(self, x: Tensor) -> Tensor:
        self.draw(self.held)
        return x


@pytest.mark.parametrize(
    ("held", "draw"),
    [
        (torch.Generator(), lambda g: torch.rand(2, generator=g)),
        (np.random.default_rng(0), lambda g: g.normal(size=2)),
        (random.Random(0), lambda g: g.random()),
    ],
)
def test_a_generator_of_a_network_s_own_is_told_if_it_draws(
    held: object, draw: Callable[[Any], object]
) -> None:
    assert outputs(Holds(held, draw))[1] == [
        "The network draws from Holds.held, a generator of its own: no stream of the seed names it, and where it is "
        "made with one number every seed has the same noise."
    ]
    assert outputs(Holds(held, lambda _g: None))[1] == []


def test_a_network_that_draws_nothing_is_left_alone() -> None:
    network = nn.Sequential(nn.Linear(10, 3), nn.LSTM(3, 2, 2))
    noise = NetworkNoise(network, Streams(0), "cpu", "The network")
    with noise.of(0):
        network(VARIED)
    assert (noise.active, noise.notes) == (False, [])
    before = torch.get_rng_state()
    with noise.of(1):
        network(VARIED)
    assert torch.equal(before, torch.get_rng_state())


def test_one_that_starts_to_draw_later_is_told_and_what_others_draw_is_not_its_own() -> None:
    noise = NetworkNoise(nn.Identity(), Streams(0), "cpu", "The network")
    for step in range(5):
        torch.rand(1)  # as an optimizer may
        with noise.of(step):
            torch.rand(step // 4)
    torch.manual_seed(Streams(0).number("noise", "rand", 0, 5))
    expected = torch.rand(1)
    with noise.of(5):
        assert torch.equal(torch.rand(1), expected)
    assert [note.partition(" that no")[0] for note in noise.notes] == [
        "The network draws noise, after its first steps,"
    ]


class Hidden(nn.Module):
    """Noise that no function of torch shows: drawn by a scripted function."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.default_generator.get_state()[:1] * 0 + _hidden(x)


def _hidden(x: Tensor) -> Tensor:
    with torch._C.DisableTorchFunction():
        state = torch.default_generator.seed() * 0
        return x * 0 + state


def test_what_no_stream_names_is_told_with_its_layer() -> None:
    _, notes = outputs(nn.Sequential(nn.Linear(10, 10), Hidden()), steps=1)
    assert notes == [
        "The network draws noise (in Hidden) that no stream names: seed and step fix it, and it is paired only where "
        "variants draw the same before it."
    ]


@pytest.mark.parametrize(
    ("draw", "which"),
    [(np.random.rand, "NumPy's"), (random.random, "Python's")],
)
def test_other_generators_are_seeded_for_each_step_and_told(draw, which: str) -> None:
    def network() -> nn.Module:
        return Function(lambda x: x * draw())

    first, notes = outputs(network())
    again, _ = outputs(network())
    assert all(map(torch.equal, first, again))
    assert notes[0].startswith(f"The network draws from {which} generator: ")


class Recomputed(torch.autograd.Function):
    """Dropout that is computed again for its gradient, as `torch.utils.checkpoint` does it."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.state, ctx.x = torch.get_rng_state(), x.detach()
        return functional.dropout(x, 0.5)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(ctx.state)
            x = ctx.x.requires_grad_()
            return torch.autograd.grad(functional.dropout(x, 0.5), x, gradient)[0]


def test_a_recomputed_pass_has_the_masks_of_the_first_one() -> None:
    noise = NetworkNoise(nn.Identity(), Streams(0), "cpu", "The network")
    for step in range(3):
        x = VARIED.clone().requires_grad_()
        with noise.of(step):
            y = Recomputed.apply(x)
        y.sum().backward()
        assert torch.equal(x.grad != 0, y != 0)
    assert noise.active


class Noisy(nn.Module):
    """Classifier with functional dropout, in evaluation too if it is always on."""

    def __init__(self, *, inputs: tuple[int], before: bool = False, always: bool = False) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(inputs[0], 16), nn.Linear(16, 1)
        self.before, self.always = before, always

    def forward(self, x: Tensor) -> Tensor:
        if self.before:
            torch.rand(1)
        x = functional.dropout(self.first(x).relu(), 0.3, self.training or self.always)
        return self.last(x)


def noisy(**settings: bool) -> Call:
    return call(Noisy, **settings)


def test_a_layer_that_draws_and_changes_nothing_changes_no_score(tiny) -> None:
    split = tiny["table"].make_split()
    plain, before = (
        train(tiny["table"].run(model=noisy(before=b), steps=6), split) for b in (False, True)
    )
    assert plain.scores == before.scores
    assert plain.curves == before.curves
    assert [note.partition(":")[0] for note in plain.network["notes"]] == [
        "The network draws noise by `dropout`"
    ]


def test_noise_in_evaluation_is_told_and_the_same_each_time(tiny) -> None:
    split = tiny["table"].make_split()
    run = tiny["table"].run(model=noisy(always=True), steps=4)
    first, again = train(run, split), train(run, split)
    assert first.scores == again.scores
    assert [note.partition(":")[0] for note in first.network["notes"]] == [
        "The network draws noise by `dropout`",
        "In evaluation, too, the network draws noise by `dropout`",
    ]


def test_a_step_draws_what_a_loop_by_hand_draws(tiny) -> None:
    """The first loss, with the mask of step 0."""
    split = tiny["table"].make_split()
    run = tiny["table"].run(model=noisy(), steps=1)
    training = Training(run, split)
    index = next(Training(run, split).order)
    part = split.part("train").to("cpu", torch.float64)
    x, y = part.inputs[0][index], part.targets[0][index]
    torch.manual_seed(run.streams.number("noise", "dropout", 0, 0))
    expected = run.task.loss(training.network(x), y).mean()
    assert training.advance(1).item() == expected.item()
