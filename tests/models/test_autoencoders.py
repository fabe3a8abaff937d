"""Autoencoders: their equations, sizes, and that the linear one finds the principal components (C33)."""

from __future__ import annotations

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from paribus.models import Autoencoder, ConvAutoencoder


def test_forward_is_two_affine_maps_with_a_sigmoid_after_each() -> None:
    network = Autoencoder(inputs=(1, 2, 3), code=2, activation="Sigmoid", output="sigmoid").double()
    x = torch.randn(4, 1, 2, 3, dtype=torch.float64)
    a, b, c, d = network.parameters()
    code = 1 / (1 + (-(x.reshape(4, 6) @ a.T + b)).exp())
    expected = 1 / (1 + (-(code @ c.T + d)).exp())
    torch.testing.assert_close(network(x), expected.reshape(4, 1, 2, 3))


def correlated(samples: int = 80, features: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(features, features, generator=generator, dtype=torch.float64)
    scales = torch.tensor([4, 3, 1.5, 1, 0.5, 0.2], dtype=torch.float64)
    axes = torch.linalg.qr(mixing).Q
    return (
        torch.randn(samples, features, generator=generator, dtype=torch.float64) * scales @ axes + 3
    )


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_linear_autoencoder_finds_the_pca_subspace(code: int) -> None:
    """Trained to the end on the whole batch: the same projection, and the variance left out as its error (C33)."""
    x = correlated()
    torch.manual_seed(0)
    network = Autoencoder(inputs=(6,), code=code).double()
    settings = {"max_iter": 3000, "tolerance_grad": 1e-13, "tolerance_change": 0}
    optimizer = torch.optim.LBFGS(network.parameters(), line_search_fn="strong_wolfe", **settings)

    def loss() -> Tensor:
        optimizer.zero_grad()
        error = (network(x) - x).square().sum(1).mean()
        error.backward()
        return error

    optimizer.step(loss)
    pca = PCA().fit(x.numpy())
    axes = torch.from_numpy(pca.components_[:code])
    decoder = torch.linalg.qr(network.decoder.weight.detach()).Q
    torch.testing.assert_close(decoder @ decoder.T, axes.T @ axes, atol=1e-6, rtol=0)
    left_out = pca.explained_variance_[code:].sum() * 79 / 80
    torch.testing.assert_close(loss().item(), float(left_out), atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("halvings", "code"), [(0, (8, 8, 8)), (1, (8, 4, 4)), (2, (8, 2, 2)), (3, (8, 1, 1))]
)
def test_the_code_has_eight_channels_and_halved_sides(halvings: int, code: tuple[int, ...]) -> None:
    network = ConvAutoencoder(inputs=(1, 8, 8), channels=(32, 16, 8), halvings=halvings)
    x = torch.rand(2, 1, 8, 8)
    assert network.encoder(x).shape == (2, *code)
    assert network(x).shape == (2, 1, 8, 8)
    assert network.encoder(x).min().item() >= 0


def test_parameter_count_follows_the_formula() -> None:
    """1 to 32 to 16 to 8 channels and back, out * in * 9 + out each."""
    network = ConvAutoencoder(inputs=(1, 8, 8))
    way = [(1, 32), (32, 16), (16, 8), (8, 16), (16, 32), (32, 1)]
    assert sum(a * b * 9 + b for a, b in way) == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (Autoencoder, {"code": 0}, r"^code: got \[0\], expected whole numbers of at least 1\.$"),
        (Autoencoder, {"activation": "relu"}, r"^activation: got 'relu'"),
        (ConvAutoencoder, {"halvings": 4}, r"^halvings: got 4 for 8x8 pixels and 3 layers, "),
        (ConvAutoencoder, {"inputs": (1, 6, 8), "halvings": 2}, r"^halvings: got 2 for 6x8 pixels"),
        (ConvAutoencoder, {"inputs": (8, 8)}, r"^inputs: got \(8, 8\)"),
    ],
)
def test_a_wrong_setting_is_refused(make, settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        make(**({"inputs": (1, 8, 8)} | settings))
