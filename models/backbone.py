"""Torchvision networks with their head replaced."""

from __future__ import annotations

from torch import nn

from .settings import output_activation, positive


def backbone(
    *, outputs: int, name: str = "densenet121", hidden: int = 500, output: str = "linear"
) -> nn.Module:
    """Return a torchvision classifier whose last linear layer is replaced by two, of ``hidden`` and ``outputs`` units.

    Its weights are drawn, not downloaded. Weights of the rest keep their names, such as ``features.*`` of densenet121,
    by which they can be frozen; those of the head are ``classifier.0.*`` and ``classifier.2.*`` there.

    Args:
        outputs: how many numbers the network puts out.
        name: as ``torchvision.models`` lists it.
        hidden: units between the backbone's features and the outputs.
        output: ``"linear"`` for raw values and logits, ``"sigmoid"`` for probabilities.

    Raises:
        ValueError: torchvision has no such network, or a setting is none of its choices.
    """
    from torchvision.models import get_model

    (width,) = positive("hidden", [hidden])
    network: nn.Module = get_model(name, weights=None)
    place, last = [(n, m) for n, m in network.named_modules() if isinstance(m, nn.Linear)][-1]
    head = nn.Sequential(
        nn.Linear(last.in_features, width),
        nn.ReLU(),
        nn.Linear(width, outputs),
        output_activation(output),
    )
    network.set_submodule(place, head)
    return network
