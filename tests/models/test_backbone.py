from __future__ import annotations

import pytest
import torch
from torch import nn

from paribus.models.backbone import backbone


@pytest.mark.parametrize(
    ("name", "place", "features"),
    [("resnet18", "fc", 512), ("mobilenet_v3_small", "classifier.3", 1024)],
)
def test_the_last_linear_layer_is_replaced_and_no_other(
    name: str, place: str, features: int
) -> None:
    network = backbone(name=name, outputs=3, hidden=7)
    head = network.get_submodule(place)
    assert isinstance(head, nn.Sequential)
    sizes = [(m.in_features, m.out_features) for m in head if isinstance(m, nn.Linear)]
    assert sizes == [(features, 7), (7, 3)]
    assert network.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "densenet"}, "Unknown model densenet"),
        ({"hidden": 0, "name": "resnet18"}, r"^hidden: got \[0\]"),
        ({"output": "softmax", "name": "resnet18"}, r"^output: got 'softmax'"),
    ],
)
def test_a_wrong_setting_is_refused(settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        backbone(outputs=1, **settings)
