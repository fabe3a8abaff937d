"""Outputs that depend on the samples beside them, or on earlier passes: told on the page, and trained by the loop."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from paribus.engines.vmapped.equivalence import BY_LOOP, self_check
from paribus.spec import call
from paribus.training.evaluation_doubt import BATCH, STATE, evaluation_doubt
from paribus.training.loop import train


class Centred(nn.Module):
    """Takes the mean of the batch off, in evaluation too."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.linear = nn.LazyLinear(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.linear(x.flatten(1))
        return hidden - hidden.mean(0)


class Sized(Centred):
    """Divides by the size of the batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1)) / len(x)


class Unfrozen(Centred):
    """Batch norm that has no running statistics."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__(outputs)
        self.norm = nn.BatchNorm1d(1, track_running_stats=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.norm(x.flatten(1)[:, None])[:, 0])


class Normed(Centred):
    """Batch norm with running statistics, and dropout: ordinary networks."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__(outputs)
        self.norm, self.dropout = nn.BatchNorm1d(outputs), nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.norm(self.linear(x.flatten(1))))


class Noisy(Centred):
    """Draws noise in evaluation, which each pass draws alike."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(self.linear(x.flatten(1)), 0.5)


class Counting(Centred):
    """Counts its passes, in evaluation too."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__(outputs)
        self.passes = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        return self.linear(x.flatten(1)) * self.passes


@pytest.mark.parametrize(
    ("network", "doubt"),
    [
        (Centred, BATCH),
        (Sized, BATCH),
        (Unfrozen, BATCH),
        (Counting, STATE),
        (Normed, ""),
        (Noisy, ""),
    ],
)
def test_a_run_tells_what_its_scores_depend_on(network: type[Centred], doubt: str, tiny) -> None:
    run = tiny["table"].run(model=call(network), steps=2)
    notes = train(run, tiny["table"].make_split()).network.get("notes", [])
    assert [note for note in notes if note in (BATCH, STATE)] == ([doubt] if doubt else [])


@pytest.mark.parametrize(("network", "reason"), [(Centred, BY_LOOP), (Normed, "")])
def test_a_network_that_a_cohort_would_score_otherwise_is_trained_by_the_loop(
    network: type[Centred], reason: str, tiny
) -> None:
    run = tiny["table"].run(model=call(network), steps=2)
    assert self_check(run, tiny["table"].make_split()) == reason


class Timed(nn.Module):
    """Takes the axis of samples for that of time, as a recurrent layer without ``batch_first`` does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(x, 0)


def test_samples_that_come_before_count_too() -> None:
    x = torch.randn(30, 4)
    assert evaluation_doubt(Timed(), [x]) == BATCH
    torch.manual_seed(0)
    lstm = nn.LSTM(4, 8)
    assert evaluation_doubt(Only(lstm), [torch.randn(30, 5, 4)]) == BATCH
    assert evaluation_doubt(Only(nn.LSTM(4, 8, batch_first=True)), [torch.randn(30, 5, 4)]) == ""


class Only(nn.Module):
    """Returns the first of a layer's outputs."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[0]


def test_the_network_stays_in_its_mode() -> None:
    for mode in (True, False):
        network = nn.BatchNorm1d(2).train(mode)
        evaluation_doubt(network, [torch.randn(12, 2)])
        assert network.training is mode
