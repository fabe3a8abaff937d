"""Weights of a network in a file: names and tensors, and nothing that could run when it is read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from paribus.data.cache import atomic_write
from paribus.errors import ParibusError


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's weights and buffers, all of them or nothing."""
    state = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    with atomic_write(path) as whole:
        torch.save(state, whole)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights and buffers in a file, by name, on the CPU.

    Raises:
        ParibusError: the file cannot be read, or holds anything but tensors by name; no code in it is run.
    """
    try:
        with warnings.catch_warnings():  # torch warns of files that it then refuses
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds, struct.error among them
        raise _refused(path, f"{error}".partition("\n")[0]) from error
    if not isinstance(state, dict):
        raise _refused(path, f"{type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise _refused(path, f"{type(value).__name__} under {name!r}")
    return state


def _refused(path: Path, got: str) -> ParibusError:
    return ParibusError(
        f"weights in {path.name}",
        got=got,
        expected="tensors by name, as a state_dict has them",
        fix="Save network.state_dict(), not the network; a file from elsewhere may run code when it is read otherwise.",
    )


def copy_weights(network: nn.Module, weights: Mapping[str, Tensor], names: list[str]) -> None:
    """Put weights and buffers of these names into a network; all others stay as they are.

    Raises:
        ParibusError: one is not there, or has another shape.
    """
    own = network.state_dict()
    for name in names:
        there, here = weights.get(name), own[name]
        if there is None or there.shape != here.shape:
            raise ParibusError(
                f"weights to load as {name}",
                got="none of that name" if there is None else f"shape {tuple(there.shape)}",
                expected=f"shape {tuple(here.shape)}",
                fix="Leave it out of what is loaded, as a replaced head is, or load it from a network of this shape.",
            )
    with torch.no_grad():
        for name in names:
            own[name].copy_(weights[name])
