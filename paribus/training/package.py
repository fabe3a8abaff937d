"""Machine code of a function of tensors: made once, kept as a file, and loaded by other processes in a moment.

`torch.compile` keeps what it made, too, but goes through all its reasons again in every process, which takes seconds
where loading a file takes a tenth of one.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from paribus.cache import cache_folder, processor
from paribus.spec import digest

Function: TypeAlias = Callable[..., Tensor]


def package_of(name: str, device: str) -> Path:
    """Where the machine code of a name is kept: for this torch, this processor or GPU and so many threads.

    Raises:
        OSError: the user has no home.
    """
    gpu = (
        (torch.cuda.get_device_name(), torch.cuda.get_device_capability())
        if device == "cuda"
        else ()
    )
    made_for = (
        torch.__version__,
        torch.version.git_version,
        processor(),
        torch.get_num_threads(),
        gpu,
    )
    return cache_folder() / f"steps-{digest([name, *made_for])}.pt2"


def any_packages() -> bool:
    """Whether any machine code is kept, which is asked before it is worked out which."""
    try:
        return any(cache_folder().glob("steps-*"))
    except OSError:
        return False


def make_package(path: Path, function: Function, arguments: Sequence[Tensor]) -> None:
    """Compile a function for arguments of these shapes and keep it.

    It is written under another name first: whoever sees it sees all of it, and of two who build at once the last wins.

    Args:
        path: of `package_of`.
        function: tensor operations alone, the same ones whatever the arguments hold; it may change some in place.
        arguments: examples, left as they are.

    Raises:
        Exception: whatever a compiler says.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        torch.no_grad(),
        warnings.catch_warnings(),
        _quiet("torch.utils.cpp_extension"),
        tempfile.TemporaryDirectory(dir=path.parent) as room,
    ):
        warnings.simplefilter("ignore")
        graph = make_fx(function)(*copies(arguments))
        exported = torch.export.export(graph, tuple(copies(arguments)))
        whole = Path(room) / path.name
        torch._inductor.aoti_compile_and_package(exported, package_path=str(whole))
        whole.replace(path)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep back what a logger says, such as that there is a compiler for CUDA and no GPU."""
    logger = logging.getLogger(name)
    logger.addFilter(_nothing)
    try:
        yield
    finally:
        logger.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


class Package:
    """Machine code that was kept, as a function of tensors laid out as those that it was made for.

    Args:
        path: of a file that `make_package` wrote.
        arguments: laid out as the examples were.

    Raises:
        RuntimeError: the file cannot be loaded.
    """

    def __init__(self, path: Path, arguments: Sequence[Tensor]) -> None:
        self.layouts = [layout(x) for x in arguments]
        with _quiet("torch.utils.cpp_extension"):
            self.run: Function = torch._inductor.aoti_load_package(
                str(path), run_single_threaded=True
            )

    def fits(self, arguments: Sequence[Tensor]) -> bool:
        """Whether these are laid out so; with others the code would read whatever lies there."""
        return all(layout(x) == known for x, known in zip(arguments, self.layouts, strict=True))

    def __call__(self, *arguments: Tensor) -> Tensor:
        """What the function returns of arguments that fit."""
        return self.run(*arguments)


def layout(x: Tensor) -> tuple[object, ...]:
    """All of a tensor but what it holds."""
    return x.shape, x.stride(), x.dtype, x.device


def copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    """A copy of each tensor."""
    return [x.clone() for x in tensors]
