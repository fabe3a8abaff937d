"""Optimizers over parts of a network, ready to be named in a recipe."""

from __future__ import annotations

import torch
from torch import nn


def muon_and_adamw(
    network: nn.Module,
    lr: float = 0.02,
    momentum: float = 0.95,
    adamw_lr: float = 0.003,
    weight_decay: float = 0.0,
) -> list[torch.optim.Optimizer]:
    """Return Muon for a network's hidden matrices and AdamW for the rest.

    The rest are biases and norms, filters of convolutions, which torch's Muon does not take, embeddings, and the layer
    that is defined last, whose outputs are no hidden units.

    Source: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.

    Args:
        network: whose weights are trained, as far as they are not frozen.
        lr: of Muon.
        momentum: of Muon.
        adamw_lr: of AdamW.
        weight_decay: of both.

    Raises:
        ValueError: there is no hidden matrix.

    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> [len(o.param_groups[0]["params"]) for o in muon_and_adamw(network)]
    [1, 3]
    """
    embedded = {id(m.weight) for m in network.modules() if isinstance(m, nn.Embedding)}
    trained = [p for p in network.parameters() if p.requires_grad]
    matrices = [p for p in network.parameters() if p.ndim > 1]
    apart = embedded | {id(matrices[-1])} if matrices else embedded
    hidden = [p for p in trained if p.ndim == 2 and id(p) not in apart]
    if not hidden:
        raise ValueError(
            "no hidden matrix to train: the network has no trained weight of two dimensions besides embeddings and its "
            "last layer"
        )
    rest = [p for p in trained if not any(p is matrix for matrix in hidden)]
    muon = torch.optim.Muon(hidden, lr=lr, momentum=momentum, weight_decay=weight_decay)
    return [muon, torch.optim.AdamW(rest, lr=adamw_lr, weight_decay=weight_decay)]
