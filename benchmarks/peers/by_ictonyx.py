"""The comparison by ictonyx's ``compare_models``, which brings seeds, statistics and table of its own."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import ictonyx
import numpy as np
import torch
from torch import nn

from benchmarks.peers.problem import BATCH, OPTIMIZERS, SEEDS, STEPS, network, parts, say


def model(name: str) -> Callable[[Any], Any]:
    """Return a function that makes the network with an optimizer, named after it."""
    optimizer, settings = OPTIMIZERS[name]

    def made(_config: Any) -> Any:
        return ictonyx.PyTorchModelWrapper(
            network(),
            criterion=nn.CrossEntropyLoss(),
            optimizer_class=optimizer,
            optimizer_params=dict(settings),
            device="cpu",
            model_id=name,
        )

    made.__name__ = name
    return made


def main() -> None:
    """Compare all optimizers on one split, which is what ictonyx draws conclusions about."""
    torch.manual_seed(0)
    data = parts(0)
    found = ictonyx.compare_models(
        [model(name) for name in OPTIMIZERS],
        (data.x, data.y),
        validation_data=(data.test_x, data.test_y),
        runs=SEEDS,
        epochs=round(STEPS / -(-len(data.x) // BATCH)),  # its last batch is a short one
        batch_size=BATCH,
        metric="val_loss",
        seed=0,
        verbose=False,
        paired=False,
    )
    sys.stdout.write(f"{found.get_summary()}\n")
    say({name: float(np.mean(values)) for name, values in found.raw_data.items()})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
