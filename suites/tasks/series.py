"""Forecasting one step ahead: the load of an electricity grid, every quarter of an hour."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from paribus import Dataset, Task, call
from paribus.data.dataset import digest_tensors
from paribus.data.readers.series import windows
from paribus.suites.tasks.metrics import mse

STEPS_PER_DAY = 96
STEPS_PER_YEAR = 365.25 * STEPS_PER_DAY


def load(days: int = 548) -> Tensor:
    """Return a made-up electrical load in MW every 15 minutes from the start of a year, ``(96 * days,)``; always equal.

    With the hour of the day ``h``, the weekend ``w`` (0 or 1), the year's phase ``y`` and the weather ``a``::

        load = 50 + 10 cos(2 pi (y - 0.04))            more in winter
                  + (1 - 0.5 w) (8 peak(h, 8.5, 1.5) + 12 peak(h, 18.5, 2.5)) - 4 w
                  - 6 peak(h, 3.5, 3)                  morning, evening, night
                  + 3 a + 2 noise

    where ``peak`` is a bell round an hour of the day, the weather is an AR(1) process of unit variance that forgets
    within about two days, and the noise is normal and white. The white noise is what no forecast can know. Values are
    read to 0.01 MW, so that they are the same on every machine.
    """
    generator = torch.Generator().manual_seed(20_110_101)
    step = torch.arange(days * STEPS_PER_DAY, dtype=torch.float64)
    hour = step % STEPS_PER_DAY / 4
    weekend = (step // STEPS_PER_DAY % 7 >= 5).double()
    winter = (2 * torch.pi * (step / STEPS_PER_YEAR - 0.04)).cos()
    working = 8 * _peak(hour, 8.5, 1.5) + 12 * _peak(hour, 18.5, 2.5)
    shocks, noise = torch.randn(2, len(step), dtype=torch.float64, generator=generator)
    values = (
        50
        + 10 * winter
        + (1 - 0.5 * weekend) * working
        - 4 * weekend
        - 6 * _peak(hour, 3.5, 3.0)
        + 3 * _weather(shocks)
        + 2 * noise
    )
    return values.round(decimals=2).float()


def _peak(hour: Tensor, at: float, width: float) -> Tensor:
    """Return a bell of height one round an hour of the day, that joins at midnight."""
    away = (hour - at + 12) % 24 - 12
    return (-0.5 * (away / width).square()).exp()


def _weather(shocks: Tensor, memory: float = 0.995) -> Tensor:
    """Return an AR(1) process of unit variance; 0.995 a step halves itself every 138 steps, a day and a half."""
    scale = (1 - memory**2) ** 0.5
    path = accumulate(shocks.tolist(), lambda now, shock: memory * now + scale * shock)
    return torch.tensor(list(path), dtype=torch.float64)


def electricity_load(window: int = STEPS_PER_DAY) -> Dataset:
    """Windows of the load of a year and a half, each with the next value to predict.

    Inputs are ``(sample, window, 1)``, targets ``(sample, 1)``, both in MW before they are standardised.
    """
    values = load()
    inputs, targets = windows(values, window)
    return Dataset(
        name="electricity load",
        origin="a generated 15-minute load of 548 days: day, week, year, weather and noise",
        inputs=(inputs,),
        targets=(targets,),
        feature_axes=(2,),
        standardise_targets=True,
        features=("load",),
        digest=digest_tensors((values,)),
    )


SERIES = Task(
    name="series",
    source=call(electricity_load),
    reader=call("paribus.data.readers.series:read_series"),
    split=call("paribus.data.splits:time_split", max_evaluated=2000),
    loss=call("paribus.metrics:squared_error"),
    metrics=(
        mse(
            0.002,
            reason="it is a fortieth of the error of repeating the last value, which is about 0.08",
        ),
    ),
    dummy={
        "last_value": call("paribus.data.dummy:last_value"),
        "same_time_yesterday": call("paribus.data.dummy:seasonal_naive", lag=STEPS_PER_DAY),
    },
)
