"""What a page says of how networks start and of the noise in them, where that is not the ordinary case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paribus.analysis.results import Result
from paribus.report.formatting import bullets, listed
from paribus.report.provenance_tables import by_content, merged

MAX_LAYERS = 6  # layers that are named


def start_lines(result: Result) -> list[str]:
    """Return what is to say of starts and noise of a comparison: one list, or nothing."""
    own, fixed = result.control.own, result.control.fixed
    told = []
    if own:
        told.append(
            f"The networks start some weights themselves, and not as `{result.rows[0].variant.name}` does: "
            f"{_by_variant(own)}. These starts are part of what is compared; all other weights of one kind and shape "
            "are paired by hash."
        )
    if fixed:
        told.append(
            f"Set by the network to the same numbers for every seed: {_by_variant(fixed)}. Seeds vary the rest."
        )
    told += _notes(result)
    return [bullets(told)] if told else []


def _by_variant(weights: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"`{name}` {in_layers(found)}" for name, found in weights.items())


def in_layers(names: Sequence[str]) -> str:
    """Return weights by layer, in words.

    >>> in_layers(["Linear0.weight(3, 2)", "Linear0.bias(3,) of (3, 2)", "buffer Fourier0.scale(4,)"])
    'Linear0 (weight, bias) and Fourier0 (scale)'
    """
    layers: dict[str, list[str]] = {}
    for name in names:
        layer, _, weight = name.removeprefix("buffer ").partition("(")[0].partition(".")
        layers.setdefault(layer, []).append(weight)
    shown = [f"{layer} ({', '.join(weights)})" for layer, weights in layers.items()]
    more = len(shown) - MAX_LAYERS
    return listed(shown if more <= 0 else [*shown[:MAX_LAYERS], f"{more} more layers"])


def _notes(result: Result) -> list[str]:
    """Return each remark that the runs left on their networks, with the variants that it holds for if not all."""
    described = by_content(
        [result], lambda row: tuple(merged(r.network.get("notes", ()) for r in row.present))
    )
    order = dict.fromkeys(note for _, notes in described for note in notes)
    holders = {note: [names for names, notes in described if note in notes] for note in order}
    return [
        note if len(names) == len(described) else f"{'; '.join(names)}: {note}"
        for note, names in holders.items()
    ]
