"""Rows of images: which are shown, in which order, on which scale."""

from __future__ import annotations

import numpy as np

from paribus.experiment.recipe import Pretrained
from paribus.report.figures.learning_curves import chosen
from paribus.report.figures.reconstructions import reconstructions, strip
from paribus.report.formatting import setting
from paribus.runs.run import Predictions
from paribus.runs.store import Store
from paribus.spec import to_plain
from tests.helpers.handmade import RECIPE, TASK, Bench, around, comparison


def ramp(start: float, count: int = 5) -> np.ndarray:
    """So many images of 2x3 pixels, each of one grey level, a unit lighter than the one before."""
    return (start + np.arange(count, dtype=np.float32))[:, None, None, None] * np.ones((1, 2, 3))


def filled(store: Store, target: np.ndarray) -> Bench:
    bench = Bench(store, comparison())
    for i, name in enumerate(("sgd", "adam")):
        said = Predictions(outputs=ramp(10.0 * (i + 1)), target=target, dummy=ramp(100.0))
        bench.put(name, around(0.3), predictions=said)
    return bench


def test_targets_come_first_then_learning_nothing_then_each_variant(store) -> None:
    figure = reconstructions(filled(store, ramp(0.0)).result(), count=3)
    shown = {axes.get_yticklabels()[0].get_text(): axes.images[0] for axes in figure.axes}
    assert list(shown) == ["target", "learns nothing (prior)", "sgd", "adam"]
    # The first, third and last image, of three columns each, with one column between.
    levels = {name: image.get_array()[0, [0, 4, 8]].tolist() for name, image in shown.items()}
    assert levels["target"] == [0, 2, 4]
    assert levels["learns nothing (prior)"] == [100, 102, 104]
    assert levels["adam"] == [20, 22, 24]
    assert {image.get_clim() for image in shown.values()} == {(0.0, 4.0)}
    assert "3 of 5 test images, seed 0" in figure.get_suptitle()


def test_there_is_no_picture_of_targets_that_are_no_images(store) -> None:
    assert reconstructions(Bench(store, comparison()).result()) is None
    assert reconstructions(filled(store, np.zeros((5, 1))).result()) is None


def test_a_strip_in_colour_has_its_channels_last() -> None:
    images = np.stack([np.full((3, 2, 2), 0.25), np.full((3, 2, 2), 0.5)])
    found = strip(images, gap=1.0)
    assert found.shape == (2, 5, 3)
    assert found[0, :, 0].tolist() == [0.25, 0.25, 1.0, 0.5, 0.5]


def test_a_page_tells_in_a_phrase_where_a_training_starts() -> None:
    recipe = RECIPE.model_copy(update={"steps": 30})
    start = Pretrained(task=TASK, recipe=recipe, load=("hidden.*", "norm.*"))
    said = "hidden.*, norm.* of MLP(hidden=[4]) after 30 steps on points()"
    assert setting(to_plain(start)) == said


def test_chosen_curves_have_a_panel_each_and_unknown_ones_none(store) -> None:
    bench = Bench(store, comparison())
    for i, name in enumerate(("sgd", "adam", "rmsprop")):
        seen = {"step": [0, 10], "validation/d_real": [0.5, 0.1 * i + 0.6], "d_fake": [0.5, 0.3]}
        bench.put(name, around(0.3), curves=seen)
    figure = chosen(
        bench.result(), {"validation/d_real": "D(real)", "d_fake": "D(fake)", "no": "no"}
    )
    assert [axes.get_title() for axes in figure.axes] == ["D(real)", "D(fake)"]
    drawn = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines}
    assert drawn == {"sgd": [0.5, 0.6], "adam": [0.5, 0.7], "rmsprop": [0.5, 0.8]}
    assert chosen(bench.result(), {"no": "no"}) is None
