"""Random search: ranges, spaces, the trials that a seed draws from them, the winner, and winners at an edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, isfinite, log
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from paribus.errors import ParibusError
from paribus.seeding import Streams
from paribus.spec import Frozen

OUTER = 0.1
CROWDED = 0.25
WIDENED_BY = 10.0
Side = Literal["low", "high"]


class LogUniform(Frozen):
    """Numbers whose logarithm is uniform.

    Args:
        low, high: the ends, both positive.
        complement: ``1 - x`` is drawn so, as for a momentum that lies near one; then ``high`` is at most 1.

    >>> round(LogUniform(low=0.01, high=1).at(0.5), 9)
    0.1
    >>> round(LogUniform(low=0.01, high=1, complement=True).at(0.5), 9)
    0.9
    """

    kind: Literal["log-uniform"] = "log-uniform"
    low: float
    high: float
    complement: bool = False

    @model_validator(mode="after")
    def _positive(self) -> LogUniform:
        limit = 1.0 if self.complement else float("inf")
        if not (0 < self.low < self.high <= limit and isfinite(self.high)):
            raise _bad_range(self.low, self.high, "0 < low < high", self.complement)
        return self

    def at(self, share: float) -> float:
        """Return the number at a share, 0 to 1, of the logarithmic range."""
        x = exp(log(self.low) + share * log(self.high / self.low))
        x = min(max(x, self.low), self.high)
        return 1 - x if self.complement else x

    def edge(self, value: float) -> Side | None:
        """Return the end in whose tenth of the logarithmic range a number lies, None where it cannot move."""
        x = 1 - value if self.complement else value
        if x <= 0:  # stated settings may lie outside
            return "low"
        side = _side(log(x / self.low) / log(self.high / self.low))
        return side if side and self.can_widen(side) else None

    def can_widen(self, side: Side) -> bool:
        """Return whether an end can move: a complement ends at one, such as at no momentum at all."""
        return not (side == "high" and self.complement and self.high >= 1)

    def widened(self, side: Side) -> LogUniform:
        """Return the same range, ten times as wide at one end, as far as it can be."""
        low = self.low / WIDENED_BY if side == "low" else self.low
        high = self.high * WIDENED_BY if side == "high" else self.high
        return self.model_copy(
            update={"low": low, "high": min(high, 1.0) if self.complement else high}
        )

    @property
    def label(self) -> str:
        """Text for a page.

        >>> LogUniform(low=0.01, high=1, complement=True).label
        '1 - x log-uniform in [0.01, 1]'
        """
        name = "1 - x log-uniform" if self.complement else "log-uniform"
        return f"{name} in [{self.low:.6g}, {self.high:.6g}]"


class Uniform(Frozen):
    """Numbers that are uniform between ``low`` and ``high``."""

    kind: Literal["uniform"] = "uniform"
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if not (self.low < self.high and isfinite(self.high - self.low)):
            raise _bad_range(self.low, self.high, "low < high")
        return self

    def at(self, share: float) -> float:
        """Return the number at a share, 0 to 1, of the range."""
        return self.low + share * (self.high - self.low)

    def edge(self, value: float) -> Side | None:
        """Return the end in whose tenth of the range a number lies."""
        return _side((value - self.low) / (self.high - self.low))

    def can_widen(self, side: Side) -> bool:  # noqa: ARG002 - every range is asked for both
        """Return False: what lies beyond a linear range may have no meaning."""
        return False

    @property
    def label(self) -> str:
        """Text for a page."""
        return f"uniform in [{self.low:.6g}, {self.high:.6g}]"


class Categorical(Frozen):
    """Values of which each is as likely as the others; there are no edges."""

    kind: Literal["choice"] = "choice"
    values: tuple[Any, ...] = Field(min_length=2)

    def at(self, share: float) -> Any:
        """Return the value at a share, 0 to 1, of the list."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def edge(self, value: object) -> None:
        """Return None: the values have no order."""

    def can_widen(self, side: Side) -> bool:  # noqa: ARG002 - every range is asked for both
        """Return False."""
        return False

    @property
    def label(self) -> str:
        """Text for a page."""
        return f"one of {', '.join(map(str, self.values))}"


Range = Annotated[LogUniform | Uniform | Categorical, Field(discriminator="kind")]


def _side(share: float) -> Side | None:
    if share <= OUTER:
        return "low"
    return "high" if share >= 1 - OUTER else None


def _bad_range(low: float, high: float, expected: str, complement: bool = False) -> ParibusError:
    return ParibusError(
        "a range to search",
        got=f"low={low}, high={high}",
        expected=f"{expected}{' <= 1 of a complement' if complement else ''}, both finite",
        fix="Give the ends in their order.",
    )


class SearchSpace(Frozen):
    """Ranges by dotted path into the recipe, such as ``recipe.optimizer.lr``; none is a search over restarts alone."""

    ranges: dict[str, Range] = Field(default_factory=dict)

    def draw(self, streams: Streams, trial: int) -> dict[str, Any]:
        """Return the value at each path in one trial of a seed.

        A path's share of its range depends on seed, salt, trial and path alone, so that variants search alike, and in
        the same order however many trials there are.
        """
        return {
            path: values.at(streams.number("search", trial, path) / 2**63)
            for path, values in self.ranges.items()
        }

    @property
    def label(self) -> str:
        """Text for a page."""
        texts = [f"{path.removeprefix('recipe.')}: {r.label}" for path, r in self.ranges.items()]
        return "; ".join(texts) or "nothing"


def space(**ranges: LogUniform | Uniform | Categorical) -> SearchSpace:
    """Make a space over keyword arguments of the optimizer, which is what most searches are over.

    >>> space(lr=LogUniform(low=0.001, high=3)).label
    'optimizer.lr: log-uniform in [0.001, 3]'
    """
    return SearchSpace(
        ranges={f"recipe.optimizer.{name}": values for name, values in ranges.items()}
    )


def best_trial(values: Sequence[float], higher_is_better: bool) -> int | None:
    """Return the number of the trial with the best finite value, the first of equals; None where none is finite.

    >>> best_trial([0.3, float("nan"), 0.2, 0.2], higher_is_better=False)
    2
    """
    sign = 1.0 if higher_is_better else -1.0
    finite = [k for k, value in enumerate(values) if isfinite(value)]
    return max(finite, key=lambda k: (sign * values[k], -k)) if finite else None


class Edge(NamedTuple):
    """Winners of a variant that crowd one end of a range: so many of so many."""

    path: str
    side: Side
    crowd: int
    winners: int

    @property
    def label(self) -> str:
        """Text for a page.

        >>> Edge("recipe.optimizer.lr", "high", 4, 10).label
        'optimizer.lr at its high end (4 of 10 winners)'
        """
        path = self.path.removeprefix("recipe.")
        return f"{path} at its {self.side} end ({self.crowd} of {self.winners} winners)"


def edges(space: SearchSpace, winners: Sequence[Mapping[str, Any]]) -> list[Edge]:
    """Return the ends in whose outer tenth, or beyond which, over a quarter of the winners lie.

    A winner that says nothing at a path lies at none of its ends.
    """
    ends = []
    sides: tuple[Side, Side] = ("low", "high")
    for path, within in space.ranges.items():
        places = [within.edge(winner[path]) for winner in winners if path in winner]
        ends += [Edge(path, side, places.count(side), len(winners)) for side in sides]
    return [edge for edge in ends if edge.crowd > CROWDED * edge.winners]


def widened(space: SearchSpace, crowded: Sequence[Edge]) -> SearchSpace:
    """Return a variant's space, widened at each end that its own winners crowd, as far as its ranges can be."""
    for edge in crowded:
        space = _widened(space, edge.path, edge.side)
    return space


def _widened(space: SearchSpace, path: str, side: Side) -> SearchSpace:
    within = space.ranges.get(path)
    if not isinstance(within, LogUniform) or not within.can_widen(side):
        return space
    return SearchSpace(ranges={**space.ranges, path: within.widened(side)})
