"""Figures: what is drawn, of whom, and that the same picture is read by every eye."""

from __future__ import annotations

import itertools
import math

import pytest

from paribus.experiment.factor import Factor
from paribus.report.figures import learning_curves, plotting
from tests.helpers.handmade import FAILED, LR, Bench, around, comparison, filled

DIAGNOSED = {
    "step": [0, 10, 20],
    "validation/log_loss": [0.7, 0.5, 0.4],
    "gradient_norm/0": [1e-6, 1e-5, 1e-5],
    "gradient_norm/1": [1.0, 1.0, 1.0],
    "gradient_ratio": [1e-6, 1e-5, float("nan")],
    "dead_share": [0.0, 0.1, 0.2],
}


def many(store, count: int, longer: str = "", **changes: object) -> Bench:
    """So many learning rates, each a little better than the one before."""
    levels = {f"rate {i} × weighted{longer}": 0.1 + i / 100 for i in range(count)}
    factor = Factor("recipe.optimizer.lr", levels)
    bench = Bench(store, comparison(factors=(factor,), baseline=(next(iter(levels)),)))
    for i, name in enumerate(levels):
        bench.put(name, around(0.4 - i / 50), **changes)
    return bench


def texts(figure) -> list[str]:
    (axes,) = figure.axes
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("count", [2, 5, 11])
def test_every_variant_has_a_line_a_name_and_a_style_of_its_own(store, count) -> None:
    figure = learning_curves.curves(many(store, count).result())
    (axes,) = figure.axes
    *lines, floor = axes.lines
    assert len(lines) == count
    assert texts(figure) == [*(line.get_label() for line in lines), "learns nothing (prior)"]
    styles = {(x.get_color(), x.get_marker(), str(x.get_linestyle())) for x in lines}
    assert len(styles) == len({line.get_color() for line in lines}) == count
    assert floor.get_linestyle() == "--"


def test_the_baseline_alone_is_black_and_no_two_of_many_lines_look_alike() -> None:
    styles = [plotting.style(i) for i in range(40)]
    assert [s["color"] for s in styles].count("#000000") == 1
    assert len({str(s) for s in styles}) == len(styles)


def test_a_name_that_is_a_number_stands_behind_its_setting(store) -> None:
    bench = Bench(store, comparison(factors=(LR,), baseline=("0.01",)))
    for name in ("0.001", "0.01", "0.1", "1"):
        bench.put(name, around(0.4))
    named = texts(learning_curves.curves(bench.result()))
    assert named[:4] == ["lr 0.01", "lr 0.001", "lr 0.1", "lr 1"]
    assert texts(learning_curves.curves(filled(store).result()))[0] == "sgd"


def test_names_at_the_ends_do_not_overlap(store) -> None:
    figure = learning_curves.curves(many(store, 9).result())
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    bottoms = sorted((box.y0, box.y1) for box in boxes)
    assert all(b[0] >= a[0] + 10 for a, b in itertools.pairwise(bottoms))


def test_axes_name_the_metric_its_unit_and_its_direction(store) -> None:
    figure = learning_curves.curves(filled(store).result())
    (axes,) = figure.axes
    assert axes.get_ylabel() == "validation log_loss, nats (lower is better)"
    assert axes.get_xlabel() == "optimizer steps"
    assert figure.get_suptitle() == (
        "hand on cpu: median of 10 seeds, band from the 25th to the 75th percentile"
    )


def test_a_band_is_the_median_and_quartiles_over_seeds(store) -> None:
    bench = Bench(store).put("sgd", [0.1 * i for i in range(10)])
    found = plotting.band(bench.result().rows[0].present, "validation/log_loss")
    assert found.steps.tolist() == [0, 10, 20]
    assert found.middle[-1] == pytest.approx(0.45)  # of 0, 0.1 ... 0.9
    assert (found.low[-1], found.high[-1]) == pytest.approx((0.225, 0.675))


def test_a_diverged_run_leaves_the_band_and_is_named(store) -> None:
    bench = filled(store).put("adam", [FAILED] * 3 + around(0.2)[3:])
    result = bench.result()
    found = plotting.band(result.row("adam").present, "validation/log_loss")
    assert found.steps.tolist() == [0, 10, 20]
    assert "adam (3 of 10 diverged)" in texts(learning_curves.curves(result))


def test_where_all_runs_diverged_the_line_ends_where_they_did(store) -> None:
    result = filled(store).put("adam", [FAILED] * 10).result()
    assert plotting.band(result.row("adam").present, "validation/log_loss").steps.tolist() == [
        0,
        10,
    ]
    assert learning_curves.curves(result) is not None


def test_a_band_ends_where_fewer_than_half_of_its_runs_are_left(store) -> None:
    """Six of ten stop at step 10: the four that go on are not shown as if they were all."""
    bench = filled(store)
    for seed in range(6):
        curves = {"step": [0, 10], "validation/log_loss": [0.7, 0.5]}
        bench.perturb("adam", seed, curves=curves)
    curve = "validation/log_loss"
    assert plotting.band(bench.result().row("adam").present, curve).steps.tolist() == [0, 10]
    bench.perturb("adam", 0, curves={"step": [0, 10, 20], curve: [0.7, 0.5, 0.4]})
    assert plotting.band(bench.result().row("adam").present, curve).steps.tolist() == [0, 10, 20]


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_what_is_not_finite_is_left_out(bad) -> None:
    found = plotting.quartiles([0, 1, 2], [[1.0, bad, bad], [3.0, 2.0, bad]])
    assert found.steps.tolist() == [0, 1]
    assert found.middle.tolist() == [2, 2]


def test_rows_without_a_result_are_not_drawn(store) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("adam", around(0.2)).put("rmsprop", [0.3] * 4)
    named = texts(learning_curves.curves(bench.result(failures={"adam": "boom"})))
    assert named == ["sgd", "learns nothing (prior)"]


def test_nothing_to_show_is_no_figure(store) -> None:
    result = Bench(store).result()
    assert learning_curves.curves(result) is None
    assert learning_curves.diagnostics(result) is None


def test_steps_have_whole_numbers_on_their_axis(store) -> None:
    bench = filled(store)
    for name in ("sgd", "adam", "rmsprop"):
        for seed in range(10):
            bench.perturb(name, seed, curves={"step": [0, 3], "validation/log_loss": [0.7, 0.5]})
    (axes,) = learning_curves.curves(bench.result()).axes
    assert set(axes.get_xticks()) >= {0.0, 1.0, 2.0, 3.0}
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_a_wide_range_is_logarithmic(store) -> None:
    bench = filled(store)
    assert learning_curves.curves(bench.result()).axes[0].get_yscale() == "linear"
    bench.put("adam", [1e-4] * 10)
    assert learning_curves.curves(bench.result()).axes[0].get_yscale() == "log"


def test_a_start_that_explodes_does_not_flatten_the_rest(store) -> None:
    bench = filled(store)
    for seed in range(10):
        curves = {"step": [0, 10, 20], "validation/log_loss": [2e8, 0.5, 0.4]}
        bench.perturb("adam", seed, curves=curves)
    (axes,) = learning_curves.curves(bench.result()).axes
    assert axes.get_ylim()[1] < 2
    assert axes.get_title(loc="left") == "off the scale before training: adam 2e+08"


def test_limits_that_leave_starts_out_hold_the_bands_of_what_comes_after(store) -> None:
    """The lowest quartile is 0.15, below every median."""
    bench = filled(store)
    for name in ("sgd", "adam", "rmsprop"):
        for seed in range(10):
            end = 0.15 if name == "sgd" and seed < 4 else 0.3
            curves = {"step": [0, 10, 20], "validation/log_loss": [6.0, 0.5, end]}
            bench.perturb(name, seed, curves=curves)
    (axes,) = learning_curves.curves(bench.result()).axes
    assert axes.get_ylim()[0] < 0.15
    assert axes.get_ylim()[1] < 2
    assert "sgd 6, adam 6" in axes.get_title(loc="left")


def test_layers_are_counted_in_whole_numbers(store) -> None:
    norms = {f"gradient_norm/{i}": [1.0 + i, 1.0] for i in range(21)}
    bench = filled(store)
    for name in ("sgd", "adam", "rmsprop"):
        for seed in range(10):
            bench.perturb(name, seed, curves={"step": [0, 10], **norms})
    (axes,) = learning_curves.diagnostics(bench.result()).axes
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_diagnostics_have_a_panel_each_and_one_for_the_layers(store) -> None:
    bench = filled(store)
    for name in ("sgd", "adam", "rmsprop"):
        for seed in range(10):
            bench.perturb(name, seed, curves=DIAGNOSED)
    figure = learning_curves.diagnostics(bench.result())
    assert [axes.get_title() for axes in figure.axes] == [
        "gradient norm, first over last layer",
        "share of hidden units that are dead",
        "gradient norm before training",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sgd", "adam", "rmsprop"]
    assert figure.axes[2].lines[0].get_ydata().tolist() == [1e-6, 1.0]
    assert figure.axes[2].get_yscale() == "log"


def test_a_loss_has_the_unit_of_the_metric_that_it_is(store) -> None:
    bench = filled(store)
    curves = {"step": [0, 10], "gap/loss": [0.1, 0.2], "dead_share": [0.1, 0.2]}
    for seed in range(10):
        bench.perturb("adam", seed, curves=curves)
    titles = [axes.get_title() for axes in learning_curves.diagnostics(bench.result()).axes]
    assert titles == [
        "validation loss minus training loss, nats",
        "share of hidden units that are dead",
    ]


def test_a_single_step_is_no_curve(store) -> None:
    bench = filled(store)
    for name in ("sgd", "adam", "rmsprop"):
        for seed in range(10):
            bench.perturb(name, seed, curves={"step": [0, 1], "validation/log_loss": [0.7, 0.5]})
    assert learning_curves.curves(bench.result()) is None


def test_variances_of_layers_have_a_panel_each_and_none_a_layer(store) -> None:
    bench = filled(store)
    layers = {
        f"{name}_variance/{i}": [scale * (i + 1), 9.0]
        for name, scale in (("activation", 1.0), ("gradient", 100.0))
        for i in range(3)
    }
    for name in ("sgd", "adam", "rmsprop"):
        for seed in range(10):
            bench.perturb(name, seed, curves={"step": [0, 10], **layers})
    figure = learning_curves.diagnostics(bench.result())
    assert [axes.get_title() for axes in figure.axes] == [
        "variance of outputs before training",
        "variance of gradients before training",
    ]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [100.0, 200.0, 300.0]


def test_a_line_that_ends_off_the_scale_is_named_at_its_edge(store, tmp_path) -> None:
    """What leads to a point far outside makes a picture of that height."""
    bench = filled(store)
    for seed in range(10):
        curves = {"step": [0, 10, 20], "validation/log_loss": [0.7, 0.5, 0.4]}
        bench.perturb("sgd", seed, curves=curves)
        curves = {"step": [0, 10, 20], "validation/log_loss": [1e14, 0.5, 0.4 if seed else 1e13]}
        bench.perturb("rmsprop", seed, curves={**curves, "step": [0, 10, 20]})
        curves = {"step": [0], "validation/log_loss": [1e14]}
        bench.perturb("adam", seed, curves=curves)
    figure = learning_curves.curves(bench.result())
    (axes,) = figure.axes
    (leading,) = (c for c in axes.collections if c.get_transform() == axes.transAxes)
    assert len(leading.get_segments()) == len(axes.texts) > 0
    assert all(
        (stroke[:, 1] >= 0).all() and (stroke[:, 1] <= 1).all() for stroke in leading.get_segments()
    )
    learning_curves.save(figure, tmp_path / "a.png")


@pytest.mark.parametrize("panels", [1, 2, 4])
def test_long_names_of_many_variants_leave_the_panels_their_room(store, panels) -> None:
    """Beyond the figure's width they would squeeze the panels to nothing, of which matplotlib only warns."""
    curves = {"step": [0, 10, 20], **{f"measure {i}": [0.1, 0.2, 0.3] for i in range(panels)}}
    bench = many(store, 14, " with a long word or two more", curves=curves)
    figure = learning_curves.diagnostics(bench.result())
    figure.canvas.draw()
    assert all(axes.get_position().width * figure.get_figwidth() > 2 for axes in figure.axes)
    assert all(axes.get_position().height * figure.get_figheight() > 1.5 for axes in figure.axes)
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.width


def test_a_comparison_without_diagnostics_has_no_such_figure(store) -> None:
    assert learning_curves.diagnostics(filled(store).result()) is None


@pytest.mark.parametrize(
    "heights",
    [[], [0.5], [0.5] * 4, [0.0, 0.01, 1.0], [2.0, -1.0, 0.5], [i / 40 for i in range(40)]],
)
def test_names_stand_a_gap_apart_in_the_order_of_their_lines(heights) -> None:
    placed = plotting.apart(heights, 0.05)
    order = sorted(range(len(heights)), key=lambda i: min(1.0, max(0.0, heights[i])))
    assert all(placed[b] - placed[a] >= 0.05 - 1e-9 for a, b in itertools.pairwise(order))
    if len(heights) <= 20:
        assert all(-1e-9 <= y <= 1 + 1e-9 for y in placed)


def test_a_figure_is_written_as_png_and_leaves_no_global_state(store, tmp_path) -> None:
    figure = learning_curves.curves(filled(store).result())
    path = learning_curves.save(figure, tmp_path / "a.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert not hasattr(figure, "number")  # what pyplot gives to the figures that it keeps


def test_what_is_zero_throughout_has_no_panel(store) -> None:
    bench = Bench(store, comparison())
    curves = {**DIAGNOSED, "dead_share": [0.0, 0.0, 0.0]}
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4), curves=curves)
    titles = [axes.get_title() for axes in learning_curves.diagnostics(bench.result()).axes]
    assert titles == ["gradient norm, first over last layer", "gradient norm before training"]
