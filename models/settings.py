"""Settings that several networks share, turned from plain data into modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

ACTIVATIONS = (
    *("Identity", "Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU"),
    *("Mish", "Softplus", "Softsign", "ReLU6", "Hardtanh", "Hardsigmoid", "Hardswish"),
)
OUTPUTS: Mapping[str, type[nn.Module]] = {"linear": nn.Identity, "sigmoid": nn.Sigmoid}


def activation(setting: str | Mapping[str, Any]) -> nn.Module:
    """Return a new activation module from its name, or from a mapping of its name and arguments.

    >>> activation("ReLU")
    ReLU()
    >>> activation({"name": "LeakyReLU", "negative_slope": 0.05})
    LeakyReLU(negative_slope=0.05)

    Raises:
        ValueError: there is no such activation, or it takes no such argument.
    """
    arguments = {"name": setting} if isinstance(setting, str) else dict(setting)
    name = arguments.pop("name", None)
    if name not in ACTIVATIONS:
        raise ValueError(unknown("activation", setting, ACTIVATIONS))
    try:
        module: nn.Module = getattr(nn, name)(**arguments)
    except TypeError as error:
        expected = f"arguments that torch.nn.{name} takes"
        raise ValueError(f"activation: got {setting!r}, expected {expected} ({error}).") from error
    return module


def checked_norm(norm: str | None) -> str | None:
    """Return the norm's name, if it is one.

    Raises:
        ValueError: there is no such norm.
    """
    if norm not in (None, "batch"):
        raise ValueError(unknown("norm", norm, (None, "batch")))
    return norm


def output_activation(output: str) -> nn.Module:
    """Return the module after the last layer: none for ``linear``, a logistic function for ``sigmoid``.

    Raises:
        ValueError: there is no such output.
    """
    if output not in OUTPUTS:
        raise ValueError(unknown("output", output, tuple(OUTPUTS)))
    return OUTPUTS[output]()


def positive(what: str, sizes: Sequence[int]) -> list[int]:
    """Return the sizes as a list, if each is a whole number of at least 1.

    >>> positive("hidden", (16, 8))
    [16, 8]

    Raises:
        ValueError: one is not.
    """
    if not all(isinstance(size, int) and size >= 1 for size in sizes):
        raise ValueError(f"{what}: got {list(sizes)}, expected whole numbers of at least 1.")
    return list(sizes)


def shape(inputs: Sequence[int], axes: tuple[str, ...]) -> tuple[int, ...]:
    """Return the shape of one sample as a tuple, if it has these axes.

    >>> shape([3, 32, 32], ("channel", "height", "width"))
    (3, 32, 32)

    Raises:
        ValueError: it has fewer or more.
    """
    if len(inputs) != len(axes):
        raise ValueError(
            f"inputs: got {tuple(inputs)}, expected the shape of one sample, ({', '.join(axes)})."
        )
    return tuple(inputs)


def unknown(what: str, got: object, choices: Sequence[object]) -> str:
    """Return the message about a setting that is none of its choices.

    >>> unknown("norm", "layer", (None, "batch"))
    "norm: got 'layer', expected one of None, 'batch'."
    """
    return f"{what}: got {got!r}, expected one of {', '.join(map(repr, choices))}."
