"""Starts that networks set themselves: kept, made under the seed's streams, and named."""

from __future__ import annotations

import math
import random
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.init import orthogonal_
from torch.nn.utils import parametrizations

from paribus import Dataset, ParibusError, Recipe, call
from paribus.seeding import Streams
from paribus.spec import Call
from paribus.training.network import InitialNetwork, initialised, weight_digests

SGD = call("torch.optim:SGD", lr=0.1)


def dataset(*shape: int) -> Dataset:
    x = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0))
    return Dataset(name="x", origin="x", inputs=(x,), targets=(torch.zeros(4, 1),))


def start(model: Call, *, seed: int = 0, shape: tuple[int, ...] = (6,), **recipe) -> InitialNetwork:
    made = Recipe(model=model, optimizer=SGD, **recipe)
    return initialised(made, dataset(*shape), Streams(seed))


def names(own: dict[str, bool]) -> list[str]:
    return [name.partition("(")[0] for name in own]


class Own(nn.Module):
    """Two linear layers, of which a start sets one, with a norm between them or none."""

    def __init__(self, start: str = "torch", norm: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(6, 16)
        self.norm = nn.BatchNorm1d(16) if norm else nn.Identity()
        self.head = nn.Linear(16, 1)
        if start == "zero head":
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
        if start == "orthogonal":
            orthogonal_(self.hidden.weight.T, gain=3.0)
        if start == "data":
            self.hidden.weight.data.normal_(0, 0.02)
        if start == "replaced":
            self.hidden.weight = nn.Parameter(torch.randn(16, 6) * 0.02)
        if start == "numpy":
            with torch.no_grad():
                self.hidden.weight.copy_(torch.from_numpy(np.random.rand(16, 6)))  # noqa: NPY002
                self.hidden.bias.fill_(random.random())
        if start == "reseeded":
            torch.manual_seed(0)
            nn.init.normal_(self.hidden.weight)
        if start == "scaled":
            self.head.weight.data.mul_(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.hidden(x)).relu())


def own(kind: str, **settings: bool) -> Call:
    return call(Own, start=kind, **settings)


def test_a_head_of_zeros_puts_out_zeros_and_loses_log_2() -> None:
    found = start(own("zero head"))
    outputs = found.network(dataset(6).inputs[0])
    assert outputs.abs().max() == 0
    loss = nn.functional.binary_cross_entropy_with_logits(outputs, torch.ones(4, 1))
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)
    assert found.own == {"Linear1.weight(1, 16)": True, "Linear1.bias(1,) of (1, 16)": True}


def test_an_orthogonal_layer_is_orthogonal() -> None:
    weight = start(own("orthogonal")).network.hidden.weight
    assert torch.allclose(weight.T @ weight, 9 * torch.eye(6), atol=1e-5)


@pytest.mark.parametrize("kind", ["orthogonal", "data", "replaced", "numpy", "reseeded"])
def test_own_draws_are_of_the_seed_and_paired_behind_a_norm(kind: str) -> None:
    first, again, normed, other = (
        weight_digests(start(own(kind, norm=norm), seed=seed).network)
        for norm, seed in ((False, 0), (False, 0), (True, 0), (False, 1))
    )
    assert first == again
    assert {name: normed[name] for name in first} == first
    assert not set(first.values()) & set(other.values())
    plain = weight_digests(start(own("torch")).network)
    changed = {name for name in plain if plain[name] != first[name]}
    assert "Linear0.weight(16, 6)" in changed
    assert not any(name.startswith("Linear1") for name in changed)
    assert changed == set(start(own(kind)).own)


def test_what_a_network_makes_of_a_layers_draw_stays_paired() -> None:
    plain, scaled = (start(own(kind)).network for kind in ("torch", "scaled"))
    assert torch.equal(scaled.head.weight, plain.head.weight * 0.5)


def test_a_constructor_that_seeds_is_told_that_this_has_no_effect() -> None:
    (note,) = start(own("reseeded")).notes
    assert note.startswith("The network's constructor calls torch.manual_seed, without effect")
    assert start(own("data")).notes == ()


class Zeroed(nn.Linear):
    """Linear layer whose own default is zero."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.zeros_(self.weight)


class Shifted(nn.Linear):
    """Linear layer that shifts its biases once it is made."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        with torch.no_grad():
            self.bias.fill_(2.0)


def test_a_kind_of_layer_may_have_a_default_of_its_own() -> None:
    zeroed = start(call(Zeroed, in_features=6, out_features=3))
    assert zeroed.network.weight.abs().max() == 0
    assert zeroed.own == {}
    shifted = start(call(Shifted, inputs=6, outputs=3))
    assert shifted.network.bias.tolist() == [2.0] * 3
    assert names(shifted.own) == ["Shifted0.bias"]


# Weights from elsewhere.

VECTORS = torch.arange(30.0).reshape(10, 3)


def embedded(freeze: bool) -> nn.Module:
    return nn.Sequential(nn.Embedding.from_pretrained(VECTORS, freeze=freeze), nn.Linear(3, 1))


def backbone() -> nn.Module:
    """Return a network with weights that were loaded, and a new head."""
    network = nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3), nn.Linear(3, 5))
    network.load_state_dict(trained().state_dict())
    network[2] = nn.Linear(3, 1)
    return network


@cache
def trained() -> nn.Module:
    torch.manual_seed(7)
    network = nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3), nn.Linear(3, 5))
    network(torch.randn(20, 6))
    return network


def shared() -> nn.Module:
    return nn.Sequential(trained(), nn.Linear(5, 1))


@pytest.mark.parametrize("freeze", [True, False])
def test_pretrained_vectors_are_kept_and_stay_frozen_or_free(freeze: bool) -> None:
    network = start(call(embedded, freeze=freeze)).network
    assert torch.equal(network[0].weight, VECTORS)
    assert network[0].weight.requires_grad is not freeze


def test_training_does_not_reach_the_tensor_that_a_start_was_read_from() -> None:
    network = start(call(embedded, freeze=False)).network
    with torch.no_grad():
        network[0].weight.zero_()
    assert VECTORS[-1, -1] == 29


def test_loaded_weights_and_statistics_are_kept_and_the_new_head_is_drawn_for_each_seed() -> None:
    one, other = (start(call(backbone), seed=seed) for seed in (0, 1))
    for found in (one, other):
        assert torch.equal(found.network[0].weight, trained()[0].weight)
        assert torch.equal(found.network[1].running_mean, trained()[1].running_mean)
        assert "buffer BatchNorm1d0.running_mean" in names(found.own)
    assert not torch.equal(one.network[2].weight, other.network[2].weight)
    assert "Linear1.weight" not in names(one.own)


def test_a_network_that_is_part_of_another_is_copied() -> None:
    before = trained()[0].weight.clone()
    network = start(call(shared)).network
    with torch.no_grad():
        network[0][0].weight.zero_()
    assert torch.equal(trained()[0].weight, before)


# Layers that are made late, out of order, or in vain.


class Late(nn.Module):
    """Network that makes its layer once it sees samples."""

    def __init__(self) -> None:
        super().__init__()
        self.layer: nn.Module | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.layer is None:
            self.layer = nn.Linear(x.shape[1], 1)
        return self.layer(x)


def test_a_layer_that_is_made_in_the_first_pass_is_drawn_as_any_other() -> None:
    found = start(call(Late)).network
    plain = start(call("torch.nn:Linear", in_features=6, out_features=1)).network
    assert weight_digests(found) == weight_digests(plain)
    assert found.training


class Reversed(nn.Module):
    """Network that makes its last layer first, and one that it does not keep."""

    def __init__(self) -> None:
        super().__init__()
        last, _ = nn.Linear(6, 6), nn.Linear(6, 6)
        self.layers = nn.Sequential(nn.Linear(6, 6), last)


def test_layers_are_named_by_where_they_stand_and_not_by_when_they_were_made() -> None:
    found = start(call(Reversed)).network
    for ordinal, layer in enumerate(found.layers):
        torch.manual_seed(Streams(0).number("init", "Linear", ordinal))
        assert torch.equal(layer.weight, nn.Linear(6, 6).weight)


def test_a_layer_behind_a_parametrised_one_keeps_its_draw() -> None:
    plain = weight_digests(start(own("torch")).network)
    network = start(call(wrapped)).network
    assert plain.items() - weight_digests(network).items() == {
        ("Linear0.weight(16, 6)", plain["Linear0.weight(16, 6)"])
    }


def wrapped() -> nn.Module:
    network = Own()
    network.hidden = parametrizations.spectral_norm(network.hidden)
    return network


# Precisions.


class Typed(nn.Module):
    """Linear layer in a precision of its own, and a buffer beside it."""

    def __init__(self, dtype: str, buffer: str = "float32") -> None:
        super().__init__()
        self.linear = nn.Linear(6, 1, dtype=getattr(torch, dtype))
        self.register_buffer("scale", torch.ones(2, dtype=getattr(torch, buffer)))


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_another_precision_gives_way_to_the_recipes_and_the_page_says_so(dtype: str) -> None:
    found = start(call(Typed, dtype=dtype))
    assert found.network.linear.weight.dtype == torch.float32
    assert found.notes == (
        f"The network holds linear.weight, linear.bias in {dtype}: they pass through float32, and are trained in the "
        "recipe's precision.",
    )


@pytest.mark.parametrize(("dtype", "buffer"), [("complex64", "float32"), ("float32", "complex64")])
def test_complex_numbers_are_refused_by_name(dtype: str, buffer: str) -> None:
    which = "linear.weight, linear.bias" if dtype == "complex64" else "scale"
    with pytest.raises(ParibusError) as error:
        start(call(Typed, dtype=dtype, buffer=buffer))
    assert str(error.value) == (
        f"numbers of Typed: got complex ones in {which}, expected real ones, which recipe.dtype is the precision of. "
        "Hold their real and imaginary parts, as torch.view_as_real gives them."
    )


def layers_alone() -> list[nn.Module]:
    return [nn.Linear(6, 1)]


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(ParibusError, match=r"got list, expected a torch\.nn\.Module"):
        start(call(layers_alone))


# Initialisers of a recipe.

KAIMING = call("paribus.models.initialise:kaiming_uniform")


def test_an_initialiser_says_what_it_draws_over_and_what_it_does_not_reach() -> None:
    over = start(own("zero head"), init=KAIMING)
    assert over.notes == ("recipe.init draws over what the network set itself: Linear1.weight.",)
    assert names(over.own) == ["Linear1.bias"]
    missed = start(call(wrapped), init=KAIMING)
    assert missed.notes == (
        "recipe.init draws linear and convolutional layers; it does not reach Linear0.",
    )
    assert start(own("torch"), init=KAIMING).notes == ()


class Going(nn.Linear):
    """Counts its passes."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs[0], outputs)
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        return super().forward(x)


def test_the_first_network_of_a_process_is_as_new_as_every_other(tiny) -> None:
    """The pass that finds layers which are made late leaves nothing in the network that is trained."""
    case = tiny["table"]
    recipe = Recipe(model=call(Going), optimizer=call("torch.optim:SGD"))
    made = [initialised(recipe, case.dataset, Streams(0)).network for _ in range(2)]
    assert [network.passes for network in made] == [0, 0]
