"""Optimizers of torch without its compiler, for steps that train nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import unwrap
from typing import Any

import torch


@contextmanager
def bare_optimizers() -> Iterator[None]:
    """Use optimizers without what torch wraps around them: it loads torch's compiler, two seconds for nothing here."""
    if "torch._dynamo" in sys.modules:
        yield
        return
    base = torch.optim.Optimizer
    kinds = [k for k in vars(torch.optim).values() if isinstance(k, type) and issubclass(k, base)]
    before = [
        (kind, name, vars(kind)[name])
        for kind in kinds
        for name in ("__init__", "add_param_group", "zero_grad", "step")
        if name in vars(kind)
    ]
    try:
        for kind, name, function in before:
            bare = unwrap(function)
            setattr(kind, name, _without_gradient(bare) if name == "step" else bare)
        yield
    finally:
        for kind, name, function in before:
            setattr(kind, name, function)


def _without_gradient(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return an optimizer's step in the mode that torch gives it: gradients where it is to be differentiated."""

    @wraps(step)
    def stepped(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(bool(self.defaults.get("differentiable"))):
            return step(self, *args, **kwargs)

    return stepped
