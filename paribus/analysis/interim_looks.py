"""Looks: with how many seeds a contrast has been looked at, because each further look adds a chance of false alarm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from paribus.analysis.declaration import note_seen
from paribus.experiment.comparison import Comparison
from paribus.runs.store import Store
from paribus.spec import digest

if TYPE_CHECKING:
    from paribus.analysis.results import Result, Row


class Look(NamedTuple):
    """One look at one contrast.

    Attributes:
        contrast: name under which its looks are kept: the two kinds of run, the metric, and the rule of seeds.
        seeds: number of seeds of this look.
        history: numbers of seeds of all looks up to this one.
    """

    contrast: str
    seeds: int
    history: tuple[int, ...]


def looks_at(store: Store, rows: Sequence[Row], *, sequential: bool) -> dict[str, Look]:
    """Return the look at each contrast that is shown, by variant; nothing is written.

    A look with too few seeds to reach a verdict is one, too: who stops at six seeds where five were unanimous, and goes
    on to twenty where they were not, is wrong in almost 8 % of cases. Looks within a sequence are one look, however
    many there were; looks of the other kind come before it, since each kind has an error rate of its own.
    """
    baseline, *others = rows
    looks = {}
    for row in others:
        if not (row.complete and baseline.complete):
            continue
        pair = [[_looked_at(r), r.variant.metric] for r in (baseline, row)]
        kinds = digest(pair), digest([*pair, "sequential"])
        own, other = kinds[::-1] if sequential else kinds
        seeds = len(row.runs)
        upto = (seeds,) if sequential else _upto(store.looks(own), seeds)
        looks[row.variant.name] = Look(own, seeds, (*store.looks(other), *upto))
    return looks


def _upto(noted: Sequence[int], seeds: int) -> tuple[int, ...]:
    """Return looks up to the one with so many seeds, which comes last where it is new."""
    earlier = noted[: noted.index(seeds)] if seeds in noted else noted
    return (*earlier, seeds)


def crossed_looks(comparison: Comparison, looks: Mapping[str, Look]) -> dict[str, tuple[int, ...]]:
    """Return looks by contrast, an interaction's being those of the most looked at of its variants."""
    history = {name: look.history for name, look in looks.items()}
    crossed = {
        name: [history[v] for v in four if v in history]
        for name, four in comparison.interactions().items()
    }
    return history | {name: max(each, key=len) for name, each in crossed.items() if each}


def note_looks(results: Iterable[Result], store: Store) -> None:
    """Write the looks that results are into the store, those that are new, and that their runs were seen."""
    for result in results:
        for look in result.taken:
            store.look(look.contrast, look.seeds)
        if any(row.present for row in result.rows):
            note_seen(result.declaration, store)


def _looked_at(row: Row) -> object:
    """Return what a look at a row is a look at: its kind of run, and how that was searched for."""
    if row.searched is None:
        return row.runs[0].kind_key
    search = row.searched.search
    return [search.runs[0].kind_key, search.space, search.trials, search.shared]
