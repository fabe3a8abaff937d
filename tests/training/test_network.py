"""Networks whose every layer is drawn from its own stream."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paribus.experiment.recipe import Recipe
from paribus.seeding import Streams
from paribus.spec import Call, call
from paribus.training.network import build, layers, weight_digests

SGD = call("torch.optim:SGD", lr=0.1)
CNN = call("paribus.models.cnn:CNN", channels=[2, 3])


def mlp(**settings: Any) -> Call:
    return call("paribus.models.mlp:MLP", **({"hidden": [6, 5]} | settings))


def built(
    tiny, model: Call, kind: str = "table", seed: int = 0, salt: str = "", **settings: Any
) -> nn.Module:
    recipe = Recipe(model=model, optimizer=SGD, **settings)
    return build(recipe, tiny[kind].dataset, Streams(seed, salt))


def linear_weights(network: nn.Module) -> list[Tensor]:
    return [m.weight for m in network.modules() if isinstance(m, nn.Linear)]


def test_a_network_is_told_shape_and_outputs_of_the_data(tiny) -> None:
    assert built(tiny, mlp()).linear.out_features == 1
    assert built(tiny, mlp(), "images").linear.out_features == 3
    assert built(tiny, CNN, "images").features[0].in_channels == 1
    assert (
        built(tiny, call("paribus.models.recurrent:Recurrent"), "series").recurrent.input_size == 2
    )


def test_what_the_recipe_says_of_the_shape_stands(tiny) -> None:
    assert built(tiny, mlp(outputs=4)).linear.out_features == 4
    assert built(tiny, call("torch.nn:Linear", in_features=4, out_features=1)).in_features == 4


def test_the_same_streams_build_the_same_network_and_leave_the_global_generator(tiny) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = built(tiny, mlp())
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert weight_digests(built(tiny, mlp())) == weight_digests(first)


@pytest.mark.parametrize("change", [{"seed": 1}, {"salt": "a"}], ids=str)
@pytest.mark.parametrize("init", [None, call("paribus.models.initialise:kaiming_uniform")], ids=str)
def test_seeds_and_salts_part_every_weight(tiny, change: dict[str, Any], init: Call | None) -> None:
    one = weight_digests(built(tiny, mlp(), init=init))
    other = weight_digests(built(tiny, mlp(), init=init, **change))
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one)


@pytest.mark.parametrize(
    "other",
    [
        mlp(norm="batch"),
        mlp(activation="ELU"),
        mlp(dropout=0.5),
        mlp(bias=False),
        call("paribus.models.mlp:sequential_mlp", hidden=[6, 5]),
        call("paribus.models.mlp:sequential_mlp", hidden=[6, 5], norm="batch", dropout=0.1),
    ],
    ids=lambda model: model.label,
)
@pytest.mark.parametrize("init", [None, call("paribus.models.initialise:kaiming_uniform")], ids=str)
def test_what_stands_between_layers_changes_no_weight_of_theirs(
    tiny, other: Call, init: Call | None
) -> None:
    expected = linear_weights(built(tiny, mlp(), init=init))
    actual = linear_weights(built(tiny, other, init=init))
    assert len(expected) == len(actual) == 3
    assert all(map(torch.equal, expected, actual))


def test_a_layer_put_behind_changes_nobody_before_it(tiny) -> None:
    short = linear_weights(built(tiny, mlp(hidden=[6])))
    long = linear_weights(built(tiny, mlp(hidden=[6, 5])))
    assert torch.equal(short[0], long[0])


def test_layers_of_one_shape_are_drawn_apart(tiny) -> None:
    digests = weight_digests(built(tiny, mlp(hidden=[5, 5, 5])))
    assert digests["Linear1.weight(5, 5)"] != digests["Linear2.weight(5, 5)"]


def test_weights_are_torchs_own_draw_from_the_layers_stream(tiny) -> None:
    network = built(tiny, mlp())
    torch.manual_seed(Streams(0).number("init", "Linear", 1))
    expected = nn.Linear(6, 5)
    assert torch.equal(network.hidden[1].linear.weight, expected.weight)
    assert torch.equal(network.hidden[1].linear.bias, expected.bias)


def recorded(layer: nn.Module, *, generator: torch.Generator, last: bool) -> None:
    """Write into the weights where the initialiser was called and what it drew."""
    nn.init.constant_(layer.weight, 1.0 + last)
    with torch.no_grad():
        layer.weight[0] = torch.rand(1, generator=generator)


def test_an_initialiser_draws_linear_and_convolutional_weights_and_knows_the_last(tiny) -> None:
    network = built(tiny, CNN, "images", init=call(recorded))
    drawn = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert [w[1].unique().item() for w in drawn] == [1.0, 1.0, 2.0]
    assert len({w[0].unique().item() for w in drawn}) == 3


def test_an_initialiser_leaves_biases_as_torch_drew_them(tiny) -> None:
    plain = weight_digests(built(tiny, mlp()))
    kaiming = weight_digests(
        built(tiny, mlp(), init=call("paribus.models.initialise:kaiming_uniform"))
    )
    assert {name for name in plain if plain[name] == kaiming[name]} == {
        name for name in plain if ".bias" in name
    }


def test_a_networks_own_last_word_on_its_weights_is_kept(tiny) -> None:
    """The forget gates' biases add up to one after every layer was drawn anew."""
    model = call(
        "paribus.models.recurrent:Recurrent", cell="LSTM", hidden=3, layers=1, forget_bias=1.0
    )
    cell = built(tiny, model, "series").recurrent
    assert (cell.bias_ih_l0 + cell.bias_hh_l0)[3:6].tolist() == [1.0, 1.0, 1.0]
    assert cell.bias_ih_l0[0] != 0


def test_layers_are_counted_by_kind_and_a_shared_one_once() -> None:
    shared = nn.Linear(2, 2)
    network = nn.Sequential(shared, nn.BatchNorm1d(2), nn.ReLU(), shared, nn.Linear(2, 1))
    assert [(kind, ordinal) for kind, ordinal, _ in layers(network)] == [
        ("Linear", 0),
        ("BatchNorm1d", 0),
        ("Linear", 1),
    ]


def test_digests_name_layer_parameter_and_shape(tiny) -> None:
    assert list(weight_digests(built(tiny, mlp(hidden=[6], norm="batch")))) == [
        "Linear0.weight(6, 4)",
        "BatchNorm1d0.weight(6,)",
        "BatchNorm1d0.bias(6,)",
        "Linear1.weight(1, 6)",
        "Linear1.bias(1,) of (1, 6)",
    ]


def marked(
    layer: nn.Module, *, generator: torch.Generator, last: bool = False, norm: bool = False
) -> None:
    """Initialise batch norms too, drawing from the generator given."""
    nn.init.normal_(layer.weight, 100.0 if norm else -100.0 * last, 0.01, generator=generator)


def test_an_initialiser_that_asks_for_them_is_given_batch_norms(tiny) -> None:
    """Each from a stream of its own."""
    network = built(
        tiny, call("paribus.models.mlp:MLP", hidden=[6, 6], norm="batch"), init=call(marked)
    )
    first, second = (hidden.norm.weight for hidden in network.hidden)
    assert first.min().item() > 99
    assert second.min().item() > 99
    assert not torch.equal(first, second)
    assert network.linear.weight.max().item() < -99
    assert network.hidden[0].linear.weight.abs().max().item() < 1
