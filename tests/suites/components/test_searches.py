"""Searches: what they propose, when they are told, and that a network of one point is what it says."""

from __future__ import annotations

import pytest
import torch

from paribus.suites.components.searches import Bayesian, Grid, Point, Random, Search

SEARCHES = [Grid, Random, Bayesian]


def bowl(point: torch.Tensor) -> torch.Tensor:
    return (point - 0.3).square().sum()


def searched(kind: type, trials: int, start: float = 0.25, **settings) -> list[list[float]]:
    """Return the points of so many trials, each told its distance from 0.3 in three directions."""
    if kind is Grid:
        settings.setdefault("levels", 2)
    point = torch.full((3,), start, requires_grad=True)
    search = kind([point], **settings)
    found = []
    for _ in range(trials):
        search.step(lambda: bowl(point))
        found.append(point.tolist())
    return found


def test_a_point_scales_its_inputs() -> None:
    network = Point(inputs=(3,))
    x = torch.tensor([[1.0, 0.0, 2.0]])
    assert torch.equal(network(x), x * network.weight)
    assert all(0 <= share <= 1 for share in network.weight.tolist())


def test_a_grid_is_every_combination_once_and_then_begins_again() -> None:
    found = searched(Grid, 10)
    assert found[:3] == [[0.25, 0.25, 0.25], [0.25, 0.25, 0.75], [0.25, 0.75, 0.25]]
    assert len({tuple(point) for point in found[:8]}) == 8
    assert found[8:] == found[:2]


def test_a_grid_of_three_levels_has_the_middles_of_thirds() -> None:
    values = {round(x, 6) for point in searched(Grid, 27, levels=3) for x in point}
    assert values == {round(x / 6, 6) for x in (1, 3, 5)}


@pytest.mark.parametrize("kind", [Random, Bayesian])
def test_a_search_repeats_itself_from_the_same_start_alone(kind: type) -> None:
    assert searched(kind, 6) == searched(kind, 6)
    assert searched(kind, 6) != searched(kind, 6, start=0.75)


def test_random_points_fill_the_cube_and_take_no_heed_of_losses() -> None:
    """Of 1000 draws the mean of each direction lies within five standard errors, .0091, of a half."""
    found = torch.tensor(searched(Random, 1000))
    assert ((found.mean(0) - 0.5).abs() < 5 * 0.0091).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_bayesian_search_hears_of_its_own_points_alone_and_draws_near() -> None:
    """The point that it starts from is not a trial; later trials lie nearer to the best than the first ones do."""
    point = torch.full((3,), 0.25, requires_grad=True)
    search = Bayesian([point])
    losses = []
    for _ in range(60):
        search.step(lambda: bowl(point))
        losses.append(bowl(point).item())
    told = [trial.value for trial in search.study.trials[:-1]]
    assert told == pytest.approx(losses[:-1])
    assert sum(losses[-15:]) < 0.5 * sum(losses[:15])


def test_a_search_that_proposes_nothing_cannot_be_made() -> None:
    class Silent(Search):
        """Hears, but never says where to go."""

        def tell(self, loss: float) -> None:
            """Forget it."""

    with pytest.raises(TypeError, match=r"abstract method '?propose'?"):
        Silent([torch.zeros(3, requires_grad=True)])
