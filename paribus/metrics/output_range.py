"""Outputs whose range does not fit the loss: probabilities where logits are expected, bounds where values have none."""

from __future__ import annotations

import torch
from torch import Tensor

LOGIT_LOSSES = ("log_loss", "weighted_log_loss", "output_log_loss", "label_log_loss")
PROBABILITIES = ("Sigmoid", "Softmax", "Softmin", "Hardsigmoid")
BOUNDED = (
    *("ReLU", "ReLU6", "Softplus", "Tanh", "Hardtanh", "Softsign", "Threshold"),
    *PROBABILITIES,
)
NEAR = 0.1  # of 0 and of 1, what outputs reach that were squashed
SUM = 1e-3


def range_doubt(loss: str, outputs: Tensor, last_layer: str, *, standardised: bool) -> str:
    """Return what a person should know of the range of a network's outputs, or nothing.

    Args:
        loss: target of the loss, such as ``paribus.metrics:log_loss``.
        outputs: of a part, ``(sample, ...)``.
        last_layer: the layer that is called last, such as ``Softmax0``.
        standardised: whether the loss takes values that were standardised, which lie on both sides of zero.
    """
    module, _, name = loss.partition(":")
    kind = last_layer.rstrip("0123456789")
    if not module.startswith("paribus.metrics"):
        return ""
    if name in LOGIT_LOSSES:
        if kind in PROBABILITIES or _probabilities(outputs):
            by = f"the last layer is {last_layer}" if kind in PROBABILITIES else _shown(outputs)
            return (
                f"outputs look like probabilities ({by}), while the loss takes logits and squashes them once more: "
                "leave the softmax or sigmoid out of the network"
            )
        if kind in BOUNDED:
            return f"logits are bounded by the last layer {last_layer}: end with a linear layer"
    if name == "squared_error" and standardised and kind in BOUNDED:
        return (
            f"outputs are bounded by the last layer {last_layer}, while the values to predict are standardised and "
            "lie on both sides of zero: end with a linear layer"
        )
    return ""


def _probabilities(outputs: Tensor) -> bool:
    """Return whether outputs are within 0 and 1 and rows sum to one; of one column, whether they reach both ends."""
    if outputs.ndim != 2 or not bool(((outputs >= 0) & (outputs <= 1)).all()):
        return False
    if outputs.shape[1] > 1:
        return bool(torch.allclose(outputs.sum(1), outputs.new_ones(()), atol=SUM))
    return bool(outputs.min() < NEAR) and bool(outputs.max() > 1 - NEAR)


def _shown(outputs: Tensor) -> str:
    return "within 0 and 1" + ("; rows sum to one" if outputs.shape[1] > 1 else "")
