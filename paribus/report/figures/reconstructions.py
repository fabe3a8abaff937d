"""Images that networks put out, beside those that they were to put out: a row for each variant, a column an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from paribus.analysis.results import Result
from paribus.report.figures.learning_curves import drawn, plot_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGE = 4
"""Axes of images: ``(sample, channel, height, width)``."""


def reconstructions(result: Result, count: int = 10, target: str = "target") -> Figure | None:
    """Draw test images of the first seed: the target, what the first dummy predictor says, and what each variant does.

    Args:
        result: of a task whose targets are images.
        count: how many images are shown, evenly spaced over the test part.
        target: what the targets are called.
    """
    first_of = {name: next(result.predictions(row), None) for name, row in drawn(result).items()}
    stored = {name: said for name, said in first_of.items() if said is not None}
    if not stored:
        return None
    first = next(iter(stored.values()))
    if first.target.ndim != IMAGE:
        return None
    dummy = next(iter(result.comparison.task.dummy))
    strips = {target: first.target, f"learns nothing ({dummy})": first.dummy}
    strips |= {name: said.outputs for name, said in stored.items()}
    shown = np.linspace(0, len(first.target) - 1, min(count, len(first.target))).round().astype(int)
    about = f"{len(shown)} of {len(first.target)} test images, seed {result.seeds[0]}"
    title = f"{result.comparison.name} on {result.device}: {about}"
    return strips_of({name: images[shown] for name, images in strips.items()}, title)


def strips_of(strips: Mapping[str, np.ndarray], title: str) -> Figure:
    """Draw rows of images under their names, grey levels as in the first row's range.

    Args:
        strips: ``(image, channel, height, width)`` by name, as many images in each.
        title: of the whole.
    """
    first = next(iter(strips.values()))
    low, high = float(first.min()), float(first.max())
    figure = plot_figure(0.62 * len(first) + 2.2, 0.66 * len(strips) + 0.5)
    for line, (name, images) in enumerate(strips.items()):
        axes = figure.add_subplot(len(strips), 1, line + 1)
        axes.imshow(strip(images, high), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set_yticks([(images.shape[2] - 1) / 2], [name], fontsize=9)
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.suptitle(title, fontsize=10)
    return figure


def strip(images: np.ndarray, gap: float) -> np.ndarray:
    """Join images side by side with a column of ``gap`` between them, ``(height, width)``; in colour ``(..., 3)``."""
    framed = np.pad(images, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=gap)
    wide = np.concatenate(list(framed), axis=2)[:, :, :-1]
    return wide[0] if len(wide) == 1 else wide.transpose(1, 2, 0).clip(0, 1)
