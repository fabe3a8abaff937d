"""Convolution and pooling beside the channels: the same numbers as torch's own, replicate by replicate."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from paribus.engines.vmapped.convolution import STACKABLE, make_stackable

LAYERS: dict[str, Any] = {
    "convolution": lambda: nn.Conv2d(4, 6, 3),
    "no bias": lambda: nn.Conv2d(4, 6, 3, bias=False),
    "stride, padding and dilation": lambda: nn.Conv2d(
        4, 2, (2, 3), stride=2, padding=(1, 2), dilation=2
    ),
    "the same size": lambda: nn.Conv2d(4, 2, 3, padding="same"),
    "groups": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "max pool": lambda: nn.MaxPool2d(2),
    "max pool, ceiling": lambda: nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
    "average pool": lambda: nn.AvgPool2d(2, padding=1, count_include_pad=False),
    "chain": lambda: nn.Sequential(nn.Conv2d(4, 3, 3), nn.ELU(), nn.MaxPool2d(2), nn.Conv2d(3, 2, 2)),
    "pool after ELU": lambda: nn.Sequential(nn.Conv2d(4, 3, 3), nn.ELU(), nn.MaxPool2d(2)),
    "pool after ReLU": lambda: nn.Sequential(nn.Conv2d(4, 3, 3), nn.ReLU(), nn.MaxPool2d(2)),
    "pool after LeakyReLU": lambda: nn.Sequential(nn.LeakyReLU(0.1), nn.MaxPool2d(2)),
    "transposed": lambda: nn.ConvTranspose2d(4, 2, 2),
    "transposed, by strides": lambda: nn.ConvTranspose2d(4, 3, (4, 6), stride=(2, 3), padding=(1, 2)),
    "transposed, no bias": lambda: nn.ConvTranspose2d(4, 9, 4, stride=2, padding=1, bias=False),
    "transposed, wider": lambda: nn.ConvTranspose2d(
        4, 2, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2
    ),
    # What has no form of its own is left to vmap.
    "reflected": lambda: nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"),
}  # fmt: skip
REPLICATES, BATCH = 3, 2


def both(make: Any) -> tuple[nn.Module, dict[str, Tensor], list[nn.Module]]:
    """Return a network made stackable, replicates' parameters, and the replicates."""
    torch.manual_seed(0)
    networks = [make().double() for _ in range(REPLICATES)]
    parameters, _ = stack_module_state(networks)
    base = copy.deepcopy(networks[0])
    make_stackable(base)
    return base, parameters, networks


@pytest.mark.parametrize("layer", LAYERS)
def test_outputs_and_gradients_are_those_of_each_network(layer: str) -> None:
    base, parameters, networks = both(LAYERS[layer])
    images = torch.randn(REPLICATES, BATCH, 4, 7, 8, dtype=torch.float64)
    images[:, :, :, ::2] = 0.0  # ties, of which a pool takes the first

    x = images.clone().requires_grad_()
    leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
    outputs = vmap(lambda p, x: functional_call(base, p, (x,)))(leaves, x)
    (outputs * outputs.detach().cos()).sum().backward()
    for r, network in enumerate(networks):
        alone = images[r].clone().requires_grad_()
        out = network(alone)
        (out * out.detach().cos()).sum().backward()
        torch.testing.assert_close(outputs[r], out, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(x.grad[r], alone.grad, rtol=1e-12, atol=1e-12)
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(leaves[name].grad[r], parameter.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", LAYERS)
def test_replicates_may_share_images(layer: str) -> None:
    base, parameters, networks = both(LAYERS[layer])
    images = torch.randn(BATCH, 4, 7, 8, dtype=torch.float64)
    mapped = vmap(lambda p: functional_call(base, p, (images,)))
    if not parameters:
        parameters = {"none": torch.zeros(REPLICATES)}
    for output, network in zip(mapped(parameters), networks, strict=True):
        torch.testing.assert_close(output, network(images), rtol=1e-12, atol=1e-12)


def test_a_gradient_within_vmap_is_torchs() -> None:
    """A network that takes a gradient of its own in its forward pass finds ordinary layers."""
    base, parameters, networks = both(LAYERS["chain"])
    images = torch.randn(REPLICATES, BATCH, 4, 7, 8, dtype=torch.float64)
    mapped = vmap(grad(lambda x, p: functional_call(base, p, (x,)).sum()))(images, parameters)
    for r, network in enumerate(networks):
        x = images[r].clone().requires_grad_()
        network(x).sum().backward()
        torch.testing.assert_close(mapped[r], x.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", LAYERS)
def test_outside_of_vmap_a_layer_is_torchs_own(layer: str) -> None:
    base, _, (network, *_) = both(LAYERS[layer])
    images = torch.randn(BATCH, 4, 7, 8, dtype=torch.float64)
    assert torch.equal(base(images), network(images))
    assert list(base.state_dict()) == list(network.state_dict())


def test_one_image_is_left_to_torch() -> None:
    """Without a batch there is no dimension beside which the channels stand."""
    base, parameters, networks = both(LAYERS["chain"])
    images = torch.randn(REPLICATES, 4, 7, 8, dtype=torch.float64)
    outputs = vmap(lambda p, x: functional_call(base, p, (x,)))(parameters, images)
    for r, network in enumerate(networks):
        torch.testing.assert_close(outputs[r], network(images[r]), rtol=1e-12, atol=1e-12)


def test_indices_of_a_pool_are_torchs() -> None:
    base, _, _ = both(lambda: nn.MaxPool2d(2, return_indices=True))
    images = torch.randn(REPLICATES, BATCH, 4, 6, 6)
    values, indices = vmap(base)(images)
    wanted = nn.MaxPool2d(2, return_indices=True)(images.flatten(0, 1))
    assert torch.equal(values.flatten(0, 1), wanted[0])
    assert torch.equal(indices.flatten(0, 1), wanted[1])


def test_only_torchs_own_classes_are_turned() -> None:
    """What somebody derived from them may compute something else."""

    class Mine(nn.Conv2d):
        """Convolution of a user's own class."""

    network = nn.Sequential(Mine(1, 1, 1), nn.Conv2d(1, 1, 1), nn.Conv1d(1, 1, 1))
    make_stackable(network)
    assert [type(m) for m in network] == [Mine, STACKABLE[nn.Conv2d], nn.Conv1d]


@pytest.mark.parametrize(
    ("activation", "first"),
    [
        (nn.ELU(), True),
        (nn.ReLU(), True),
        (nn.LeakyReLU(0.1), True),
        (nn.LeakyReLU(-0.1), False),
        (nn.ELU(-1.0), False),
        (nn.SiLU(), False),
        (nn.Tanhshrink(), False),
    ],
)
def test_a_maximum_is_taken_before_what_keeps_the_order(activation: nn.Module, first: bool) -> None:
    """And never before what falls somewhere; parameters keep their names."""
    network = nn.Sequential(nn.Conv2d(1, 2, 1), activation, nn.MaxPool2d(2), nn.Conv2d(2, 1, 1))
    names = [name for name, _ in network.named_parameters()]
    make_stackable(network)
    assert isinstance(network[1], nn.MaxPool2d) == first
    assert [name for name, _ in network.named_parameters()] == names


def test_what_is_watched_stays_where_it_is() -> None:
    watched = nn.Sequential(nn.ELU(), nn.MaxPool2d(2))
    watched[0].register_forward_hook(lambda *_: None)
    make_stackable(watched)
    assert isinstance(watched[0], nn.ELU)


def test_images_stay_beside_the_channels() -> None:
    """The chain copies nothing to and fro: what leaves it is laid out channels-last over all replicates."""
    base, parameters, _ = both(LAYERS["chain"])
    images = torch.randn(REPLICATES, BATCH, 4, 7, 8, dtype=torch.float64)
    outputs = vmap(lambda p, x: functional_call(base, p, (x,)), out_dims=1)(parameters, images)
    assert outputs.shape == (BATCH, REPLICATES, 2, 1, 2)
    assert outputs.flatten(1, 2).is_contiguous(memory_format=torch.channels_last)
