"""Every layer of torch.nn and networks of torchvision: started as torch starts them, and paired."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torchvision import models

from paribus import Dataset, Recipe, call
from paribus.seeding import Streams
from paribus.training.network import InitialNetwork, initialised, weight_digests

Shape = tuple[int, ...]

# Constructor, and the shape of one sample for those that wait for it.
LAYERS: dict[str, tuple[Callable[[], nn.Module], Shape]] = {
    "AdaptiveLogSoftmaxWithLoss": (lambda: nn.AdaptiveLogSoftmaxWithLoss(20, 60, [20, 40]), ()),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(6), ()),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(6), ()),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(6), ()),
    "Bilinear": (lambda: nn.Bilinear(6, 7, 8), ()),
    "Conv1d": (lambda: nn.Conv1d(6, 12, 5), ()),
    "Conv2d": (lambda: nn.Conv2d(3, 6, 5), ()),
    "Conv3d": (lambda: nn.Conv3d(2, 4, 4), ()),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(6, 12, 5), ()),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 6, 5), ()),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 4, 4), ()),
    "Embedding": (lambda: nn.Embedding(40, 8), ()),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(40, 8), ()),
    "GRU": (lambda: nn.GRU(6, 8), ()),
    "GRUCell": (lambda: nn.GRUCell(6, 8), ()),
    "GroupNorm": (lambda: nn.GroupNorm(2, 6), ()),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(6, affine=True, track_running_stats=True), ()),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(6, affine=True), ()),
    "InstanceNorm3d": (lambda: nn.InstanceNorm3d(6, affine=True), ()),
    "LSTM": (lambda: nn.LSTM(6, 8, 2, bidirectional=True, proj_size=3), ()),
    "LSTMCell": (lambda: nn.LSTMCell(6, 8), ()),
    "LayerNorm": (lambda: nn.LayerNorm(6), ()),
    "LazyBatchNorm1d": (nn.LazyBatchNorm1d, (6,)),
    "LazyBatchNorm2d": (nn.LazyBatchNorm2d, (6, 4, 4)),
    "LazyBatchNorm3d": (nn.LazyBatchNorm3d, (6, 4, 4, 4)),
    "LazyConv1d": (lambda: nn.LazyConv1d(12, 5), (6, 8)),
    "LazyConv2d": (lambda: nn.LazyConv2d(6, 5), (3, 8, 8)),
    "LazyConv3d": (lambda: nn.LazyConv3d(4, 4), (2, 6, 6, 6)),
    "LazyConvTranspose1d": (lambda: nn.LazyConvTranspose1d(12, 5), (6, 8)),
    "LazyConvTranspose2d": (lambda: nn.LazyConvTranspose2d(6, 5), (3, 8, 8)),
    "LazyConvTranspose3d": (lambda: nn.LazyConvTranspose3d(4, 4), (2, 6, 6, 6)),
    "LazyInstanceNorm1d": (lambda: nn.LazyInstanceNorm1d(affine=True), (6, 8)),
    "LazyInstanceNorm2d": (lambda: nn.LazyInstanceNorm2d(affine=True), (6, 4, 4)),
    "LazyInstanceNorm3d": (lambda: nn.LazyInstanceNorm3d(affine=True), (6, 4, 4, 4)),
    "LazyLinear": (lambda: nn.LazyLinear(8), (24,)),
    "Linear": (lambda: nn.Linear(24, 8), ()),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(16, 2, add_bias_kv=True, kdim=12), ()),
    "PReLU": (lambda: nn.PReLU(6), ()),
    "ParameterDict": (lambda: nn.ParameterDict({"a": torch.randn(20, 20)}), ()),
    "ParameterList": (lambda: nn.ParameterList([torch.randn(20, 20), torch.zeros(2)]), ()),
    "RMSNorm": (lambda: nn.RMSNorm(6), ()),
    "RNN": (lambda: nn.RNN(6, 8), ()),
    "RNNBase": (lambda: nn.RNNBase("GRU", 6, 8), ()),
    "RNNCellBase": (lambda: nn.RNNCellBase(6, 8, True, 3), ()),
    "RNNCell": (lambda: nn.RNNCell(6, 8), ()),
    "Transformer": (lambda: nn.Transformer(8, 2, 1, 2, 32, batch_first=True), ()),
    "TransformerDecoder": (
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 32), 2),
        (),
    ),
    "TransformerDecoderLayer": (lambda: nn.TransformerDecoderLayer(8, 2, 32), ()),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 32), 2, enable_nested_tensor=False
        ),
        (),
    ),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 32), ()),
    "weight_norm": (lambda: parametrizations.weight_norm(nn.Linear(24, 8)), ()),
    "spectral_norm": (lambda: parametrizations.spectral_norm(nn.Linear(24, 8)), ()),
    "orthogonal": (lambda: parametrizations.orthogonal(nn.Linear(24, 8)), ()),
}
HOLDERS = ["Container", "DataParallel", "Module", "ModuleDict", "ModuleList", "Sequential"]
# SyncBatchNorm, the last, trains on several devices alone and is a BatchNorm there.
WEIGHTLESS = """
AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AlphaDropout
AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss CELU CTCLoss ChannelShuffle CircularPad1d CircularPad2d
CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d CosineEmbeddingLoss CosineSimilarity CrossEntropyLoss
CrossMapLRN2d Dropout Dropout1d Dropout2d Dropout3d ELU FeatureAlphaDropout Flatten Fold FractionalMaxPool2d
FractionalMaxPool3d GELU GLU GaussianNLLLoss Hardshrink Hardsigmoid Hardswish Hardtanh HingeEmbeddingLoss HuberLoss
Identity KLDivLoss L1Loss LPPool1d LPPool2d LPPool3d LeakyReLU LinearCrossEntropyLoss LocalResponseNorm LogSigmoid
LogSoftmax MSELoss MarginRankingLoss MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish
MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PairwiseDistance PixelShuffle
PixelUnshuffle PoissonNLLLoss RReLU ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d
ReplicationPad2d ReplicationPad3d SELU SiLU Sigmoid SmoothL1Loss SoftMarginLoss Softmax Softmax2d Softmin Softplus
Softshrink Softsign Tanh Tanhshrink Threshold TripletMarginLoss TripletMarginWithDistanceLoss Unflatten Unfold Upsample
UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d ZeroPad2d ZeroPad3d SyncBatchNorm
""".split()  # noqa: SIM905 - a list of one a line is too long to read


class Before(nn.Module):
    """Layer that draws in every way: by a default of its own, by its constructor, and into a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.default = nn.Parameter(torch.empty(3))
        self.drawn = nn.Parameter(torch.randn(5))
        self.register_buffer("frequencies", torch.rand(4))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.default)


class Holder(nn.Module):
    """Layer under trial, behind another one or alone."""

    def __init__(self, name: str, behind: bool) -> None:
        super().__init__()
        self.before = Before() if behind else None
        self.layer = LAYERS[name][0]()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def dataset(shape: Shape) -> Dataset:
    x = torch.zeros(4, *(shape or (1,)))
    return Dataset(name="x", origin="x", inputs=(x,), targets=(torch.zeros(4, 1),))


def start(name: str, *, behind: bool = False, seed: int = 0) -> InitialNetwork:
    recipe = Recipe(
        model=call(Holder, name=name, behind=behind), optimizer=call("torch.optim:SGD", lr=0.1)
    )
    return initialised(recipe, dataset(LAYERS[name][1]), Streams(seed))


def numbers(module: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name, in float64."""
    named = (*module.named_parameters(), *module.named_buffers())
    return {name: value.detach().double() for name, value in named}


def torchs_own(name: str, seed: int = 1) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    layer = LAYERS[name][0]()
    shape = LAYERS[name][1]
    if shape:
        layer.eval()(torch.zeros(2, *shape))
    return numbers(layer)


def started_alike(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Compare: what torch sets to one number is that number, and what it draws has its spread, as draws go."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        if value.numel() == 0 or (value == value.flatten()[0]).all():
            assert torch.equal(actual[name], value), name
            continue
        spread, count = value.square().mean().sqrt(), value.numel()
        ratio = (actual[name].square().mean().sqrt() / spread).item()
        assert abs(ratio - 1) < 5 / count**0.5 + 0.02, (name, ratio, count)


def test_every_class_of_torch_nn_is_tried() -> None:
    found = {n for n, c in vars(nn).items() if isinstance(c, type) and issubclass(c, nn.Module)}
    assert found - {*LAYERS, *HOLDERS, *WEIGHTLESS} == set()


@pytest.mark.parametrize("name", [n for n in WEIGHTLESS if n != "NLLLoss2d"])
def test_what_is_said_to_hold_no_weights_holds_none(name: str) -> None:
    try:
        made = getattr(nn, name)()
    except (AttributeError, TypeError):  # torch has none of this name, or it asks for a size
        return
    assert not list(made.parameters())


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_starts_as_torch_starts_it(name: str) -> None:
    started_alike(numbers(start(name).network.layer), torchs_own(name))


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_paired_whatever_stands_before_it(name: str) -> None:
    alone = weight_digests(start(name).network)
    behind = weight_digests(start(name, behind=True).network)
    assert {n: behind.get(n) for n in alone} == alone
    assert len(alone) >= len({id(p) for p in start(name).network.parameters()})


@pytest.mark.parametrize("name", LAYERS)
def test_seeds_draw_what_torch_draws(name: str) -> None:
    one, other = (numbers(start(name, seed=seed).network.layer) for seed in (0, 1))
    first, second = (torchs_own(name, seed) for seed in (0, 1))
    for key, value in one.items():
        assert torch.equal(value, other[key]) == torch.equal(first[key], second[key]), key


@pytest.mark.parametrize("name", [n for n in LAYERS if n.startswith("Lazy")])
def test_a_layer_that_waits_for_its_shape_is_the_layer_that_knows_it(name: str) -> None:
    lazy, plain = (weight_digests(start(n).network) for n in (name, name.removeprefix("Lazy")))
    assert lazy
    assert lazy == plain or "InstanceNorm" in name


def test_an_orthogonal_weight_is_orthogonal() -> None:
    weight = start("orthogonal").network.layer.weight
    assert torch.allclose(weight @ weight.T, torch.eye(8), atol=1e-5)


# Networks of torchvision, small ones of each kind.


def resnet() -> nn.Module:
    return models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], zero_init_residual=True)


def vgg() -> nn.Module:
    """Return one whose hidden layers, of 100 million weights, are cut."""
    original = nn.Linear.__init__

    def small(self: nn.Linear, inputs: int, outputs: int) -> None:
        original(self, min(inputs, 256), min(outputs, 64))

    with patch.object(nn.Linear, "__init__", small):
        return models.VGG(nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU()), num_classes=5)


def vit() -> nn.Module:
    return models.VisionTransformer(32, 16, 2, 2, 32, 64)


def convnext() -> nn.Module:
    return models.ConvNeXt([models.convnext.CNBlockConfig(16, None, 2)])


def mobilenet() -> nn.Module:
    kind = models.mobilenetv3.InvertedResidualConfig
    return models.MobileNetV3([kind(16, 3, 64, 24, True, "HS", 2, 1, 1.0)], 64)


def densenet() -> nn.Module:
    return models.DenseNet(16, (2, 2), 16)


@pytest.mark.parametrize("make", [resnet, vgg, vit, convnext, mobilenet, densenet])
def test_networks_of_torchvision_start_as_their_constructors_set_them(make) -> None:
    torch.manual_seed(1)
    expected = numbers(make())
    recipe = Recipe(model=call(make), optimizer=call("torch.optim:SGD", lr=0.1))
    first, again, other = (
        initialised(recipe, dataset((3, 32, 32)), Streams(seed)).network for seed in (0, 0, 1)
    )
    started_alike(numbers(first), expected)
    assert weight_digests(first) == weight_digests(again) != weight_digests(other)


def test_what_a_constructor_sets_to_zero_stays_zero() -> None:
    """The last norm of each residual block, and the head of a vision transformer."""
    recipe = Recipe(model=call(resnet), optimizer=call("torch.optim:SGD", lr=0.1))
    residual = initialised(recipe, dataset((3, 32, 32)), Streams(0)).network
    assert residual.layer1[0].bn2.weight.abs().max() == 0
    assert residual.layer1[0].bn1.weight.min() == 1
    recipe = Recipe(model=call(vit), optimizer=call("torch.optim:SGD", lr=0.1))
    assert (
        initialised(recipe, dataset((3, 32, 32)), Streams(0)).network.heads.head.weight.abs().max()
        == 0
    )
