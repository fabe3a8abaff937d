"""Facts outside of recipes that decide run keys: of this machine, or as they were recorded when runs were made."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

NO_GPU = "no CUDA device was found"


def torch_minor() -> str:
    """Return major and minor version of torch, such as ``2.14``."""
    return ".".join(torch.__version__.split(".")[:2])


def _devices_skipped() -> dict[str, str]:
    return {} if torch.cuda.is_available() else {"cuda": NO_GPU}


@dataclass
class Environment:
    """Facts outside of recipes that decide how runs are named and which of them there are.

    Attributes:
        sources: fingerprints of code, by the modules that they are of; of this machine's code those asked for so far.
        torch: major and minor version.
        skipped: reason why nothing runs on a device, by device.
        recorded: whether it was read from a file, so that fingerprints are looked up and not made.
    """

    sources: dict[str, str] = field(default_factory=dict)
    torch: str = field(default_factory=torch_minor)
    skipped: dict[str, str] = field(default_factory=_devices_skipped)
    recorded: bool = False

    def skip_reason(self, device: str) -> str:
        """Return why nothing runs on a device, or nothing."""
        return self.skipped.get(device, "")
