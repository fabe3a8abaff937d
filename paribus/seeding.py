"""Named randomness: every draw comes from a generator named by a seed and a purpose, never from the global one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch

from paribus.errors import one_of

PURPOSES = ("split", "search", "init", "order", "noise")
SHARED_BY_TRIALS = ("split", "search")


@dataclass(frozen=True)
class Streams:
    """Random streams of one run.

    Two runs with the same seed and salt draw the same numbers for the same purpose, whatever else differs between
    them; this pairs the variants of a comparison. A salt separates them again, for comparisons of a variant with
    itself. A trial of a search shares its seed's split and has initial weights, order and noise of its own, so that
    its winner, trained afresh, is not scored on the randomness that selected it.

    Attributes:
        redrawn: seeds of purposes that are drawn anew while the others stand, such as ``(("init", 7),)``.
    """

    seed: int
    salt: str = ""
    trial: int | None = None
    redrawn: tuple[tuple[str, int], ...] = ()

    def seed_of(self, purpose: str) -> int:
        """Return the seed of a purpose: its own where it is drawn anew, else the run's."""
        return dict(self.redrawn).get(purpose, self.seed)

    def number(self, purpose: str, *names: str | int) -> int:
        """Return a 63-bit number that depends on the seed, the salt, the purpose and the names, and on nothing else.

        In a trial it depends on the trial too, unless it serves the split or the search.

        >>> Streams(1).number("init", "Linear", 0) == Streams(1).number("init", "Linear", 0)
        True
        >>> Streams(1).number("init") == Streams(1).number("order")
        False
        """
        one_of(
            "purpose of a random stream",
            purpose,
            PURPOSES,
            fix="Name the purpose that the draw serves.",
        )
        if self.trial is not None and purpose not in SHARED_BY_TRIALS:
            names = ("trial", self.trial, *names)
        text = "/".join(map(str, (self.seed_of(purpose), self.salt, purpose, *names)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

    def generator(self, purpose: str, *names: str | int) -> torch.Generator:
        """Return a fresh generator for this purpose, always on the CPU, so that every device sees the same numbers."""
        return torch.Generator().manual_seed(self.number(purpose, *names))
