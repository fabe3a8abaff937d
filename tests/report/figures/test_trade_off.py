"""Trade-off of two metrics: what each variant gives up, who is on the frontier, and the picture of it."""

from __future__ import annotations

import numpy as np
import pytest

from paribus.report import method
from paribus.report.figures import trade_off
from paribus.report.page import page
from paribus.runs.store import Store
from tests.helpers.handmade import SEEDS, Bench, around, comparison
from tests.helpers.refusals import refused


@pytest.fixture
def bench(tmp_path):
    """Losses .4, .2 and .5, accuracies .9, .8 and .7: adam and sgd are on the frontier, rmsprop is behind both."""
    with Store(tmp_path / "runs.sqlite") as store:
        made = Bench(store, comparison(frontier=("log_loss", "accuracy")))
        for name, loss, right in (("sgd", 0.4, 0.9), ("adam", 0.2, 0.8), ("rmsprop", 0.5, 0.7)):
            made.put(name, around(loss))
            for seed in range(SEEDS):
                score = around(loss)[seed]
                made.perturb(name, seed, scores={"log_loss": score, "accuracy": right})
        yield made


def test_each_variant_is_behind_the_best_at_either_metric(bench) -> None:
    found = trade_off.regrets(bench.result())
    assert found.keys() == {"sgd", "adam", "rmsprop"}
    np.testing.assert_allclose(found["sgd"], [0.2, 0.0], atol=1e-12)
    np.testing.assert_allclose(found["adam"], [0.0, 0.1], atol=1e-12)
    np.testing.assert_allclose(found["rmsprop"], [0.3, 0.2], atol=1e-12)


def test_who_is_beaten_at_both_is_not_on_the_frontier(bench) -> None:
    assert trade_off.dominated(bench.result()) == {"rmsprop": "sgd"}


def test_a_row_for_each_variant_says_what_it_gives_up(bench) -> None:
    sgd, _, rmsprop = trade_off.lines(bench.result())
    assert sgd["on the frontier"] == "yes"
    assert sgd["log_loss, behind the best"] == "0.200"
    assert rmsprop["accuracy, behind the best"] == "0.200"
    assert sgd["log_loss (nats, lower is better)"].startswith("0.400 ± 0.02")
    assert sgd["accuracy (share, higher is better)"] == "0.900 ± 0"
    assert rmsprop["on the frontier"] == "no"
    assert rmsprop["beaten by"] == "sgd"


def test_the_page_shows_it_and_says_how_to_read_it(bench) -> None:
    text = page([bench.result()], [{}], "hand.csv")
    assert "### [Trade-off](method.md#trade-off)\n" in text
    assert "\n## Trade-off\n\n*Behind the best* is how much worse" in method.text()


def test_the_picture_has_a_point_for_each_variant_and_both_metrics(bench) -> None:
    figure = trade_off.picture(bench.result())
    assert figure is not None
    (axes,) = figure.axes
    points = {line.get_label(): line.get_xydata()[0] for line in axes.lines[1:]}
    np.testing.assert_allclose(points["adam"], [0.2, 0.8])
    assert len({(x.get_color(), x.get_marker()) for x in axes.lines[1:]}) == 3
    assert axes.get_xlabel() == "log_loss (nats, lower is better)"
    assert axes.get_ylabel() == "accuracy (share, higher is better)"
    assert "10 seeds" in axes.get_title(loc="left")
    path = axes.lines[0].get_xydata()
    np.testing.assert_allclose(path, [[0.4, 0.9], [0.2, 0.8], [0.5, 0.7]])


def test_without_a_frontier_there_is_nothing(tmp_path) -> None:
    with Store(tmp_path / "runs.sqlite") as store:
        result = Bench(store).put("sgd", around(0.4)).result()
        assert (trade_off.picture(result), trade_off.lines(result)) == (None, [])


@pytest.mark.parametrize("names", [("log_loss",), ("log_loss", "f1"), ("accuracy", "accuracy")])
def test_a_frontier_of_anything_but_two_metrics_is_refused(names) -> None:
    assert refused(comparison, frontier=names) == (
        f"frontier of comparison 'hand': got {', '.join(names)}, expected two of log_loss, accuracy. "
        "Name two metrics of the task."
    )
