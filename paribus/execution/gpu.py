"""GPU of this process, in words that are compared with those of workers on other machines."""

from __future__ import annotations

from paribus.errors import ParibusError

NO_GPU = "no GPU that torch can use"


def gpu_here() -> str:
    """Return the name of the GPU on which this process trains, and the version of CUDA; both decide how it rounds.

    It touches CUDA, so that no process can be forked from this one afterwards that trains on a GPU.
    """
    import torch

    if not torch.cuda.is_available():
        return NO_GPU
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"


def gpu_number() -> str:
    """Return the number that no other GPU has, or nothing where torch does not tell."""
    import torch

    if not torch.cuda.is_available():
        return ""
    found = torch.cuda.get_device_properties(torch.cuda.current_device())
    return str(getattr(found, "uuid", ""))


def other_gpu(worker: str, found: str, expected: str) -> ParibusError:
    """Return the refusal of a worker whose GPU may round otherwise."""
    return ParibusError(
        worker,
        got=found,
        expected=f"{expected}, as here",
        fix="Have workers with GPU=1 on machines with that GPU alone, and with the same torch.",
    )
