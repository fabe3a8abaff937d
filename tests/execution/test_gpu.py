"""GPU of a process: told in words, and not touched by the parent from which workers are forked."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from paribus.execution.gpu import gpu_here, gpu_number, other_gpu

PARENT = """
import os, torch
touched = []
for name in dir(torch._C):
    function = getattr(torch._C, name)
    if "_cuda" in name or "accelerator" in name.lower():
        if callable(function) and not isinstance(function, type):
            def noted(*arguments, _name=name, _function=function):
                touched.append(_name)
                return _function(*arguments)
            setattr(torch._C, name, noted)
os.environ["PARIBUS_PARENT_OF_WORKERS"] = f"{os.getppid()} "
import paribus.execution.preload_watch, paribus.execution.preloaded
print(touched, flush=True)
torch.cuda.is_available()
print(bool(touched), flush=True)
"""


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="torch was built without CUDA")
@pytest.mark.slow
def test_the_parent_of_workers_does_not_touch_cuda() -> None:
    """What does so before a fork takes the GPU from every process that is forked; the second line shows it is seen."""
    done = subprocess.run(
        [sys.executable, "-c", PARENT], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\nTrue\n"


def test_a_gpu_is_told_by_its_name_and_the_version_of_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (gpu_here(), gpu_number()) == ("no GPU that torch can use", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    assert gpu_here() == "NVIDIA H200, CUDA 13.2"


def test_a_worker_with_another_gpu_is_refused_by_both() -> None:
    refusal = other_gpu("worker tcp://10.0.0.2:1", "NVIDIA L4, CUDA 13.2", "NVIDIA H200, CUDA 13.2")
    assert str(refusal) == (
        "worker tcp://10.0.0.2:1: got NVIDIA L4, CUDA 13.2, expected NVIDIA H200, CUDA 13.2, as here. Have workers "
        "with GPU=1 on machines with that GPU alone, and with the same torch."
    )
